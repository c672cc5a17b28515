#include "registry_lab.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define NOTHING bytes_of(NULL, 0)

static void devices_are_listed_in_order_of_their_names(void **state)
{
	static const char *const names[] = { "b", "urn:dev:2", "a", "urn:dev:10" };
	static const char *const ordered[] = { "a", "b", "urn:dev:10", "urn:dev:2" };
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *found;
	char query[LAB_TEXT];

	for (size_t i = 0; i < 4; i++) {
		snprintf(query, sizeof(query), "ep=%s&lt=60&lwm2m=1.1", names[i]);
		device_register(lab, &device, query);
	}
	assert_int_equal(registry_count(lab->registry), 4);
	found = registry_next(lab->registry, "");
	for (size_t i = 0; i < 4; i++) {
		assert_non_null(found);
		assert_string_equal(found->endpoint, ordered[i]);
		found = registry_next(lab->registry, found->endpoint);
	}
	assert_null(found);
	/* From a name that is not there the list goes on with the one behind it. */
	assert_string_equal(registry_next(lab->registry, "c")->endpoint, "urn:dev:10");
	assert_null(registry_next(lab->registry, "v"));
	device_close(&device);
}

static void empty_registry_lists_nothing(void **state)
{
	struct registry_lab *lab = *state;

	assert_null(registry_next(lab->registry, ""));
	assert_null(registry_find(lab->registry, "a"));
	assert_int_equal(registry_remove(lab->registry, "a"), ERR_NOT_FOUND);
}

static void removed_device_has_to_register_again(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	assert_int_equal(registry_remove(lab->registry, "a"), ERR_NONE);
	assert_int_equal(lab->heard.gone, 1);
	assert_null(registry_find(lab->registry, "a"));
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(4, 4));
	registry_lab_restart(lab);
	assert_int_equal(registry_count(lab->registry), 0);
	device_close(&device);
}

static void pointer_to_a_removed_device_is_good_until_the_next_turn(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *found;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	found = registry_find(lab->registry, "a");
	assert_int_equal(registry_remove(lab->registry, "a"), ERR_NONE);
	assert_string_equal(found->endpoint, "a");
	assert_false(found->is_awake);
	device_close(&device);
}

/* A device whose address another one has now is still found by name and location. */
static void address_belongs_to_who_registered_last(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	char first[sizeof(device.location)];

	device_register(lab, &device, "ep=first&lt=60&lwm2m=1.1");
	memcpy(first, device.location, sizeof(first));
	device_register(lab, &device, "ep=second&lt=60&lwm2m=1.1");
	assert_int_equal(device_ask(lab, &device, COAP_DELETE, device.location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(2, 2));
	assert_int_equal(device_ask(lab, &device, COAP_POST, first, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(2, 4));
	device_close(&device);
}

static void devices_of_one_kind_share_what_they_registered(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *a, *b, *other;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	device_register(lab, &device, "ep=b&lt=60&lwm2m=1.1");
	device_register(lab, &device, "ep=other&lt=60&lwm2m=1.0");
	a = registry_find(lab->registry, "a");
	b = registry_find(lab->registry, "b");
	other = registry_find(lab->registry, "other");
	assert_ptr_equal(a->links, b->links);
	assert_ptr_equal(a->objects, b->objects);
	assert_ptr_not_equal(a->links, other->links);
	assert_string_equal(other->version, "1.0");
	device_close(&device);
}

static void what_is_shared_outlives_the_first_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct device *b;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	device_register(lab, &device, "ep=b&lt=60&lwm2m=1.1");
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	assert_string_equal(registry_find(lab->registry, "b")->version, "1.1");
	assert_string_equal(registry_find(lab->registry, "a")->version, "1.0");
	assert_int_equal(registry_remove(lab->registry, "a"), ERR_NONE);
	device_register(lab, &device, "ep=c&lt=60&lwm2m=1.1");
	b = registry_find(lab->registry, "b");
	assert_ptr_equal(b->links, registry_find(lab->registry, "c")->links);
	assert_true(device_has(b, 3, 0));
	device_close(&device);
}

/* At rest: strings, indexes and timer of a device that registers 12 objects, without the endpoint's peer. */
static void device_takes_less_than_one_kibibyte(void **state)
{
	enum { DEVICES = 5000, LIMIT = 1024 };
	static const char links[] =
		"</>;rt=\"oma.lwm2m\";ct=\"60 110 112 11542 11543\",</1/0>;ver=1.1,</2/0>,</2/1>,"
		"</3/0>;ver=1.1,</4/0>,</5/0>,</6/0>,</7/0>,</504/0>,</30401/0>,</30404/0>,</30406/0>";
	struct registry_lab *lab = *state;
	size_t before, after;

	for (unsigned i = 0; i < DEVICES; i++) {
		char endpoint[64], location[32];
		const struct registration_row row = {
			.endpoint = endpoint,
			.location = location,
			.address = "192.0.2.1:5683",
			.identity = endpoint,
			.lifetime_s = 86400,
			.version = "1.1",
			.binding = "U",
			.links = links,
			.root = "",
			.registered_ms = 1,
			.updated_ms = 1,
			.expires_ms = INT64_MAX / 2,
		};

		snprintf(endpoint, sizeof(endpoint), "urn:imei-msisdn:%015u-15551230000", i);
		snprintf(location, sizeof(location), "%016x", i);
		assert_int_equal(store_put_registration(lab->store, &row, (struct store_done){ 0 }),
				 ERR_NONE);
	}
	before = mallinfo2().uordblks;
	registry_lab_recreate(lab);
	after = mallinfo2().uordblks;
	assert_int_equal(registry_count(lab->registry), DEVICES);
	print_message("%zu bytes per device\n", (after - before) / DEVICES);
	if (after == before) /* a sanitizer has an allocator of its own, which counts nothing */
		skip();
	assert_true((after - before) / DEVICES < LIMIT);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(devices_are_listed_in_order_of_their_names),
		lab_test(empty_registry_lists_nothing),
		lab_test(removed_device_has_to_register_again),
		lab_test(pointer_to_a_removed_device_is_good_until_the_next_turn),
		lab_test(address_belongs_to_who_registered_last),
		lab_test(devices_of_one_kind_share_what_they_registered),
		lab_test(what_is_shared_outlives_the_first_device),
		lab_test(device_takes_less_than_one_kibibyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
