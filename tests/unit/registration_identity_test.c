/* Devices with a credential. Their requests are handed to the registry as the endpoint does it, with the
 * endpoint name that the credential belongs to; the handshakes before that are the business of dtls_test. */
#include "registry_lab.h"

#include <string.h>

#include "coap.h"

static const struct coap_address here = { .v4 = { .sin_family = AF_INET, .sin_port = 1 },
					  .socket = 1,
					  .is_secure = true };
static const struct coap_address there = { .v4 = { .sin_family = AF_INET, .sin_port = 2 },
					   .socket = 1,
					   .is_secure = true };

static void receive(struct registry_lab *lab, const struct coap_address *from, const char *identity,
		    uint8_t method, const char *location, const char *queries[], const char *links)
{
	const struct endpoint_handlers handlers = registry_handlers(lab->registry);
	struct coap_message message = {
		.code = method,
		.path = { bytes_of_text("rd"), bytes_of_text(location) },
		.path_count = location[0] == 0 ? 1 : 2,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.payload = bytes_of_text(links),
	};
	struct coap_request request = {
		.message = &message, .from = from, .identity = identity, .arena = arena_create(0)
	};

	for (; queries[message.query_count] != NULL; message.query_count++)
		message.query[message.query_count] = bytes_of_text(queries[message.query_count]);
	handlers.request(handlers.self, &request);
	arena_free(request.arena);
}

static void receive_register(struct registry_lab *lab, const char *identity, const char *ep)
{
	const char *queries[] = { "lt=60", "lwm2m=1.1", ep, NULL };

	receive(lab, &here, identity, COAP_POST, "", queries, "</1/0>,</3/0>");
}

static void receive_update(struct registry_lab *lab, const struct coap_address *from, const char *identity,
			   const char *location, const char *lifetime)
{
	const char *queries[] = { lifetime, NULL };

	receive(lab, from, identity, COAP_POST, location, queries, "");
}

static void name_comes_from_the_credential(void **state)
{
	struct registry_lab *lab = *state;
	const struct device *device;

	receive_register(lab, "safe", NULL);
	device = registry_find(lab->registry, "safe");
	assert_non_null(device);
	assert_string_equal(device->identity, "safe");
	assert_true(device->address.is_secure);
}

static void another_name_than_the_credentials_is_refused(void **state)
{
	struct registry_lab *lab = *state;

	receive_register(lab, "safe", "ep=other");
	assert_int_equal(registry_count(lab->registry), 0);
	receive_register(lab, "safe", "ep=safe");
	assert_int_equal(registry_count(lab->registry), 1);
}

static void only_its_credential_changes_a_registration(void **state)
{
	const char *const strangers[] = { "", "other" };
	struct registry_lab *lab = *state;
	const struct device *device;
	const char *none[] = { NULL };

	receive_register(lab, "safe", NULL);
	device = registry_find(lab->registry, "safe");
	for (size_t i = 0; i < 2; i++) {
		receive_update(lab, &there, strangers[i], device->location, "lt=90");
		receive(lab, &there, strangers[i], COAP_DELETE, device->location, none, "");
		device = registry_find(lab->registry, "safe");
		assert_non_null(device);
		assert_int_equal(device->lifetime_s, 60);
		assert_true(coap_address_equal(&device->address, &here));
	}
	receive_update(lab, &here, "safe", device->location, "lt=90");
	assert_int_equal(registry_find(lab->registry, "safe")->lifetime_s, 90);
}

static void device_that_moved_is_reached_at_its_new_address(void **state)
{
	struct registry_lab *lab = *state;
	const struct endpoint_handlers handlers = registry_handlers(lab->registry);

	receive_register(lab, "safe", NULL);
	handlers.moved(handlers.self, "nobody", &there);
	handlers.moved(handlers.self, "safe", &there);
	assert_true(coap_address_equal(&registry_find(lab->registry, "safe")->address, &there));
	registry_lab_restart(lab);
	assert_true(coap_address_equal(&registry_find(lab->registry, "safe")->address, &there));
}

/* No session outlives a restart: the device has to speak first. */
static void nothing_is_sent_after_a_restart_until_it_speaks(void **state)
{
	const struct operation_request request = { .operation = LWM2M_READ,
						   .path = LWM2M_OBJECT(3),
						   .payload_format = FORMAT_NONE,
						   .accept = FORMAT_NONE };
	struct registry_lab *lab = *state;

	receive_register(lab, "safe", NULL);
	registry_lab_restart(lab);
	assert_false(registry_find(lab->registry, "safe")->is_awake);
	assert_int_equal(operation_start(lab->registry, "safe", &request, lab_answered, lab, 1, NULL),
			 ERR_NONE);
	assert_int_equal(lab->answer.count, 0);
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.fault.kind, ERR_UNAVAILABLE);
	receive_update(lab, &there, "safe", registry_find(lab->registry, "safe")->location, NULL);
	assert_int_equal(lab->heard.awake, 1);
	assert_true(coap_address_equal(&registry_find(lab->registry, "safe")->address, &there));
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(name_comes_from_the_credential),
		lab_test(another_name_than_the_credentials_is_refused),
		lab_test(only_its_credential_changes_a_registration),
		lab_test(device_that_moved_is_reached_at_its_new_address),
		lab_test(nothing_is_sent_after_a_restart_until_it_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
