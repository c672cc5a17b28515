#include "registry_lab.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING bytes_of(NULL, 0)
#define LINKS   bytes_of_text("</1/0>,</3/0>,</5/0>;ver=1.1")

static const struct device *find(const struct registry_lab *lab, const char *endpoint)
{
	const struct device *device = registry_find(lab->registry, endpoint);

	assert_non_null(device);
	return device;
}

/* ---- the store's rows ---- */

struct rows {
	unsigned count;
	char location[64];
	uint32_t lifetime_s;
	int64_t expires_ms;
};

static bool note_row(void *self, const struct registration_row *row)
{
	struct rows *rows = self;

	rows->count++;
	snprintf(rows->location, sizeof(rows->location), "%s", row->location);
	rows->lifetime_s = row->lifetime_s;
	rows->expires_ms = row->expires_ms;
	return true;
}

static struct rows read_rows(const struct registry_lab *lab)
{
	struct rows rows = { 0 };

	assert_int_equal(store_read_registrations(lab->store, note_row, &rows), ERR_NONE);
	return rows;
}

/* ---- Register ---- */

static void register_is_answered_with_a_short_location(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=urn:dev:1&lt=300&lwm2m=1.1&b=U");
	assert_true(strlen(device.location) <= strlen("/rd/") + 16);
	assert_string_equal(find(lab, "urn:dev:1")->location, device.location + strlen("/rd/"));
	assert_int_equal(lab->heard.registered, 1);
	assert_int_equal(lab->heard.awake, 1);
	assert_string_equal(lab->event_type, "device.registered");
	assert_string_equal(lab->event_json, "{\"endpoint\":\"urn:dev:1\"}");
	device_close(&device);
}

static void register_keeps_what_was_said(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *found;

	assert_int_equal(
		device_ask(lab, &device, COAP_POST, "/rd?b=U&Q&lwm2m=1.1&lt=86400&ep=a", FORMAT_LINK, LINKS),
		COAP_CODE(2, 1));
	found = find(lab, "a");
	assert_int_equal(found->lifetime_s, 86400);
	assert_string_equal(found->version, "1.1");
	assert_string_equal(found->binding, "U");
	assert_true(found->is_queue_mode);
	assert_true(found->is_awake);
	assert_string_equal(found->links, "</1/0>,</3/0>,</5/0>;ver=1.1");
	assert_string_equal(found->root, "");
	assert_int_equal(found->object_count, 3);
	assert_true(device_has(found, 5, 0));
	assert_true(device_has(found, 5, LWM2M_ID_NONE));
	assert_false(device_has(found, 5, 1));
	assert_false(device_has(found, 6, LWM2M_ID_NONE));
	assert_int_equal(found->objects[2].version, 0x0101);
	assert_int_equal(found->preferred_format, FORMAT_SENML_CBOR);
	assert_true(found->expires_ms >= found->updated_ms + 86400000);
	device_close(&device);
}

static void formats_follow_version_and_ct(void **state)
{
	static const struct {
		const char *target, *links;
		uint16_t format;
	} rows[] = {
		{ "/rd?ep=a&lt=60&lwm2m=1.0", "</1/0>,</3/0>", FORMAT_TLV },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</1/0>,</3/0>", FORMAT_SENML_CBOR },
		{ "/rd?ep=a&lt=60&lwm2m=1.0", "</>;ct=11543,</1/0>,</3/0>", FORMAT_LWM2M_JSON },
		{ "/rd?ep=a&lt=60&lwm2m=1.0", "</>;ct=\"11543 11542 112\",</1/0>,</3/0>", FORMAT_TLV },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</>;ct=110,</1/0>,</3/0>", FORMAT_SENML_JSON },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</>;ct=\"11544 11543 112\",</1/0>,</3/0>", FORMAT_SENML_CBOR },
		{ "/rd?ep=a&lt=60&lwm2m=1.2", "</>;ct=\"112 11544\",</1/0>,</3/0>", FORMAT_LWM2M_CBOR },
		{ "/rd?ep=a&lt=60&lwm2m=1.2", "</1/0>,</3/0>", FORMAT_SENML_CBOR },
		{ "/rd?ep=a&lt=60&lwm2m=1.2",
		  "</lwm2m>;rt=\"oma.lwm2m\";ct=\"112 11544\",</lwm2m/1/0>,</lwm2m/3/0>", FORMAT_LWM2M_CBOR },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</>;ct=\"60 11542\",</1/0>,</3/0>", FORMAT_TLV },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</>;ct=\"11542 112\",</1/0>,</3/0>", FORMAT_SENML_CBOR },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/1/0>,</lwm2m/3/0>",
		  FORMAT_SENML_CBOR },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(device_ask(lab, &device, COAP_POST, rows[i].target, FORMAT_LINK,
					    bytes_of_text(rows[i].links)),
				 COAP_CODE(2, 1));
		assert_int_equal(find(lab, "a")->preferred_format, rows[i].format);
	}
	device_close(&device);
}

static void wrong_registers_are_refused_with_their_code(void **state)
{
	static const struct {
		const char *target, *links;
		uint16_t format;
		uint8_t code;
	} rows[] = {
		{ "/rd?lt=60&lwm2m=1.1", "</1/0>,</3/0>", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "/rd?ep=a&ep=b&lt=60&lwm2m=1.1", "</1/0>,</3/0>", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "/rd?ep=a&lt=soon&lwm2m=1.1", "</1/0>,</3/0>", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</1/0>,</3/0", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</1/0>,</3/0>", FORMAT_TLV, COAP_CODE(4, 0) },
		{ "/rd?ep=a&lt=60&lwm2m=3.0", "</1/0>,</3/0>", FORMAT_LINK, COAP_CODE(4, 12) },
		{ "/rd?ep=\xFF&lt=60&lwm2m=1.1", "</1/0>,</3/0>", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "/rd?ep=a&lt=60&lwm2m=1.1", "</1/0>,</3/0>;x=\"\xFF\"", FORMAT_LINK, COAP_CODE(4, 0) },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(device_ask(lab, &device, COAP_POST, rows[i].target, rows[i].format,
					    bytes_of_text(rows[i].links)),
				 rows[i].code);
		assert_true(device.message.payload.len > 0); /* the reason */
	}
	assert_int_equal(registry_count(lab->registry), 0);
	assert_int_equal(read_rows(lab).count, 0);
	assert_int_equal(lab->event_count, 0);
	device_close(&device);
}

static void device_with_a_credential_must_bring_it(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct secret key;

	assert_int_equal(secret_from(bytes_of_text("0123456789abcdef"), &key), ERR_NONE);
	device_register(lab, &device, "ep=late&lt=60&lwm2m=1.1");
	assert_int_equal(credentials_put_psk(lab->credentials, "safe", "identity", &key), ERR_NONE);
	assert_int_equal(credentials_put_psk(lab->credentials, "late", "other", &key), ERR_NONE);
	assert_int_equal(
		device_ask(lab, &device, COAP_POST, "/rd?ep=safe&lt=60&lwm2m=1.1", FORMAT_LINK, LINKS),
		COAP_CODE(4, 3));
	/* ... also one that was given the credential while it was registered without */
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(4, 0));
	device_close(&device);
}

static void too_many_devices_are_told_to_come_back(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	lab->parts.max_devices = 1;
	registry_lab_recreate(lab);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/rd?ep=b&lt=60&lwm2m=1.1", FORMAT_LINK, LINKS),
			 COAP_CODE(5, 3));
	assert_true(device.message.has_max_age && device.message.max_age_s > 0);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1"); /* the one that is there may */
	device_close(&device);
}

static void new_register_replaces_the_old_one(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	char old_location[sizeof(device.location)];

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	memcpy(old_location, device.location, sizeof(old_location));
	device_register(lab, &device, "ep=a&lt=120&lwm2m=1.1");
	assert_string_not_equal(device.location, old_location);
	assert_int_equal(registry_count(lab->registry), 1);
	assert_int_equal(find(lab, "a")->lifetime_s, 120);
	assert_int_equal(device_ask(lab, &device, COAP_POST, old_location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(4, 4));
	assert_int_equal(lab->heard.registered, 2);
	assert_int_equal(lab->heard.gone, 0);
	assert_int_equal(read_rows(lab).count, 1);
	assert_string_equal(read_rows(lab).location, device.location + strlen("/rd/"));
	device_close(&device);
}

/* ---- Update ---- */

static void refresh_prolongs_the_lifetime_in_silence(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	int64_t before_ms;
	unsigned events;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1&b=U");
	before_ms = find(lab, "a")->expires_ms;
	events = lab->event_count;
	lab_turn_for(lab, 20);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_true(find(lab, "a")->expires_ms > before_ms);
	assert_int_equal(read_rows(lab).expires_ms, find(lab, "a")->expires_ms);
	assert_int_equal(device_update(lab, &device, "lt=60&b=U"), COAP_CODE(2, 4)); /* says nothing new */
	assert_int_equal(lab->event_count, events);
	device_close(&device);
}

static void update_changes_what_it_names_only(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *found;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1&b=U");
	assert_int_equal(device_update(lab, &device, "lt=90"), COAP_CODE(2, 4));
	found = find(lab, "a");
	assert_int_equal(found->lifetime_s, 90);
	assert_string_equal(found->binding, "U");
	assert_string_equal(found->version, "1.1");
	assert_string_equal(found->links, "</1/0>,</3/0>");
	assert_int_equal(found->preferred_format, FORMAT_SENML_CBOR);
	assert_string_equal(lab->event_type, "device.updated");
	assert_int_equal(read_rows(lab).lifetime_s, 90);

	assert_int_equal(device_ask(lab, &device, COAP_POST, device.location, FORMAT_LINK, LINKS),
			 COAP_CODE(2, 4));
	found = find(lab, "a");
	assert_true(device_has(found, 5, 0));
	assert_int_equal(found->lifetime_s, 90);
	/* The links may come without their format, as Wakaama sends them. */
	assert_int_equal(device_ask(lab, &device, COAP_POST, device.location, COAP_NO_FORMAT,
				    bytes_of_text("</1/0>,</3/0>,</6/0>")),
			 COAP_CODE(2, 4));
	assert_true(device_has(find(lab, "a"), 6, 0));
	assert_false(device_has(find(lab, "a"), 5, 0));
	device_close(&device);
}

static void update_speaks_of_the_queue_mode_as_its_version_does(void **state)
{
	static const struct {
		const char *registered, *update;
		bool is_queue_mode;
	} rows[] = {
		{ "ep=a&lt=60&lwm2m=1.1&b=U&Q", "lt=61", true },
		{ "ep=a&lt=60&lwm2m=1.1&b=U&Q", "b=U&lt=61", true },
		{ "ep=a&lt=60&lwm2m=1.1&b=U&Q", "b=UT", false },
		{ "ep=a&lt=60&lwm2m=1.1&b=U", "Q", true },
		{ "ep=a&lt=60&lwm2m=1.0&b=UQ", "lt=61", true },
		{ "ep=a&lt=60&lwm2m=1.0&b=UQ", "b=U", false },
		{ "ep=a&lt=60&lwm2m=1.0&b=U", "b=UQ", true },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		device_register(lab, &device, rows[i].registered);
		assert_int_equal(device_update(lab, &device, rows[i].update), COAP_CODE(2, 4));
		assert_int_equal(find(lab, "a")->is_queue_mode, rows[i].is_queue_mode);
	}
	device_close(&device);
}

static void wrong_update_changes_nothing(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	assert_int_equal(device_update(lab, &device, "lt=never"), COAP_CODE(4, 0));
	assert_int_equal(
		device_ask(lab, &device, COAP_POST, device.location, FORMAT_LINK, bytes_of_text("</1")),
		COAP_CODE(4, 0));
	assert_int_equal(find(lab, "a")->lifetime_s, 60);
	assert_int_equal(find(lab, "a")->object_count, 2);
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/rd/0123456789abcdef", COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(4, 4));
	device_close(&device);
}

static void update_from_a_new_address_moves_the_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device before = device_open(lab), after = device_open(lab);
	struct coap_address address;

	device_register(lab, &before, "ep=a&lt=60&lwm2m=1.1");
	address = find(lab, "a")->address;
	memcpy(after.location, before.location, sizeof(after.location));
	assert_int_equal(device_update(lab, &after, ""), COAP_CODE(2, 4));
	assert_false(coap_address_equal(&find(lab, "a")->address, &address));
	registry_lab_restart(lab);
	assert_false(coap_address_equal(&find(lab, "a")->address, &address));
	device_close(&before);
	device_close(&after);
}

/* ---- De-register and expiry ---- */

static void deregister_removes_device_and_row(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	assert_int_equal(device_ask(lab, &device, COAP_DELETE, device.location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(2, 2));
	assert_null(registry_find(lab->registry, "a"));
	assert_int_equal(read_rows(lab).count, 0);
	assert_int_equal(lab->heard.gone, 1);
	assert_string_equal(lab->event_type, "device.deregistered");
	assert_int_equal(device_ask(lab, &device, COAP_DELETE, device.location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(4, 4));
	device_close(&device);
}

static void device_expires_after_lifetime_and_grace(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	int64_t begin_ms;

	lab->parts.grace_ms = 300;
	registry_lab_recreate(lab);
	begin_ms = lab_now_ms();
	device_register(lab, &device, "ep=a&lt=1&lwm2m=1.1");
	lab_until(lab, registry_find(lab->registry, "a") == NULL);
	assert_true(lab_now_ms() - begin_ms >= 1300 - LAB_TICK_MS);
	assert_string_equal(lab->event_type, "device.expired");
	assert_int_equal(lab->heard.gone, 1);
	assert_int_equal(read_rows(lab).count, 0);
	device_close(&device);
}

static void refresh_keeps_a_device_past_its_first_lifetime(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	int64_t begin_ms;

	device_register(lab, &device, "ep=a&lt=1&lwm2m=1.1");
	lab_turn_for(lab, 300);
	begin_ms = lab_now_ms();
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	lab_until(lab, registry_find(lab->registry, "a") == NULL);
	assert_true(lab_now_ms() - begin_ms >= 1000 - LAB_TICK_MS);
	device_close(&device);
}

static void lifetime_0_never_ends(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=0&lwm2m=1.1");
	assert_int_equal(find(lab, "a")->expires_ms, 0);
	lab_turn_for(lab, 60);
	assert_non_null(registry_find(lab->registry, "a"));
	device_close(&device);
}

/* ---- a store that takes nothing ---- */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	return remove(path);
}

static void full_store_changes_nothing_and_is_told(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct store *before = lab->parts.store;
	char folder[] = "/tmp/cardea-test-XXXXXX";

	assert_non_null(mkdtemp(folder));
	assert_int_equal(store_open(folder, STORE_THREADED, lab->loop, &lab->parts.store, NULL), ERR_NONE);
	registry_lab_recreate(lab);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	store_finish(lab->parts.store); /* from now on it is as if its queue were full */

	assert_int_equal(device_update(lab, &device, "lt=90"), COAP_CODE(5, 3));
	assert_true(device.message.has_max_age);
	assert_int_equal(find(lab, "a")->lifetime_s, 60);
	assert_int_equal(device_ask(lab, &device, COAP_DELETE, device.location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(5, 3));
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/rd?ep=b&lt=60&lwm2m=1.1", FORMAT_LINK, LINKS),
			 COAP_CODE(5, 3));
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/rd?ep=a&lt=90&lwm2m=1.1", FORMAT_LINK, LINKS),
			 COAP_CODE(5, 3));
	assert_int_equal(registry_count(lab->registry), 1);
	assert_int_equal(find(lab, "a")->lifetime_s, 60);
	assert_string_equal(find(lab, "a")->location, device.location + strlen("/rd/"));
	assert_int_equal(registry_remove(lab->registry, "a"), ERR_UNAVAILABLE);

	store_close(lab->parts.store);
	lab->parts.store = before;
	registry_lab_recreate(lab);
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	device_close(&device);
}

/* ---- other requests ---- */

static void unknown_paths_and_methods_have_their_codes(void **state)
{
	static const struct {
		uint8_t method;
		const char *target;
		uint8_t code;
	} rows[] = {
		{ COAP_GET, "/rd", COAP_CODE(4, 5) }, { COAP_PUT, "/rd/0123456789abcdef", COAP_CODE(4, 5) },
		{ COAP_GET, "/dp", COAP_CODE(4, 5) }, { COAP_POST, "/bs?ep=a", COAP_CODE(4, 4) },
		{ COAP_POST, "/", COAP_CODE(4, 4) },  { COAP_POST, "/rd/a/b", COAP_CODE(4, 4) },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			device_ask(lab, &device, rows[i].method, rows[i].target, COAP_NO_FORMAT, NOTHING),
			rows[i].code);
	device_close(&device);
}

/* ---- restart ---- */

static void registration_survives_a_restart(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *found;

	assert_int_equal(device_ask(lab, &device, COAP_POST, "/rd?b=UQ&lwm2m=1.0&lt=7200&ep=a", FORMAT_LINK,
				    bytes_of_text("</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/1/0>,</lwm2m/3/0>")),
			 COAP_CODE(2, 1));
	snprintf(device.location, sizeof(device.location), "/rd/%s", find(lab, "a")->location);
	registry_lab_restart(lab);
	found = find(lab, "a");
	assert_string_equal(found->location, device.location + strlen("/rd/"));
	assert_int_equal(found->lifetime_s, 7200);
	assert_string_equal(found->version, "1.0");
	assert_string_equal(found->binding, "U");
	assert_string_equal(found->root, "/lwm2m");
	assert_true(found->is_queue_mode);
	assert_false(found->is_awake); /* since nobody knows */
	assert_true(device_has(found, 3, 0));
	assert_int_equal(found->preferred_format, FORMAT_TLV);
	assert_int_equal(lab->heard.registered, 0);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_int_equal(lab->heard.awake, 1);
	device_close(&device);
}

static void lifetime_goes_on_over_a_restart(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	int64_t begin_ms = lab_now_ms();

	device_register(lab, &device, "ep=a&lt=1&lwm2m=1.1");
	assert_true(read_rows(lab).expires_ms > 0);
	registry_lab_restart(lab);
	assert_non_null(registry_find(lab->registry, "a"));
	lab_until(lab, registry_find(lab->registry, "a") == NULL);
	assert_true(lab_now_ms() - begin_ms >= 1000 - LAB_TICK_MS);
	device_close(&device);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(register_is_answered_with_a_short_location),
		lab_test(register_keeps_what_was_said),
		lab_test(formats_follow_version_and_ct),
		lab_test(wrong_registers_are_refused_with_their_code),
		lab_test(device_with_a_credential_must_bring_it),
		lab_test(too_many_devices_are_told_to_come_back),
		lab_test(new_register_replaces_the_old_one),
		lab_test(refresh_prolongs_the_lifetime_in_silence),
		lab_test(update_changes_what_it_names_only),
		lab_test(update_speaks_of_the_queue_mode_as_its_version_does),
		lab_test(wrong_update_changes_nothing),
		lab_test(update_from_a_new_address_moves_the_device),
		lab_test(deregister_removes_device_and_row),
		lab_test(device_expires_after_lifetime_and_grace),
		lab_test(refresh_keeps_a_device_past_its_first_lifetime),
		lab_test(lifetime_0_never_ends),
		lab_test(full_store_changes_nothing_and_is_told),
		lab_test(unknown_paths_and_methods_have_their_codes),
		lab_test(registration_survives_a_restart),
		lab_test(lifetime_goes_on_over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
