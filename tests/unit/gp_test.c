/* What cards say about themselves, and what is said to them: edges beside the known answers in tests/vectors.
 */
#include <stdlib.h>

#include "gp/gp.h"
#include "gp/gp_json.h"

#include "gp/gp_commands.h"
#include "one_arena.h"

static void a_registry_keeps_all_modules_and_skips_what_it_does_not_know(void **state)
{
	struct registry registry;

	assert_int_equal(
		registry_parse(
			hex("E3244F08D07002CA449001019F7001018409D07002CA44900101018409D07002CA4490010102"),
			arena, &registry, NULL),
		ERR_NONE);
	assert_int_equal(registry.count, 1);
	assert_int_equal(registry.entries[0].module_count, 2);
	assert_non_null(registry_entry_find(&registry, hex("D07002CA44900101")));
	assert_null(registry_entry_find(&registry, hex("D07002CA449001")));
}

static void an_empty_registry_is_fine(void **state)
{
	struct registry registry;

	assert_int_equal(registry_parse(bytes_of(NULL, 0), arena, &registry, NULL), ERR_NONE);
	assert_int_equal(registry.count, 0);
}

static void assert_registry_refused(const char *text, const char *words)
{
	struct registry registry;
	struct fault fault = { 0 };

	assert_int_equal(registry_parse(hex(text), arena, &registry, &fault), ERR_MALFORMED);
	if (strstr(fault.text, words) == NULL)
		fail_msg("%s", fault.text);
}

static void registries_that_do_not_add_up_are_refused(void **state)
{
	assert_registry_refused("E3054F07A000", "past the end of the answer");
	assert_registry_refused("E3044F07A000", "past its end");
	assert_registry_refused("E3049F700107", "AID of 0 bytes");
	assert_registry_refused("4F05A000000151", "element 4F");
}

static const char *state_text(const char *life_cycle, enum registry_kind kind)
{
	struct registry_entry entry = { .life_cycle = hex(life_cycle) };

	return life_cycle_text(&entry, kind);
}

static void life_cycles_have_names(void **state)
{
	assert_string_equal(state_text("07", REGISTRY_APPLICATION), "selectable");
	assert_string_equal(state_text("0700", REGISTRY_APPLICATION), "selectable");
	assert_string_equal(state_text("87", REGISTRY_APPLICATION), "locked");
	assert_string_equal(state_text("83", REGISTRY_APPLICATION), "locked");
	assert_string_equal(state_text("0F", REGISTRY_APPLICATION), "personalized");
	assert_string_equal(state_text("0F", REGISTRY_CARD), "secured");
	assert_string_equal(state_text("7F", REGISTRY_CARD), "card-locked");
	assert_string_equal(state_text("01", REGISTRY_LOAD_FILE), "loaded");
	assert_string_equal(state_text("02", REGISTRY_LOAD_FILE), "unknown");
}

static void privileges_have_names(void **state)
{
	uint32_t value = 0;

	assert_int_equal(privilege_add("dap-verification", &value), ERR_NONE);
	assert_int_equal(value, 0xC00000);
	assert_int_equal(privilege_add("card-lock", &value), ERR_NONE);
	assert_int_equal(value, 0xD00000);
	assert_int_equal(privilege_add("card-loc", &value), ERR_NOT_FOUND);
	assert_int_equal(privileges_of(hex("9EFE80")), 0x9EFE80);
	assert_int_equal(privileges_of(hex("80")), 0x800000);
	assert_int_equal(privileges_of(hex("")), 0);
}

static void keys_in_extended_form_are_read(void **state)
{
	struct key_information keys;

	assert_int_equal(key_information_parse(hex("E00CC00A0131FF880020011801"
						   "00"),
					       arena, &keys, NULL),
			 ERR_NONE);
	assert_int_equal(keys.count, 1);
	assert_int_equal(keys.entries[0].components[0].type, 0xFF88);
	assert_int_equal(keys.entries[0].components[0].length, 0x20);
	json_t *json = key_information_json(&keys), *key = json_array_get(json, 0);
	char *text = json_dumps(key, JSON_COMPACT);
	assert_string_equal(text, "{\"version\":49,\"id\":1,\"components\":[{\"type\":\"AES\",\"bytes\":32}],"
				  "\"usage\":[\"command-messages\",\"confidentiality\"],"
				  "\"access\":\"security-domain-and-applications\"}");
	free(text);
	json_decref(json);
}

static void keys_that_do_not_add_up_are_refused(void **state)
{
	struct key_information keys;

	assert_int_equal(key_information_parse(hex("E005C003010188"), arena, &keys, NULL), ERR_MALFORMED);
	assert_int_equal(key_information_parse(hex("E003C10101"), arena, &keys, NULL), ERR_MALFORMED);
	assert_int_equal(key_information_parse(hex("E003C00201"), arena, &keys, NULL), ERR_MALFORMED);
}

static void several_oids_in_one_element_are_read(void **state)
{
	struct card_data card;

	assert_int_equal(card_data_parse(hex("6618731664140607"
					     "2A864886FC6B04"
					     "0609"
					     "2A864886FC6B040370"),
					 arena, &card, NULL),
			 ERR_NONE);
	assert_int_equal(card.protocol_count, 1);
	assert_int_equal(card.protocols[0].protocol, 3);
	assert_null(card.version);
}

static void the_short_data_objects_check_their_lengths(void **state)
{
	struct cplc cplc;
	struct card_resources resources;

	assert_int_equal(cplc_parse(hex("9F7F020102"), &cplc, NULL), ERR_MALFORMED);
	assert_int_equal(card_resources_parse(hex("FF2106810102820101"), &resources, NULL), ERR_MALFORMED);
}

static const char *data_of(const struct command *command)
{
	return bytes_to_hex(arena, command->data);
}

static void get_status_asks_for_tags_and_pages(void **state)
{
	struct command command;

	assert_int_equal(
		gp_get_status(arena, SCOPE_MODULES, true, bytes_of(NULL, 0), hex("4F9F70"), &command),
		ERR_NONE);
	assert_int_equal(command.p1, 0x10);
	assert_int_equal(command.p2, 0x03);
	assert_string_equal(data_of(&command), "4F005C034F9F70");
}

/* The installation of a real card, recovered from its encrypted session. */
static void the_commands_of_an_installation_are_those_of_a_real_one(void **state)
{
	struct command command;
	const struct install_parameters load = { .code_bytes = 0x160, .non_volatile_bytes = 0 };
	struct install_parameters install = { .non_volatile_bytes = 2000 };
	struct bytes parameters;

	assert_int_equal(gp_delete(arena, hex("D0D1D2D3D4D501"), true, &command), ERR_NONE);
	assert_int_equal(command.p2, 0x80);
	assert_string_equal(data_of(&command), "4F07D0D1D2D3D4D501");
	assert_int_equal(gp_install_for_load(arena, hex("D0D1D2D3D4D501"), hex("A000000003000000"),
					     bytes_of(NULL, 0), &load, &command),
			 ERR_NONE);
	assert_string_equal(data_of(&command), "07D0D1D2D3D4D50108A00000000300000000"
					       "06EF04C6020160"
					       "00");
	assert_int_equal(install_parameters_build(arena, &install, &parameters), ERR_NONE);
	const struct install_order order = { .load_file = hex("D0D1D2D3D4D501"),
					     .module = hex("D0D1D2D3D4D50101"),
					     .instance = hex("D0D1D2D3D4D50101"),
					     .privileges = 0x020000,
					     .parameters = parameters,
					     .make_selectable = true };
	assert_int_equal(gp_install_for_install(arena, &order, &command), ERR_NONE);
	assert_int_equal(command.p1, 0x0C);
	assert_string_equal(data_of(&command), "07D0D1D2D3D4D501"
					       "08D0D1D2D3D4D50101"
					       "08D0D1D2D3D4D50101"
					       "0102"
					       "08C900EF04C80207D0"
					       "00");
}

static void memory_over_32767_bytes_takes_four(void **state)
{
	const struct install_parameters parameters = { .volatile_bytes = 32768 };
	struct bytes built;

	assert_int_equal(install_parameters_build(arena, &parameters, &built), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, built), "C900EF06C70400008000");
}

/* Each parameter where tables 11-48 to 11-52 have it. */
static void parameters_stand_in_their_templates(void **state)
{
	const struct install_parameters parameters = {
		.application = hex("8102037082"),
		.volatile_bytes = 256,
		.reserved_volatile_bytes = 16,
		.reserved_non_volatile_bytes = 40000,
		.global_services = hex("8211"),
		.implicit_selection = hex("4180"),
		.uicc_access = hex("0100"),
		.uicc_template = hex("8000"),
	};
	struct bytes built;

	assert_int_equal(install_parameters_build(arena, &parameters, &built), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, built), "C9058102037082"
							"EF1C"
							"C7020100"
							"D7020010"
							"D80400009C40"
							"CB028211"
							"CF0141CF0180"
							"CA020100"
							"EA028000");
}

/* The fields are those of the worked token input of GPCS C.4, with the two lengths that it leaves out. */
static void an_extradition_names_domain_and_object(void **state)
{
	struct command command;

	assert_int_equal(gp_extradite(arena, hex("D4D4D4D4D4010101"), hex("D0D1D2D3D4D50101"), &command),
			 ERR_NONE);
	assert_int_equal(command.p1, 0x10);
	assert_string_equal(data_of(&command), "08D4D4D4D4D4010101"
					       "00"
					       "08D0D1D2D3D4D50101"
					       "00"
					       "0000");
}

static void a_registry_update_says_only_what_changes(void **state)
{
	struct registry_update update = { .application = hex("D0D1D2D3D4D50101"),
					  .parameters = { .implicit_selection = hex("41") } };
	struct command command;

	assert_int_equal(gp_update_registry(arena, &update, &command), ERR_NONE);
	assert_int_equal(command.p1, 0x40);
	assert_string_equal(data_of(&command), "000008D0D1D2D3D4D50101"
					       "00"
					       "05EF03CF0141"
					       "00");
	update = (struct registry_update){ .domain = hex("A000000151000000"),
					   .application = hex("D0D1D2D3D4D50101"),
					   .has_privileges = true,
					   .privileges = 0x000300 };
	assert_int_equal(gp_update_registry(arena, &update, &command), ERR_NONE);
	assert_string_equal(data_of(&command), "08A0000001510000000008D0D1D2D3D4D50101"
					       "03000300"
					       "0000");
	update = (struct registry_update){ .parameters = { .restrictions = 0x12 } };
	assert_int_equal(gp_update_registry(arena, &update, &command), ERR_NONE);
	assert_string_equal(data_of(&command), "0000000005EF03D9011200");
}

static void keys_are_deleted_by_version_or_identifier_or_both(void **state)
{
	struct command command;

	assert_int_equal(gp_delete_keys(arena, -1, 0x31, &command), ERR_NONE);
	assert_string_equal(data_of(&command), "D20131");
	assert_int_equal(gp_delete_keys(arena, 0x02, 0x31, &command), ERR_NONE);
	assert_string_equal(data_of(&command), "D00102D20131");
}

static void a_field_too_long_for_a_command_is_a_limit(void **state)
{
	static const uint8_t zeros[300];
	struct command command;

	assert_int_equal(gp_install_for_install(
				 arena,
				 &(struct install_order){ .load_file = hex("A0000001510000"),
							  .module = hex("A0000001510000"),
							  .instance = hex("A0000001510000"),
							  .parameters = bytes_of(zeros, sizeof(zeros)) },
				 &command),
			 ERR_LIMIT);
}

static void load_blocks_count_and_end(void **state)
{
	assert_int_equal(gp_load(hex("AA"), 0, false).p1, 0x00);
	assert_int_equal(gp_load(hex("AA"), 255, true).p1, 0x80);
	assert_int_equal(gp_load(hex("AA"), 255, true).p2, 0xFF);
}

static void store_data_says_format_encryption_and_end(void **state)
{
	assert_int_equal(gp_store_data(hex("AA"), 0, true, STORE_DGI, true).p1, 0xE8);
	assert_int_equal(gp_store_data(hex("AA"), 0, false, STORE_BER_TLV, false).p1, 0x10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_registry_keeps_all_modules_and_skips_what_it_does_not_know),
		cmocka_unit_test(an_empty_registry_is_fine),
		cmocka_unit_test(registries_that_do_not_add_up_are_refused),
		cmocka_unit_test(life_cycles_have_names),
		cmocka_unit_test(privileges_have_names),
		cmocka_unit_test(keys_in_extended_form_are_read),
		cmocka_unit_test(keys_that_do_not_add_up_are_refused),
		cmocka_unit_test(several_oids_in_one_element_are_read),
		cmocka_unit_test(the_short_data_objects_check_their_lengths),
		cmocka_unit_test(get_status_asks_for_tags_and_pages),
		cmocka_unit_test(the_commands_of_an_installation_are_those_of_a_real_one),
		cmocka_unit_test(memory_over_32767_bytes_takes_four),
		cmocka_unit_test(parameters_stand_in_their_templates),
		cmocka_unit_test(an_extradition_names_domain_and_object),
		cmocka_unit_test(a_registry_update_says_only_what_changes),
		cmocka_unit_test(keys_are_deleted_by_version_or_identifier_or_both),
		cmocka_unit_test(a_field_too_long_for_a_command_is_a_limit),
		cmocka_unit_test(load_blocks_count_and_end),
		cmocka_unit_test(store_data_says_format_encryption_and_end),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
