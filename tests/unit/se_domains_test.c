/* Security domains: made, given keys, personalized; content moved under them, and what they may changed. */
#include "se_lab.h"

#include <string.h>

#include "se_test.h"

#define ISSUER  "A000000151000000"
#define DOMAIN  "A0000001515350AA01"
#define PACKAGE "D07002CA44900101"
#define APPLET  PACKAGE "01"
#define OWN_KEY "101112131415161718191A1B1C1D1E1F"
#define INSTALL 0xE6

static void open_card(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
	lab->job.keysets[0].aid = lab_hex(lab, ISSUER);
	lab_add_keys(lab, 0x30, OWN_KEY, OWN_KEY, OWN_KEY);
	lab->job.keysets[1].aid = lab_hex(lab, DOMAIN);
}

#define CREATE "{\"aidHex\":\"" DOMAIN "\",\"privileges\":[\"authorized-management\",\"trusted-path\"]}"

static void create(struct lab *lab)
{
	lab_do(lab, "se.create-domain", CREATE);
}

static void assert_created(struct lab *lab)
{
	lab_assert_done(lab);
	assert_int_equal(lab_object(lab, DOMAIN).kind, CARD_SECURITY_DOMAIN);
	assert_int_equal(lab_object(lab, DOMAIN).privileges, 0x80C000);
	assert_int_equal(lab_object(lab, DOMAIN).life_cycle, 0x07);
}

static void open_with_domain(struct lab *lab)
{
	open_card(lab);
	create(lab);
	lab_assert_done(lab);
}

#define OF_DOMAIN "\"securityDomainAidHex\":\"" DOMAIN "\""
#define FIRST_KEYS                                                                                           \
	"{" OF_DOMAIN ",\"newKeyVersion\":48,\"keyVersion\":48,\"presentKeysAidHex\":\"" ISSUER "\"}"

static void put_first_keys(struct lab *lab)
{
	lab_do(lab, "se.put-keys", FIRST_KEYS);
}

/* Personalized, with keys of its own. */
static void open_with_personalized_domain(struct lab *lab)
{
	open_with_domain(lab);
	put_first_keys(lab);
	lab_assert_done(lab);
	lab_do(lab, "se.set-state", "{" OF_DOMAIN ",\"state\":\"personalized\"}");
	lab_assert_done(lab);
	lab_run(lab, "se.install", "{\"package\":\"1\"}", lab_package(lab, PACKAGE, 1, 300));
	lab_assert_done(lab);
}

/* ---- making them ---- */

static void a_security_domain_is_made_once(void **state)
{
	struct lab lab;

	open_card(&lab);
	create(&lab);
	assert_created(&lab);
	assert_false(lab_flag(&lab, "alreadyCreated"));
	create(&lab);
	assert_created(&lab);
	assert_true(lab_flag(&lab, "alreadyCreated"));
	assert_int_equal(agent_count(&lab.agent, INSTALL), 1);
	lab_close(&lab);
}

static void making_one_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_card, create, assert_created);
	lab_cut_everywhere(open_card, create, assert_created);
}

static void its_parameters_reach_the_card(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.create-domain",
	       "{\"aidHex\":\"" DOMAIN "\",\"protocolsHex\":[\"0370\"],\"acceptsExtradition\":true,"
	       "\"acceptsDeletion\":false,\"releasesByExtradition\":true,\"reservedNonVolatileBytes\":512,"
	       "\"domainParametersHex\":\"860101\"}");
	lab_assert_done(&lab);
	struct bytes parameters;
	assert_true(card_stored_data(lab.agent.card, lab_hex(&lab, DOMAIN), 0xC9, &parameters));
	assert_string_equal(bytes_to_hex(lab.job.arena, parameters), "810203708201F08301008701F0860101");
	assert_int_equal(lab_object(&lab, DOMAIN).privileges, 0x808000);
	lab_close(&lab);
}

static void one_that_is_only_installed_becomes_selectable(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.create-domain", "{\"aidHex\":\"" DOMAIN "\",\"makeSelectable\":false}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, DOMAIN).life_cycle, 0x03);
	lab_do(&lab, "se.create-domain", "{\"aidHex\":\"" DOMAIN "\"}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, DOMAIN).life_cycle, 0x07);
	lab_close(&lab);
}

static void another_one_under_its_aid_is_a_conflict(void **state)
{
	static const struct {
		const char *params, *words;
	} rows[] = {
		{ "{\"aidHex\":\"" DOMAIN "\"}", "with privileges 80C000, wanted are 808000" },
		{ "{\"aidHex\":\"" APPLET "\"}", "is no security domain" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_with_personalized_domain(&lab);
		unsigned sent = agent_count(&lab.agent, INSTALL);
		lab_do(&lab, "se.create-domain", rows[i].params);
		lab_assert_failed(&lab, ERR_CONFLICT, rows[i].words);
		assert_int_equal(agent_count(&lab.agent, INSTALL), sent);
		lab_close(&lab);
	}
}

static void what_the_card_refuses_is_said(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.create-domain",
	       "{\"aidHex\":\"" DOMAIN
	       "\",\"loadFileAidHex\":\"D07002CA449009\",\"moduleAidHex\":\"D07002CA44900901\"}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "6A88");
	lab_do(&lab, "se.create-domain", "{\"aidHex\":\"" DOMAIN "\",\"protocolsHex\":[\"0255\"]}");
	lab_assert_failed(&lab, ERR_MALFORMED, "6A80");
	assert_false(lab_has(&lab, DOMAIN));
	lab_close(&lab);
}

/* ---- their first keys ---- */

static void assert_has_own_keys(struct lab *lab)
{
	uint32_t counter;

	lab_assert_done(lab);
	assert_true(card_sequence_counter(lab->agent.card, lab_hex(lab, DOMAIN), 0x30, &counter));
}

static void first_keys_come_over_those_of_the_domain_above(void **state)
{
	struct lab lab;

	open_with_domain(&lab);
	put_first_keys(&lab);
	assert_has_own_keys(&lab);
	assert_false(lab_flag(&lab, "alreadyPresent"));
	put_first_keys(&lab);
	assert_has_own_keys(&lab);
	assert_true(lab_flag(&lab, "alreadyPresent"));
	assert_int_equal(agent_count(&lab.agent, 0xD8), 1);
	lab_close(&lab);
}

static void first_keys_come_by_store_data_too(void **state)
{
	struct lab lab;

	open_with_domain(&lab);
	lab_do(&lab, "se.put-keys",
	       "{" OF_DOMAIN ",\"newKeyVersion\":48,\"keyVersion\":48,\"presentKeysAidHex\":\"" ISSUER
	       "\",\"method\":\"store-data\"}");
	assert_has_own_keys(&lab);
	assert_int_equal(agent_count(&lab.agent, 0xD8), 0);
	lab_close(&lab);
}

static void first_keys_survive_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_with_domain, put_first_keys, assert_has_own_keys);
	lab_cut_everywhere(open_with_domain, put_first_keys, assert_has_own_keys);
}

static void a_security_domain_calls_itself_personalized_once(void **state)
{
	struct lab lab;

	open_with_domain(&lab);
	put_first_keys(&lab);
	for (unsigned i = 0; i < 2; i++) {
		lab_do(&lab, "se.set-state", "{" OF_DOMAIN ",\"state\":\"personalized\"}");
		lab_assert_done(&lab);
		assert_int_equal(lab_object(&lab, DOMAIN).life_cycle, 0x0F);
		assert_int_equal(lab_flag(&lab, "alreadySet"), i == 1);
	}
	lab_do(&lab, "se.set-state", "{\"state\":\"personalized\"}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, ISSUER); /* the issuer's has the state of the card */
	lab_close(&lab);
}

/* ---- all below one ---- */

static void a_security_domain_is_locked_with_all_below_it(void **state)
{
	struct lab lab;

	open_with_personalized_domain(&lab);
	lab_do(&lab, "se.extradite", "{\"aidHex\":\"" APPLET "\",\"toSecurityDomainAidHex\":\"" DOMAIN "\"}");
	lab_assert_done(&lab);
	lab_do(&lab, "se.set-state", "{\"state\":\"locked\",\"aidHex\":\"" DOMAIN "\",\"related\":true}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, DOMAIN).life_cycle, 0x8F);
	assert_int_equal(lab_object(&lab, APPLET).life_cycle, 0x87);
	lab_do(&lab, "se.set-state", "{\"state\":\"locked\",\"aidHex\":\"" DOMAIN "\",\"related\":true}");
	assert_true(lab_flag(&lab, "alreadySet"));
	assert_int_equal(agent_count(&lab.agent, 0xF0), 2); /* personalized, locked */
	lab_do(&lab, "se.set-state", "{\"state\":\"unlocked\",\"aidHex\":\"" DOMAIN "\",\"related\":true}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, APPLET).life_cycle, 0x07);
	lab_close(&lab);
}

/* ---- extradition ---- */

static void extradite(struct lab *lab)
{
	lab_do(lab, "se.extradite", "{\"aidHex\":\"" APPLET "\",\"toSecurityDomainAidHex\":\"" DOMAIN "\"}");
}

static void assert_extradited(struct lab *lab)
{
	const struct card_aid owner = lab_object(lab, APPLET).security_domain;

	lab_assert_done(lab);
	assert_true(bytes_equal(bytes_of(owner.at, owner.len), lab_hex(lab, DOMAIN)));
}

static void an_application_comes_under_another_domain_once(void **state)
{
	struct lab lab;

	open_with_personalized_domain(&lab);
	unsigned sent = agent_count(&lab.agent, INSTALL);
	extradite(&lab);
	assert_extradited(&lab);
	extradite(&lab);
	assert_extradited(&lab);
	assert_true(lab_flag(&lab, "alreadyExtradited"));
	lab_do(&lab, "se.extradite",
	       "{\"aidHex\":\"" PACKAGE "\",\"toSecurityDomainAidHex\":\"" DOMAIN "\"}");
	lab_assert_done(&lab); /* load files too */
	assert_int_equal(agent_count(&lab.agent, INSTALL), sent + 2);
	lab_close(&lab);
}

static void extradition_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_with_personalized_domain, extradite, assert_extradited);
	lab_cut_everywhere(open_with_personalized_domain, extradite, assert_extradited);
}

static void what_cannot_be_extradited_is_refused(void **state)
{
	struct lab lab;

	open_with_domain(&lab); /* not personalized */
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", lab_package(&lab, PACKAGE, 1, 300));
	extradite(&lab);
	lab_assert_failed(&lab, ERR_CONFLICT, "must be personalized");
	lab_do(&lab, "se.extradite",
	       "{\"aidHex\":\"D07002CA449009\",\"toSecurityDomainAidHex\":\"" DOMAIN "\"}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "no application or load file");
	lab_close(&lab);
}

/* A security domain of its own hierarchy is still seen by one that has the global registry. */
static void a_domain_becomes_the_root_of_a_hierarchy(void **state)
{
	struct lab lab;

	open_with_personalized_domain(&lab);
	lab_do(&lab, "se.extradite", "{\"aidHex\":\"" DOMAIN "\",\"toSecurityDomainAidHex\":\"" DOMAIN "\"}");
	lab_assert_done(&lab);
	assert_true(lab_flag(&lab, "isVisible"));
	lab_close(&lab);
}

/* ---- registry update ---- */

static void update(struct lab *lab)
{
	lab_do(lab, "se.update-registry",
	       "{\"aidHex\":\"" APPLET "\",\"privileges\":[\"cvm-management\",\"global-service\"],"
	       "\"implicitSelection\":[\"contact:1\",\"contactless:0\"]}");
}

static void assert_updated(struct lab *lab)
{
	lab_assert_done(lab);
	assert_int_equal(lab_object(lab, APPLET).privileges, 0x020100);
	const json_t *application = json_object_get(lab->job.reported, "application");
	assert_string_equal(json_string_value(json_object_get(application, "implicitSelectionHex")), "4180");
}

static void privileges_and_selection_are_updated_once(void **state)
{
	struct lab lab;

	open_with_personalized_domain(&lab);
	unsigned sent = agent_count(&lab.agent, INSTALL);
	update(&lab);
	assert_updated(&lab);
	update(&lab);
	assert_updated(&lab);
	assert_true(lab_flag(&lab, "alreadyUpdated"));
	assert_int_equal(agent_count(&lab.agent, INSTALL), sent + 1);
	lab_close(&lab);
}

static void updating_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_with_personalized_domain, update, assert_updated);
	lab_cut_everywhere(open_with_personalized_domain, update, assert_updated);
}

static void services_are_recorded_with_the_privilege(void **state)
{
	struct lab lab;

	open_with_personalized_domain(&lab);
	lab_do(&lab, "se.update-registry", "{\"aidHex\":\"" APPLET "\",\"globalServicesHex\":\"8211\"}");
	lab_assert_failed(&lab, ERR_MALFORMED, "6A80");
	lab_do(&lab, "se.update-registry",
	       "{\"aidHex\":\"" APPLET
	       "\",\"privileges\":[\"global-service\"],\"globalServicesHex\":\"8211\"}");
	lab_assert_done(&lab);
	assert_string_equal(bytes_to_hex(lab.job.arena, lab_object(&lab, APPLET).services), "8211");
	lab_close(&lab);
}

static void restrict_domain(struct lab *lab)
{
	lab_do(lab, "se.update-registry",
	       "{\"aidHex\":\"" DOMAIN
	       "\",\"restrictions\":[\"load\",\"delete\"],\"confirmRestrictions\":true}");
}

static void assert_restricted(struct lab *lab)
{
	lab_assert_done(lab);
	assert_int_equal(lab_object(lab, DOMAIN).restrictions, 0x03);
}

static void restrictions_are_set_whatever_breaks(void **state)
{
	lab_break_everywhere(open_with_personalized_domain, restrict_domain, assert_restricted);
	lab_cut_everywhere(open_with_personalized_domain, restrict_domain, assert_restricted);
}

/* What nobody can see afterwards, and the card takes only once, is not claimed. */
static void a_restriction_of_updates_is_never_claimed_without_its_answer(void **state)
{
	unsigned commands = 1, unknown = 0;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_card(&lab);
		lab.agent.commands = 0;
		lab.agent.cut_after = cut;
		lab_do(&lab, "se.update-registry",
		       "{\"restrictions\":[\"registry-update\"],\"confirmRestrictions\":true}");
		commands = lab.agent.commands;
		if (lab.job.result == CARDEA_DONE)
			assert_int_equal(lab_object(&lab, ISSUER).restrictions, 0x40);
		else
			assert_int_equal(lab.job.result, CARDEA_UNKNOWN);
		unknown += lab.job.result == CARDEA_UNKNOWN;
		lab_close(&lab);
	}
	assert_true(unknown > 0 && unknown < commands);
}

static void updates_that_make_no_sense_are_refused_before_they_are_sent(void **state)
{
	static const struct {
		const char *params;
		enum err kind;
		const char *words;
	} rows[] = {
		{ "{}", ERR_MALFORMED, "nothing to change" },
		{ "{\"privileges\":[\"card-lock\"]}", ERR_MALFORMED, "aidHex" },
		{ "{\"restrictions\":[\"load\"]}", ERR_CONFLICT, "confirmRestrictions" },
		{ "{\"aidHex\":\"D07002CA449009\",\"privileges\":[]}", ERR_NOT_FOUND, "no application" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_card(&lab);
		lab_do(&lab, "se.update-registry", rows[i].params);
		lab_assert_failed(&lab, rows[i].kind, rows[i].words);
		assert_int_equal(agent_count(&lab.agent, INSTALL), 0);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_security_domain_is_made_once),
		cmocka_unit_test(making_one_survives_a_break_everywhere),
		cmocka_unit_test(its_parameters_reach_the_card),
		cmocka_unit_test(one_that_is_only_installed_becomes_selectable),
		cmocka_unit_test(another_one_under_its_aid_is_a_conflict),
		cmocka_unit_test(what_the_card_refuses_is_said),
		cmocka_unit_test(first_keys_come_over_those_of_the_domain_above),
		cmocka_unit_test(first_keys_come_by_store_data_too),
		cmocka_unit_test(first_keys_survive_a_break_everywhere),
		cmocka_unit_test(a_security_domain_calls_itself_personalized_once),
		cmocka_unit_test(a_security_domain_is_locked_with_all_below_it),
		cmocka_unit_test(an_application_comes_under_another_domain_once),
		cmocka_unit_test(extradition_survives_a_break_everywhere),
		cmocka_unit_test(what_cannot_be_extradited_is_refused),
		cmocka_unit_test(a_domain_becomes_the_root_of_a_hierarchy),
		cmocka_unit_test(privileges_and_selection_are_updated_once),
		cmocka_unit_test(updating_survives_a_break_everywhere),
		cmocka_unit_test(services_are_recorded_with_the_privilege),
		cmocka_unit_test(restrictions_are_set_whatever_breaks),
		cmocka_unit_test(a_restriction_of_updates_is_never_claimed_without_its_answer),
		cmocka_unit_test(updates_that_make_no_sense_are_refused_before_they_are_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
