/* se.ensure against the simulated card: several packages in one job, with everything that may break on the
 * way. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define FILE_A   "D07002CA44900101"
#define APPLET_A "D07002CA4490010101"
#define FILE_B   "D07002CA44900102"
#define APPLET_B "D07002CA4490010201"
#define OTHER_B  "D07002CA4490010202"
#define SECOND_B "D07002CA44900102FF"
#define ISSUER   "A000000151000000"

#define GIVEN_A     "{\"packageId\":\"1\",\"applications\":[{}]}"
#define GIVEN_NEW_A "{\"packageId\":\"3\",\"applications\":[{}]}"
#define GIVEN_B                                                                                              \
	"{\"packageId\":\"2\",\"applications\":[{\"moduleAidHex\":\"" APPLET_B "\",\"state\":\"locked\"},"   \
	"{\"moduleAidHex\":\"" OTHER_B "\",\"aidHex\":\"" SECOND_B "\",\"state\":\"installed\"}]}"
#define BOTH "{\"present\":[" GIVEN_A "," GIVEN_B "]}"

#define INSTALL    0xE6
#define LOAD       0xE8
#define DELETE     0xE4
#define SET_STATUS 0xF0

/* ---- the lab ---- */

static void add_package(struct lab *lab, const char *id, const struct cap_order *order)
{
	struct lab_package *package = &lab->job.packages[lab->job.package_count++];
	struct fault fault = { 0 };

	package->id = id;
	assert_int_equal(cap_build_zip(lab->job.arena, order, &package->package.content), ERR_NONE);
	assert_int_equal(cardea_plugin.packages[0].inspect(NULL, package->package.content, lab->job.arena,
							   &package->package.description, &fault),
			 ERR_NONE);
}

static void open_lab_with(struct lab *lab, const struct card_settings *settings)
{
	lab_open(lab, settings);
	struct cap_order a = { .package_aid = lab_hex(lab, FILE_A),
			       .applets = { lab_hex(lab, APPLET_A) },
			       .applet_count = 1,
			       .major = 1,
			       .code_bytes = 1500 };
	const struct cap_order b = { .package_aid = lab_hex(lab, FILE_B),
				     .applets = { lab_hex(lab, APPLET_B), lab_hex(lab, OTHER_B) },
				     .applet_count = 2,
				     .major = 2,
				     .minor = 3,
				     .code_bytes = 900 };
	add_package(lab, "1", &a);
	add_package(lab, "2", &b);
	a.major = 4;
	add_package(lab, "3", &a);
}

static void open_lab(struct lab *lab)
{
	const struct card_settings settings = card_settings_default();

	open_lab_with(lab, &settings);
}

static void run(struct lab *lab, const char *params)
{
	lab->agent.commands = 0;
	lab_run(lab, "se.ensure", params, bytes_of(NULL, 0));
}

static void run_well(struct lab *lab, const char *params)
{
	run(lab, params);
	if (lab->job.result != CARDEA_DONE)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
}

static void assert_failed(struct lab *lab, const char *params, enum err kind, const char *words)
{
	run(lab, params);
	if (lab->job.result != CARDEA_FAILED || lab->job.kind != kind ||
	    strstr(lab->job.reason, words) == NULL)
		fail_msg("%s: result %d, %s: %s", params, lab->job.result, err_name(lab->job.kind),
			 lab->job.reason);
}

/* "load D0..; install D0..;" */
static const char *told(const struct lab *lab, const char *member)
{
	static char text[1000];
	size_t i, len = 0;
	json_t *action;

	text[0] = '\0';
	json_array_foreach (json_object_get(lab->job.reported, member), i, action) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s;",
					json_string_value(json_object_get(action, "action")),
					json_string_value(json_object_get(action, "aidHex")));
		assert_true(len < sizeof(text));
	}
	return text;
}

static unsigned changes(const struct lab *lab)
{
	static const uint8_t instructions[] = { INSTALL, LOAD, DELETE, SET_STATUS };
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(instructions); i++)
		count += agent_count(&lab->agent, instructions[i]);
	return count;
}

static bool was_as_wanted(const struct lab *lab)
{
	return json_is_true(json_object_get(lab->job.reported, "alreadyAsWanted"));
}

/* 0 when there is none. */
static uint8_t state_of(struct lab *lab, const char *aid)
{
	struct card_object object;

	return card_find(lab->agent.card, lab_hex(lab, aid), &object) ? object.life_cycle : 0;
}

static bool has_both(struct lab *lab)
{
	return lab_has(lab, FILE_A) && lab_has(lab, FILE_B) && state_of(lab, APPLET_A) == 0x07 &&
	       (state_of(lab, APPLET_B) & 0x83) == 0x83 && state_of(lab, SECOND_B) == 0x03;
}

/* ---- what is wanted ---- */

static void what_is_missing_is_brought_once(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, BOTH);
	assert_true(has_both(&lab));
	assert_false(was_as_wanted(&lab));
	assert_string_equal(told(&lab, "actions"),
			    "load " FILE_A ";load " FILE_B ";install " APPLET_A ";install " APPLET_B
			    ";install " SECOND_B ";lock " APPLET_B ";");
	run_well(&lab, BOTH);
	assert_true(was_as_wanted(&lab));
	assert_int_equal(changes(&lab), 0);
	assert_string_equal(told(&lab, "actions"), "");
	lab_close(&lab);
}

static void states_are_changed_where_they_differ(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, BOTH);
	run_well(&lab,
		 "{\"present\":[{\"loadFileAidHex\":\"" FILE_B "\",\"version\":\"2.3\",\"applications\":["
		 "{\"moduleAidHex\":\"" APPLET_B "\"},{\"moduleAidHex\":\"" OTHER_B
		 "\",\"aidHex\":\"" SECOND_B "\"}]}]}");
	assert_string_equal(told(&lab, "actions"), "unlock " APPLET_B ";make-selectable " SECOND_B ";");
	assert_int_equal(state_of(&lab, APPLET_B), 0x07);
	assert_int_equal(state_of(&lab, SECOND_B), 0x07);
	lab_close(&lab);
}

static void another_version_takes_the_place_of_the_old(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, BOTH);
	run_well(&lab, "{\"present\":[" GIVEN_NEW_A "]}");
	assert_string_equal(told(&lab, "actions"), "delete-application " APPLET_A ";delete-load-file " FILE_A
						   ";load " FILE_A ";install " APPLET_A ";");
	assert_true(has_both(&lab));
	run_well(&lab, "{\"present\":[" GIVEN_NEW_A "]}");
	assert_true(was_as_wanted(&lab));
	lab_close(&lab);
}

static void what_is_not_wanted_goes(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, BOTH);
	run_well(&lab, "{\"absent\":[{\"aidHex\":\"" FILE_A "\"},{\"aidHex\":\"" APPLET_A
		       "\"},{\"aidHex\":\"" SECOND_B "\"},{\"aidHex\":\"A0000000990099\"}]}");
	assert_string_equal(told(&lab, "actions"),
			    "delete-application " APPLET_A ";delete-application " SECOND_B
			    ";delete-load-file " FILE_A ";");
	assert_false(lab_has(&lab, FILE_A) || lab_has(&lab, SECOND_B));
	assert_true(lab_has(&lab, FILE_B));
	lab_close(&lab);
}

static void instances_that_nobody_mentions_stay_unless_they_may_go(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, BOTH);
	assert_failed(&lab, "{\"absent\":[{\"aidHex\":\"" FILE_B "\"},{\"aidHex\":\"" APPLET_B "\"}]}",
		      ERR_CONFLICT, SECOND_B);
	assert_int_equal(changes(&lab), 0);
	assert_true(has_both(&lab));
	run_well(&lab, "{\"absent\":[{\"aidHex\":\"" FILE_B "\"}],\"removeInstances\":true}");
	assert_false(lab_has(&lab, FILE_B) || lab_has(&lab, APPLET_B) || lab_has(&lab, SECOND_B));
	lab_close(&lab);
}

static void an_application_with_other_privileges_is_replaced_only_when_it_may_go(void **state)
{
	static const char other[] = "{\"present\":[{\"packageId\":\"1\",\"applications\":[{\"privileges\":["
				    "\"cvm-management\"]}]}]%s}";
	struct card_object object;
	struct lab lab;
	char params[300];

	open_lab(&lab);
	run_well(&lab, "{\"present\":[" GIVEN_A "]}");
	snprintf(params, sizeof(params), other, "");
	assert_failed(&lab, params, ERR_CONFLICT, "other privileges");
	snprintf(params, sizeof(params), other, ",\"removeInstances\":true");
	run_well(&lab, params);
	assert_true(card_find(lab.agent.card, lab_hex(&lab, APPLET_A), &object));
	assert_int_equal(object.privileges, 0x020000);
	lab_close(&lab);
}

static void a_plan_changes_nothing(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, "{\"plan\":true,\"present\":[" GIVEN_A "," GIVEN_B "]}");
	assert_true(json_is_true(json_object_get(lab.job.reported, "isPlan")));
	assert_int_equal(changes(&lab), 0);
	assert_false(lab_has(&lab, FILE_A));
	json_t *planned = json_incref(json_object_get(lab.job.reported, "actions"));
	run_well(&lab, BOTH);
	assert_true(json_equal(planned, json_object_get(lab.job.reported, "actions")));
	json_decref(planned);
	lab_close(&lab);
}

/* ---- what cannot be had ---- */

static void what_is_impossible_is_refused_before_anything_is_done(void **state)
{
	static const struct {
		const char *params;
		enum err kind;
		const char *words;
	} rows[] = {
		{ "{\"present\":[{\"loadFileAidHex\":\"" FILE_B "\"}]}", ERR_NOT_FOUND, "no package" },
		{ "{\"present\":[{\"loadFileAidHex\":\"" FILE_A "\",\"version\":\"9.0\"}]}", ERR_CONFLICT,
		  "in version 1.0, not 9.0" },
		{ "{\"present\":[{\"packageId\":\"1\",\"applications\":[{\"state\":\"installed\"}]}]}",
		  ERR_CONFLICT, "no way leads back" },
		{ "{\"present\":[{\"packageId\":\"2\",\"applications\":[{\"moduleAidHex\":\"" OTHER_B
		  "\",\"aidHex\":\"" APPLET_A "\"}]}]}",
		  ERR_CONFLICT, "another load file" },
		{ "{\"present\":[{\"packageId\":\"7\"}]}", ERR_NOT_FOUND, "present[0].packageId" },
		{ "{\"present\":[{}]}", ERR_MALFORMED, "packageId or loadFileAidHex" },
		{ "{\"present\":[{\"packageId\":\"1\",\"version\":\"2.0\"}]}", ERR_CONFLICT,
		  "the package is 1.0" },
		{ "{\"present\":[{\"packageId\":\"1\",\"loadFileAidHex\":\"" FILE_B "\"}]}", ERR_CONFLICT,
		  "the package is " FILE_A },
		{ "{\"present\":[{\"packageId\":\"2\",\"applications\":[{}]}]}", ERR_MALFORMED,
		  "present[0].applications[0]: moduleAidHex" },
		{ "{\"present\":[{\"packageId\":\"1\",\"applications\":[{\"privileges\":[\"fly\"]}]}]}",
		  ERR_MALFORMED, "fly" },
		{ "{\"present\":[" GIVEN_A "," GIVEN_NEW_A "]}", ERR_MALFORMED, "twice" },
		{ "{\"present\":[" GIVEN_A "],\"absent\":[{\"aidHex\":\"" APPLET_A "\"}]}", ERR_MALFORMED,
		  "wanted too" },
		{ "{\"absent\":[{\"aidHex\":\"" ISSUER "\"}]}", ERR_CONFLICT, "security domain" },
	};
	struct lab lab;

	open_lab(&lab);
	run_well(&lab, "{\"present\":[" GIVEN_A "]}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_failed(&lab, rows[i].params, rows[i].kind, rows[i].words);
		assert_int_equal(changes(&lab), 0);
	}
	lab_close(&lab);
}

static void a_security_domain_that_needs_tokens_is_refused(void **state)
{
	struct card_domain domain = { .aid = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0xDE, 0x01 }, 7 },
				      .privileges = 0xA08000 };
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.domains = &domain;
	settings.domain_count = 1;
	open_lab_with(&lab, &settings);
	assert_failed(&lab, "{\"present\":[" GIVEN_A "],\"securityDomainAidHex\":\"A000000151DE01\"}",
		      ERR_UNSUPPORTED, "delegated management");
	assert_int_equal(changes(&lab), 0);
	lab_close(&lab);
}

static void what_does_not_fit_is_not_begun(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.nonvolatile_bytes = 2000;
	open_lab_with(&lab, &settings);
	assert_failed(&lab, BOTH, ERR_LIMIT, "non-volatile memory");
	assert_int_equal(changes(&lab), 0);
	lab_close(&lab);
}

static void a_refusal_in_the_middle_tells_what_is_left(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.nonvolatile_bytes = 2500;
	open_lab_with(&lab, &settings);
	run_well(&lab, "{\"present\":[" GIVEN_A "]}");
	/* what the deletion frees is not known before: the card decides */
	assert_failed(&lab,
		      "{\"absent\":[{\"aidHex\":\"A0000000990099\"}],\"present\":[" GIVEN_NEW_A "," GIVEN_B
		      ",{\"loadFileAidHex\":\"" FILE_A "FF\"}]}",
		      ERR_NOT_FOUND, "no package");
	assert_int_equal(changes(&lab), 0);
	assert_failed(&lab, "{\"present\":[" GIVEN_NEW_A "," GIVEN_B "]}", ERR_LIMIT, "6A84");
	assert_true(lab_has(&lab, FILE_A));
	assert_false(lab_has(&lab, FILE_B));
	assert_non_null(strstr(told(&lab, "left"), "load " FILE_B));
	assert_null(strstr(told(&lab, "left"), "load " FILE_A));
	lab_close(&lab);
}

/* ---- breaks ---- */

static void every_break_ends_in_what_is_wanted(void **state)
{
	static const char wanted[] =
		"{\"present\":[" GIVEN_NEW_A "," GIVEN_B "],\"absent\":[{\"aidHex\":\"" SECOND_B "FF\"}]}";

	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open_lab(&lab);
			run_well(&lab, "{\"present\":[" GIVEN_A "]}");
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			run_well(&lab, wanted);
			requests = lab.job.requests;
			assert_true(has_both(&lab));
			lab.job.break_kind = BREAK_NEVER;
			run_well(&lab, wanted);
			assert_true(was_as_wanted(&lab));
			lab_close(&lab);
		}
	}
}

static void many_breaks_end_in_what_is_wanted(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.job.break_kind = REBOOT_BEFORE;
	lab.job.break_at = 9;
	lab.job.break_again_every = 23;
	run_well(&lab, BOTH);
	assert_true(has_both(&lab));
	lab_close(&lab);
}

static void small_scripts_carry_several_packages(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.max_request = lab.agent.max_response = 300;
	run_well(&lab, BOTH);
	assert_true(has_both(&lab));
	assert_int_equal(agent_count(&lab.agent, INSTALL), 5);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_brought_once),
		cmocka_unit_test(states_are_changed_where_they_differ),
		cmocka_unit_test(another_version_takes_the_place_of_the_old),
		cmocka_unit_test(what_is_not_wanted_goes),
		cmocka_unit_test(instances_that_nobody_mentions_stay_unless_they_may_go),
		cmocka_unit_test(an_application_with_other_privileges_is_replaced_only_when_it_may_go),
		cmocka_unit_test(a_plan_changes_nothing),
		cmocka_unit_test(what_is_impossible_is_refused_before_anything_is_done),
		cmocka_unit_test(a_security_domain_that_needs_tokens_is_refused),
		cmocka_unit_test(what_does_not_fit_is_not_begun),
		cmocka_unit_test(a_refusal_in_the_middle_tells_what_is_left),
		cmocka_unit_test(every_break_ends_in_what_is_wanted),
		cmocka_unit_test(many_breaks_end_in_what_is_wanted),
		cmocka_unit_test(small_scripts_carry_several_packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
