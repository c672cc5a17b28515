/* The inventory of a secure element: what an audit learns, what operations keep true, and what had changed.
 */
#include "se_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "inventory/atr.h"
#include "inventory/difference.h"
#include "inventory/domain_tree.h"
#include "se_test.h"

#define PACKAGE "D07002CA44900101"
#define APPLET  "D07002CA4490010101"
#define ISSUER  "A000000151000000"
#define DOMAIN  "A000000151DE01"
#define LOCK    "{\"state\":\"locked\",\"aidHex\":\"" APPLET "\"}"

/* ---- the lab ---- */

static void open_lab(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
}

static struct bytes make_package(struct lab *lab)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 300 };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	return file;
}

static void run(struct lab *lab, const char *operation, const char *params)
{
	lab_run(lab, operation, params, make_package(lab));
	if (lab->job.result != CARDEA_DONE)
		fail_msg("%s: result %d, %s: %s", operation, lab->job.result, err_name(lab->job.kind),
			 lab->job.reason);
}

static json_t *item(const struct lab *lab)
{
	return json_object_get(json_object_get(lab->job.known, "secure-elements"), "0");
}

static json_t *entry(const json_t *list, const char *aid)
{
	json_t *one;
	size_t i;

	json_array_foreach (list, i, one) {
		if (strcmp(json_string_value(json_object_get(one, "aidHex")), aid) == 0)
			return one;
	}
	return NULL;
}

static const char *state_of(const struct lab *lab, const char *list, const char *aid)
{
	return json_string_value(json_object_get(entry(json_object_get(item(lab), list), aid), "state"));
}

/* "added application; changed resources;" and an exclamation mark for what was not expected. */
static const char *told(const json_t *changes)
{
	static char text[400];
	json_t *change;
	size_t i, len = 0;

	text[0] = '\0';
	json_array_foreach (changes, i, change) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s%s;",
					json_string_value(json_object_get(change, "change")),
					json_string_value(json_object_get(change, "what")),
					json_is_true(json_object_get(change, "isExpected")) ? "" : "!");
		assert_true(len < sizeof(text));
	}
	return text;
}

static const char *later(const struct lab *lab)
{
	return told(json_object_get(item(lab), "changesSinceAudit"));
}

static const char *audited(const struct lab *lab)
{
	return told(json_object_get(json_object_get(item(lab), "audit"), "changes"));
}

/* What somebody else does: the server does not hear of it. */
static void run_unseen(struct lab *lab, const char *operation, const char *params)
{
	json_t *known = json_deep_copy(lab->job.known);

	run(lab, operation, params);
	json_decref(lab->job.known);
	lab->job.known = known;
}

/* ---- what an audit learns ---- */

static void an_audit_learns_reader_channels_and_tree(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.install", "{\"package\":\"1\"}");
	run(&lab, "se.audit", "{}");
	assert_string_equal(json_string_value(json_object_get(item(&lab), "state")), "present");
	assert_string_equal(json_string_value(json_object_get(item(&lab), "type")), "eSE");
	const json_t *channels = json_object_get(item(&lab), "logicalChannels");
	assert_int_equal(json_integer_value(json_object_get(channels, "count")), 4);
	assert_true(json_is_true(json_object_get(channels, "cardAssigns")));
	const json_t *root = json_array_get(json_object_get(item(&lab), "securityDomainTree"), 0);
	assert_string_equal(json_string_value(json_object_get(root, "aidHex")), ISSUER);
	const json_t *applications = json_object_get(root, "applications");
	assert_int_equal(json_array_size(applications), 1);
	assert_string_equal(json_string_value(json_array_get(applications, 0)), APPLET);
	const json_t *file = entry(json_object_get(item(&lab), "loadFiles"), PACKAGE);
	assert_string_equal(json_string_value(json_object_get(file, "version")), "1.0");
	assert_string_equal(json_string_value(json_array_get(json_object_get(file, "modules"), 0)), APPLET);
	assert_true(json_is_null(json_object_get(json_object_get(item(&lab), "audit"), "since")));
	assert_string_equal(audited(&lab), "");
	lab_close(&lab);
}

static void a_tree_says_who_is_below_whom(void **state)
{
	json_t *value = json_loads("{\"issuerSecurityDomain\":{\"aidHex\":\"A0\"},\"securityDomains\":["
				   "{\"aidHex\":\"A1\",\"securityDomainAidHex\":\"A0\"},"
				   "{\"aidHex\":\"A2\",\"securityDomainAidHex\":\"A1\"},"
				   "{\"aidHex\":\"A3\",\"securityDomainAidHex\":\"A3\"},"
				   "{\"aidHex\":\"A4\",\"securityDomainAidHex\":\"FF\"}],"
				   "\"applications\":[{\"aidHex\":\"B1\",\"securityDomainAidHex\":\"A2\"}],"
				   "\"loadFiles\":[{\"aidHex\":\"C1\",\"securityDomainAidHex\":\"A3\"}]}",
				   0, NULL);
	assert_non_null(value);
	json_t *tree = domain_tree(value);
	char *text = json_dumps(tree, JSON_COMPACT);
	assert_string_equal(
		text,
		"[{\"aidHex\":\"A0\",\"applications\":[],\"loadFiles\":[],\"securityDomains\":["
		"{\"aidHex\":\"A1\",\"applications\":[],\"loadFiles\":[],\"securityDomains\":["
		"{\"aidHex\":\"A2\",\"applications\":[\"B1\"],\"loadFiles\":[],\"securityDomains\":[]}]}]},"
		"{\"aidHex\":\"A3\",\"applications\":[],\"loadFiles\":[\"C1\"],\"securityDomains\":[]},"
		"{\"aidHex\":\"A4\",\"applications\":[],\"loadFiles\":[],\"securityDomains\":[]}]");
	free(text);
	json_decref(tree);
	json_decref(value);
}

static void an_answer_to_reset_tells_its_channels(void **state)
{
	static const struct {
		const char *hex;
		enum err err;
		unsigned count;
		bool is_at_least;
	} rows[] = {
		{ "3B8F800180738000135943617264656153696D50", ERR_NONE, 4, false },
		{ "3B058071803100", ERR_NOT_FOUND, 0, false },
		{ "3B880080738000079000", ERR_MALFORMED, 0, false },
		{ "3B068073800017900000", ERR_NONE, 8, true },
		{ "3B080073800012009000", ERR_NONE, 3, false },
		{ "3B8443617264", ERR_MALFORMED, 0, false },
		{ "3B0443617264", ERR_NOT_FOUND, 0, false },
		{ "3B00", ERR_NOT_FOUND, 0, false },
		{ "3C00", ERR_MALFORMED, 0, false },
		{ "", ERR_MALFORMED, 0, false },
	};
	struct lab lab;

	open_lab(&lab);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct atr_channels channels = { 0 };
		if (atr_channels(lab_hex(&lab, rows[i].hex), &channels) != rows[i].err)
			fail_msg("%s: not %s", rows[i].hex, err_name(rows[i].err));
		assert_int_equal(channels.count, rows[i].count);
		assert_int_equal(channels.is_at_least, rows[i].is_at_least);
	}
	lab_close(&lab);
}

static void a_reader_without_a_card_says_so(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.audit", "{}");
	lab.agent.se_state = 1;
	lab_run(&lab, "se.audit", "{}", bytes_of(NULL, 0));
	assert_int_equal(lab.job.result, CARDEA_FAILED);
	assert_int_equal(lab.job.kind, ERR_UNAVAILABLE);
	assert_string_equal(json_string_value(json_object_get(item(&lab), "state")), "absent");
	assert_string_equal(later(&lab), "changed reader-state!;");
	assert_int_equal(json_array_size(lab.job.announced), 1);
	assert_true(json_array_size(json_object_get(item(&lab), "loadFiles")) > 0);
	lab_close(&lab);
}

static void an_audit_tells_of_the_other_readers(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.has_empty_neighbour = true;
	run(&lab, "se.audit", "{}");
	const json_t *other = json_object_get(json_object_get(lab.job.known, "secure-elements"), "1");
	assert_string_equal(json_string_value(json_object_get(other, "state")), "absent");
	assert_null(json_object_get(other, "audit"));
	assert_string_equal(json_string_value(json_object_get(item(&lab), "state")), "present");
	lab_close(&lab);
}

static void another_card_in_the_reader_is_not_taken_for_the_first(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.install", "{\"package\":\"1\"}");
	run(&lab, "se.audit", "{}");
	lab.agent.identifier = "//se-id/CUD/FEDCBA9876543210";
	lab.agent.se_state = 1;
	lab_run(&lab, "se.audit", "{}", bytes_of(NULL, 0));
	assert_null(json_object_get(item(&lab), "loadFiles"));
	lab.agent.se_state = 0;
	run(&lab, "se.audit", "{}");
	assert_string_equal(audited(&lab),
			    "changed reader-state!;changed identifier!;changed reader-state!;");
	lab_close(&lab);
}

static void another_security_domain_adds_its_own_view(void **state)
{
	struct card_domain domain = { .aid = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0xDE, 0x01 }, 7 },
				      .privileges = 0x808000 };
	static const uint8_t value[16] = { 1, 2, 3 };
	struct card_extra_key key = { .domain = domain.aid,
				      .version = 0x73,
				      .id = 1,
				      .components = { { .type = 0x88, .value = bytes_of(value, 16) } } };
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.domains = &domain;
	settings.domain_count = 1;
	settings.extra_keys = &key;
	settings.extra_key_count = 1;
	lab_open(&lab, &settings);
	run(&lab, "se.install", "{\"package\":\"1\"}");
	run(&lab, "se.audit", "{}");
	run(&lab, "se.audit", "{\"securityDomainAidHex\":\"" DOMAIN "\"}");
	assert_string_equal(json_string_value(json_object_get(item(&lab), "securityDomainAidHex")), ISSUER);
	assert_non_null(state_of(&lab, "applications", APPLET));
	assert_non_null(state_of(&lab, "loadFiles", PACKAGE));
	const json_t *entry_of_domain = entry(json_object_get(item(&lab), "securityDomains"), DOMAIN);
	assert_true(json_array_size(json_object_get(entry_of_domain, "keys")) > 0);
	assert_null(strchr(audited(&lab), '!'));
	const json_t *root = json_array_get(json_object_get(item(&lab), "securityDomainTree"), 0);
	assert_non_null(entry(json_object_get(root, "securityDomains"), DOMAIN));
	lab_close(&lab);
}

/* ---- what operations keep true ---- */

static void every_operation_leaves_a_true_inventory(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.audit", "{}");
	run(&lab, "se.install", "{\"package\":\"1\"}");
	assert_string_equal(state_of(&lab, "applications", APPLET), "selectable");
	assert_string_equal(state_of(&lab, "loadFiles", PACKAGE), "loaded");
	run(&lab, "se.set-state", LOCK);
	assert_string_equal(state_of(&lab, "applications", APPLET), "locked");
	assert_int_equal(json_array_size(lab.job.announced), 0);
	assert_null(json_object_get(item(&lab), "isUncertain"));
	run(&lab, "se.audit", "{}");
	assert_null(strchr(audited(&lab), '!'));
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"related\":true}");
	assert_null(state_of(&lab, "loadFiles", PACKAGE));
	run(&lab, "se.audit", "{}");
	assert_null(strchr(audited(&lab), '!'));
	assert_null(json_object_get(item(&lab), "changesSinceAudit"));
	assert_null(state_of(&lab, "applications", APPLET));
	lab_close(&lab);
}

static void a_job_that_fails_leaves_a_true_inventory(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.install", "{\"package\":\"1\"}");
	run(&lab, "se.audit", "{}");
	lab_run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\"}", bytes_of(NULL, 0));
	assert_int_equal(lab.job.result, CARDEA_FAILED);
	assert_string_equal(state_of(&lab, "loadFiles", PACKAGE), "loaded");
	assert_null(json_object_get(item(&lab), "isUncertain"));
	assert_string_equal(later(&lab), "");
	lab_close(&lab);
}

static void a_card_that_was_terminated_is_known_to_be(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.audit", "{}");
	run(&lab, "se.set-state", "{\"state\":\"terminated\",\"confirmTermination\":true}");
	const json_t *issuer = json_object_get(item(&lab), "issuerSecurityDomain");
	assert_string_equal(json_string_value(json_object_get(issuer, "state")), "terminated");
	assert_string_equal(later(&lab), "changed issuer-security-domain;");
	assert_null(json_object_get(item(&lab), "isUncertain"));
	lab_close(&lab);
}

/* ---- what had changed ---- */

static void an_audit_tells_what_others_changed(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.audit", "{}");
	char *first = strdup(json_string_value(json_object_get(json_object_get(item(&lab), "audit"), "at")));
	run(&lab, "se.install", "{\"package\":\"1\"}");
	run_unseen(&lab, "se.set-state", LOCK);
	run(&lab, "se.audit", "{}");
	const char *changes = audited(&lab);
	assert_non_null(strstr(changes, "added application;"));
	assert_non_null(strstr(changes, "changed application!;"));
	const json_t *event = json_array_get(lab.job.announced, 0);
	assert_string_equal(json_string_value(json_object_get(event, "type")), "secure-element.changed");
	const json_t *change = json_array_get(json_object_get(event, "changes"), 0);
	char *text = json_dumps(json_object_get(change, "before"), JSON_COMPACT);
	assert_string_equal(text, "{\"state\":\"selectable\"}");
	free(text);
	assert_true(json_equal(json_object_get(lab.job.reported, "differences"),
			       json_object_get(item(&lab), "audit")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(item(&lab), "audit"), "since")),
			    first);
	free(first);
	run(&lab, "se.audit", "{}");
	assert_string_equal(audited(&lab), "");
	assert_int_equal(json_array_size(lab.job.announced), 0);
	lab_close(&lab);
}

static void what_a_broken_job_did_is_not_blamed_on_others(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.audit", "{}");
	lab.agent.lies_about = 0xE6; /* its answer never comes whole */
	lab.agent.lies = 1000;
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", make_package(&lab));
	assert_int_not_equal(lab.job.result, CARDEA_DONE);
	lab.agent.lies = 0;
	run(&lab, "se.audit", "{}");
	assert_null(strchr(audited(&lab), '!'));
	assert_null(json_object_get(item(&lab), "isUncertain"));
	lab_close(&lab);
}

static void personalization_leaves_doubt_until_the_next_audit(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.install", "{\"package\":\"1\"}");
	run(&lab, "se.audit", "{}");
	run(&lab, "se.store-data", "{\"aidHex\":\"" APPLET "\",\"dataHex\":\"0102\"}");
	assert_true(json_is_true(json_object_get(item(&lab), "isUncertain")));
	run(&lab, "se.audit", "{}");
	assert_null(json_object_get(item(&lab), "isUncertain"));
	lab_close(&lab);
}

static void what_is_not_known_is_no_difference(void **state)
{
	json_t *before = json_loads(
		"{\"applications\":[{\"aidHex\":\"A1\",\"state\":\"selectable\"},"
		"{\"aidHex\":\"A2\"}],\"keys\":[{\"version\":1,\"id\":1},{\"version\":1,\"id\":2}],"
		"\"cplc\":{\"a\":1,\"b\":2},\"iinHex\":\"00\"}",
		0, NULL);
	json_t *after = json_loads(
		"{\"applications\":[{\"aidHex\":\"A1\",\"version\":\"1.0\"},"
		"{\"aidHex\":\"A3\"}],\"keys\":[{\"version\":1,\"id\":1},{\"version\":2,\"id\":1}],"
		"\"loadFiles\":[{\"aidHex\":\"C1\"}],\"cplc\":{\"a\":1},\"iinHex\":\"01\"}",
		0, NULL);
	assert_non_null(before);
	assert_non_null(after);
	json_t *found = differences(before, after);
	assert_string_equal(told(found), "removed application!;added application!;removed key!;added key!;"
					 "changed iin!;");
	json_decref(found);
	json_decref(before);
	json_decref(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_audit_learns_reader_channels_and_tree),
		cmocka_unit_test(a_tree_says_who_is_below_whom),
		cmocka_unit_test(an_answer_to_reset_tells_its_channels),
		cmocka_unit_test(a_reader_without_a_card_says_so),
		cmocka_unit_test(an_audit_tells_of_the_other_readers),
		cmocka_unit_test(another_card_in_the_reader_is_not_taken_for_the_first),
		cmocka_unit_test(another_security_domain_adds_its_own_view),
		cmocka_unit_test(every_operation_leaves_a_true_inventory),
		cmocka_unit_test(a_job_that_fails_leaves_a_true_inventory),
		cmocka_unit_test(a_card_that_was_terminated_is_known_to_be),
		cmocka_unit_test(an_audit_tells_what_others_changed),
		cmocka_unit_test(what_a_broken_job_did_is_not_blamed_on_others),
		cmocka_unit_test(personalization_leaves_doubt_until_the_next_audit),
		cmocka_unit_test(what_is_not_known_is_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
