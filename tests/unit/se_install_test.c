/* se.install in all its variants, against the simulated card. */
#include "se_lab.h"

#include <string.h>

#include "se_test.h"

#define PACKAGE "D07002CA44900101"
#define FIRST   PACKAGE "01"
#define SECOND  PACKAGE "02"
#define INSTALL 0xE6
#define LOAD    0xE8

static void open_card(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
}

static void install(struct lab *lab, const char *params)
{
	lab_run(lab, "se.install", params, lab_package(lab, PACKAGE, 2, 700));
}

/* The card with the load file on it, and nothing from it. */
static void open_with_load_file(struct lab *lab)
{
	open_card(lab);
	install(lab, "{\"package\":\"1\",\"loadOnly\":true}");
	lab_assert_done(lab);
}

static void a_load_file_alone_is_loaded_once(void **state)
{
	struct lab lab;

	open_with_load_file(&lab);
	assert_true(lab_has(&lab, PACKAGE));
	assert_false(lab_has(&lab, FIRST));
	assert_false(lab_flag(&lab, "alreadyInstalled"));
	unsigned sent = agent_count(&lab.agent, LOAD);
	install(&lab, "{\"package\":\"1\",\"loadOnly\":true}");
	lab_assert_done(&lab);
	assert_true(lab_flag(&lab, "alreadyInstalled"));
	assert_int_equal(agent_count(&lab.agent, LOAD), sent);
	lab_close(&lab);
}

static void load_only(struct lab *lab)
{
	install(lab, "{\"package\":\"1\",\"loadOnly\":true}");
}

static void assert_load_file_alone(struct lab *lab)
{
	lab_assert_done(lab);
	assert_true(lab_has(lab, PACKAGE));
	assert_false(lab_has(lab, FIRST));
}

static void loading_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_card, load_only, assert_load_file_alone);
	lab_cut_everywhere(open_card, load_only, assert_load_file_alone);
}

static void applications_come_from_a_load_file_that_is_there(void **state)
{
	struct lab lab;

	open_with_load_file(&lab);
	unsigned loads = agent_count(&lab.agent, LOAD);
	lab_do(&lab, "se.install",
	       "{\"loadFileAidHex\":\"" PACKAGE "\",\"moduleAidHex\":\"" SECOND
	       "\",\"instanceAidHex\":\"D07002CA449001FF\"}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, "D07002CA449001FF").life_cycle, 0x07);
	assert_int_equal(agent_count(&lab.agent, LOAD), loads);
	lab_close(&lab);
}

static void an_application_is_made_selectable_later(void **state)
{
	struct lab lab;

	open_with_load_file(&lab);
	lab_do(&lab, "se.install",
	       "{\"loadFileAidHex\":\"" PACKAGE "\",\"moduleAidHex\":\"" FIRST
	       "\",\"makeSelectable\":false,\"implicitSelection\":[\"contact:2\"]}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, FIRST).life_cycle, 0x03);
	lab_do(&lab, "se.install",
	       "{\"loadFileAidHex\":\"" PACKAGE "\",\"instanceAidHex\":\"" FIRST
	       "\",\"implicitSelection\":[\"contact:2\"]}");
	lab_assert_done(&lab);
	assert_int_equal(lab_object(&lab, FIRST).life_cycle, 0x07);
	assert_false(lab_flag(&lab, "alreadyInstalled"));
	lab_do(&lab, "se.audit", "{}");
	lab_assert_done(&lab);
	const json_t *card = json_object_get(lab.job.reported, "secureElement");
	const json_t *application = json_array_get(json_object_get(card, "applications"), 0);
	assert_string_equal(json_string_value(json_object_get(application, "implicitSelectionHex")), "42");
	lab_close(&lab);
}

#define BOTH                                                                                                 \
	"{\"package\":\"1\",\"applications\":[{\"moduleAidHex\":\"" FIRST                                    \
	"\",\"privileges\":[\"cvm-management\"]},{\"moduleAidHex\":\"" SECOND                                \
	"\",\"makeSelectable\":false}]}"

static void install_both(struct lab *lab)
{
	install(lab, BOTH);
}

static void assert_both(struct lab *lab)
{
	lab_assert_done(lab);
	assert_int_equal(lab_object(lab, FIRST).privileges, 0x020000);
	assert_int_equal(lab_object(lab, FIRST).life_cycle, 0x07);
	assert_int_equal(lab_object(lab, SECOND).life_cycle, 0x03);
	assert_int_equal(json_array_size(json_object_get(lab->job.reported, "applications")), 2);
}

static void one_load_file_brings_several_applications(void **state)
{
	lab_break_everywhere(open_card, install_both, assert_both);
	lab_cut_everywhere(open_card, install_both, assert_both);
}

static void several_applications_are_installed_once(void **state)
{
	struct lab lab;

	open_card(&lab);
	install_both(&lab);
	assert_both(&lab);
	unsigned sent = agent_count(&lab.agent, INSTALL);
	install_both(&lab);
	assert_both(&lab);
	assert_true(lab_flag(&lab, "alreadyInstalled"));
	assert_int_equal(agent_count(&lab.agent, INSTALL), sent);
	lab_close(&lab);
}

/* The quota of the second is more than the card has. */
#define SECOND_IS_TOO_BIG                                                                                    \
	"\"applications\":[{\"moduleAidHex\":\"" FIRST "\"},{\"moduleAidHex\":\"" SECOND                     \
	"\",\"nonVolatileBytes\":4000000000}]}"

static void a_refused_application_takes_away_what_came_with_it(void **state)
{
	struct lab lab;

	open_card(&lab);
	install(&lab, "{\"package\":\"1\"," SECOND_IS_TOO_BIG);
	lab_assert_failed(&lab, ERR_LIMIT, "6A84");
	assert_false(lab_has(&lab, FIRST));
	assert_false(lab_has(&lab, PACKAGE));
	lab_close(&lab);
}

static void what_stays_of_a_refused_job_is_named(void **state)
{
	struct lab lab;

	open_with_load_file(&lab);
	install(&lab, "{\"package\":\"1\"," SECOND_IS_TOO_BIG);
	lab_assert_failed(&lab, ERR_LIMIT, FIRST " stays on the card");
	assert_true(lab_has(&lab, FIRST));
	lab_close(&lab);
}

static json_int_t memory(const struct lab *lab, const char *when)
{
	const json_t *memory = json_object_get(lab->job.reported, when);

	assert_true(json_is_object(memory));
	return json_integer_value(json_object_get(memory, "freeNonVolatileBytes"));
}

static void free_memory_is_told_before_and_after(void **state)
{
	struct lab lab;

	open_card(&lab);
	install(&lab, "{\"package\":\"1\",\"moduleAidHex\":\"" FIRST
		      "\",\"reservedNonVolatileBytes\":500,\"reservedVolatileBytes\":100}");
	lab_assert_done(&lab);
	assert_true(memory(&lab, "memoryBefore") - memory(&lab, "memoryAfter") >= 700 + 500);
	lab_close(&lab);
}

static void what_cannot_fit_is_not_begun(void **state)
{
	static const char *const params[] = {
		"{\"package\":\"1\",\"loadOnly\":true,\"loadNonVolatileBytes\":3000}",
		"{\"package\":\"1\",\"moduleAidHex\":\"" FIRST "\",\"reservedNonVolatileBytes\":3000}",
		"{\"package\":\"1\",\"moduleAidHex\":\"" FIRST "\",\"reservedVolatileBytes\":3000}",
	};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		struct card_settings settings = card_settings_default();
		struct lab lab;
		settings.nonvolatile_bytes = 3500;
		lab_open(&lab, &settings);
		install(&lab, params[i]);
		lab_assert_failed(&lab, ERR_LIMIT, "memory are needed, the card has");
		assert_int_equal(agent_count(&lab.agent, INSTALL), 0);
		lab_close(&lab);
	}
}

static void parameters_of_a_uicc_go_through(void **state)
{
	struct lab lab;

	open_card(&lab);
	install(&lab, "{\"package\":\"1\",\"moduleAidHex\":\"" FIRST
		      "\",\"uiccAccessHex\":\"0100\",\"uiccTemplateHex\":\"8000\","
		      "\"privileges\":[\"global-service\"],\"globalServicesHex\":\"8211\"}");
	lab_assert_done(&lab);
	assert_non_null(strstr(lab.job.trace_text, "CB028211CA020100EA028000"));
	lab_close(&lab);
}

static void what_makes_no_sense_is_refused_before_it_is_sent(void **state)
{
	static const struct {
		const char *params;
		enum err kind;
		const char *words;
	} rows[] = {
		{ "{}", ERR_MALFORMED, "loadFileAidHex" },
		{ "{\"loadFileAidHex\":\"" PACKAGE "\"}", ERR_MALFORMED, "instanceAidHex" },
		{ "{\"loadFileAidHex\":\"" PACKAGE "\",\"loadOnly\":true}", ERR_MALFORMED, "loadOnly" },
		{ "{\"loadFileAidHex\":\"D07002CA449009\",\"moduleAidHex\":\"" FIRST "\"}", ERR_NOT_FOUND,
		  "is not on the card, and there is no package" },
		{ "{\"loadFileAidHex\":\"" PACKAGE "\",\"instanceAidHex\":\"" FIRST "\"}", ERR_NOT_FOUND,
		  "moduleAidHex does not say from what" },
		{ "{\"loadFileAidHex\":\"" PACKAGE "\",\"moduleAidHex\":\"" FIRST
		  "\",\"implicitSelection\":[\"contact:20\"]}",
		  ERR_MALFORMED, "implicitSelection" },
		{ "{\"loadFileAidHex\":\"" PACKAGE "\",\"applications\":[{\"moduleAidHex\":\"" FIRST
		  "\"},{\"moduleAidHex\":\"" FIRST "\"}]}",
		  ERR_MALFORMED, "is there twice" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_with_load_file(&lab);
		unsigned sent = agent_count(&lab.agent, INSTALL);
		lab_do(&lab, "se.install", rows[i].params);
		lab_assert_failed(&lab, rows[i].kind, rows[i].words);
		assert_int_equal(agent_count(&lab.agent, INSTALL), sent);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_load_file_alone_is_loaded_once),
		cmocka_unit_test(loading_survives_a_break_everywhere),
		cmocka_unit_test(applications_come_from_a_load_file_that_is_there),
		cmocka_unit_test(an_application_is_made_selectable_later),
		cmocka_unit_test(one_load_file_brings_several_applications),
		cmocka_unit_test(several_applications_are_installed_once),
		cmocka_unit_test(a_refused_application_takes_away_what_came_with_it),
		cmocka_unit_test(what_stays_of_a_refused_job_is_named),
		cmocka_unit_test(free_memory_is_told_before_and_after),
		cmocka_unit_test(what_cannot_fit_is_not_begun),
		cmocka_unit_test(parameters_of_a_uicc_go_through),
		cmocka_unit_test(what_makes_no_sense_is_refused_before_it_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
