/* Devices that somebody in the process presents: what is asked of them is answered by him. */
#include "presented.h"

#include <stdio.h>
#include <string.h>

#include "registry_lab.h"

struct presented_lab { /* he who presents "p", which has a battery */
	struct registry_lab *lab;
	unsigned asked, gone;
	struct operation_request last;
	char arguments[LAB_TEXT];
	int64_t battery;
	uint8_t code; /* of all answers but to READ and OBSERVE */
};

static const struct lwm2m_path battery_path = { 3, 0, 9, LWM2M_ID_NONE, 3 };

static uint8_t ask(void *self, const char *endpoint, const struct operation_request *request,
		   struct arena *arena, struct lwm2m_records *ret_records)
{
	struct presented_lab *presented = self;
	struct lwm2m_record *record = arena_alloc(arena, sizeof(*record));

	assert_string_equal(endpoint, "p");
	assert_non_null(record);
	presented->asked++;
	presented->last = *request;
	snprintf(presented->arguments, LAB_TEXT, "%s", request->arguments != NULL ? request->arguments : "");
	if (request->operation != LWM2M_READ && request->operation != LWM2M_OBSERVE)
		return presented->code;
	*record = (struct lwm2m_record){ .path = battery_path,
					 .value = { .type = LWM2M_INTEGER, .integer = presented->battery } };
	*ret_records = (struct lwm2m_records){ record, 1 };
	return COAP_CODE(2, 5);
}

static void gone(void *self, const char *endpoint)
{
	struct presented_lab *presented = self;

	assert_string_equal(endpoint, "p");
	presented->gone++;
}

static enum err present(struct presented_lab *presented)
{
	const struct presented_description description = { "p", "</3/0>", 1 };
	const struct presenter presenter = { ask, gone, presented };

	return presented_register(presented->lab->registry, &description, &presenter, NULL);
}

static struct presented_lab presented_in(void **state)
{
	return (struct presented_lab){ .lab = *state, .battery = 50, .code = COAP_CODE(2, 4) };
}

static void start(struct presented_lab *presented, enum lwm2m_operation operation, struct lwm2m_path path,
		  uint64_t job_id)
{
	struct registry_lab *lab = presented->lab;
	const struct operation_request request = { .operation = operation,
						   .path = path,
						   .payload_format = FORMAT_NONE,
						   .accept = FORMAT_NONE,
						   .arguments = operation == LWM2M_EXECUTE ? "0='1'" : NULL,
						   .job_id = job_id };
	const unsigned before = lab->answer.count;

	assert_int_equal(operation_start(lab->registry, "p", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	assert_int_equal(lab->answer.count, before);
	lab_until(lab, lab->answer.count > before);
}

static void is_found_and_answers(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct registry_lab *lab = presented.lab;
	const struct device *device;

	assert_int_equal(present(&presented), ERR_NONE);
	device = registry_find(lab->registry, "p");
	assert_non_null(device);
	assert_true(device->is_presented && device->is_awake && device_has(device, 3, 0));
	assert_int_equal(lab->heard.registered, 1);
	start(&presented, LWM2M_READ, battery_path, 0);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 5));
	assert_int_equal(lab->answer.record.value.integer, 50);
	assert_true(lab->answer.payload_len > 0);
	start(&presented, LWM2M_EXECUTE, LWM2M_RESOURCE(3, 0, 4), 0);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 4));
	assert_string_equal(presented.arguments, "0='1'");
	presented.code = COAP_CODE(4, 5);
	start(&presented, LWM2M_EXECUTE, LWM2M_RESOURCE(3, 0, 4), 0);
	assert_int_equal(lab->answer.code, COAP_CODE(4, 5));
}

static void tells_observers_what_changed(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct registry_lab *lab = presented.lab;

	assert_int_equal(present(&presented), ERR_NONE);
	start(&presented, LWM2M_OBSERVE, battery_path, 7);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	presented.battery = 49;
	presented_changed(lab->registry, "p", LWM2M_RESOURCE(3, 0, 10));
	assert_int_equal(lab->heard.notified, 0);
	presented_changed(lab->registry, "p", LWM2M_INSTANCE(3, 0));
	assert_int_equal(lab->heard.notified, 1);
	assert_int_equal(lab->heard.job_id, 7);
	assert_int_equal(lab->heard.record.value.integer, 49);
	operation_end_job(lab->registry, "p", 7);
	presented_changed(lab->registry, "p", battery_path);
	assert_int_equal(lab->heard.notified, 1);
}

static void loses_the_observations_of_jobs_when_presented_again(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct registry_lab *lab = presented.lab;

	assert_int_equal(present(&presented), ERR_NONE);
	start(&presented, LWM2M_OBSERVE, battery_path, 7);
	assert_int_equal(present(&presented), ERR_NONE);
	assert_int_equal(lab->heard.registered, 2);
	assert_int_equal(registry_count(lab->registry), 1);
	presented_changed(lab->registry, "p", battery_path);
	assert_int_equal(lab->heard.notified, 0);
}

static void is_not_asked_while_it_sleeps(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct registry_lab *lab = presented.lab;
	struct operation_request request = { .operation = LWM2M_READ,
					     .path = battery_path,
					     .payload_format = FORMAT_NONE,
					     .accept = FORMAT_NONE };

	assert_int_equal(present(&presented), ERR_NONE);
	lab_turn_for(lab, 400); /* longer than a device in queue mode would listen */
	assert_true(registry_find(lab->registry, "p")->is_awake);
	presented_set_awake(lab->registry, "p", false);
	assert_int_equal(operation_start(lab->registry, "p", &request, lab_answered, lab, 1, NULL),
			 ERR_UNAVAILABLE);
	request.may_wait = true;
	assert_int_equal(operation_start(lab->registry, "p", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	lab_turn_for(lab, 100);
	assert_int_equal(presented.asked, 0);
	presented_set_awake(lab->registry, "p", true);
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(presented.asked, 1);
	assert_int_equal(lab->answer.record.value.integer, 50);
}

static void does_not_take_the_name_of_a_registered_device(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct lab_device device = device_open(*state);
	struct fault fault = { 0 };
	const struct presented_description description = { "p", "</3/0>", 60 };
	const struct presenter presenter = { ask, gone, &presented };

	device_register(*state, &device, "ep=p&lt=600&lwm2m=1.1");
	assert_int_equal(presented_register(presented.lab->registry, &description, &presenter, &fault),
			 ERR_CONFLICT);
	assert_non_null(strstr(fault.text, "registered over CoAP"));
	device_close(&device);
}

static void leaves_when_the_device_registers_by_itself(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct lab_device device = device_open(*state);

	assert_int_equal(present(&presented), ERR_NONE);
	device_register(*state, &device, "ep=p&lt=600&lwm2m=1.1");
	assert_int_equal(presented.gone, 1);
	assert_false(registry_find(presented.lab->registry, "p")->is_presented);
	assert_int_equal(registry_count(presented.lab->registry), 1);
	device_close(&device);
}

static void leaves_when_it_is_removed_or_its_lifetime_passes(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct registry_lab *lab = presented.lab;

	assert_int_equal(present(&presented), ERR_NONE);
	assert_int_equal(registry_remove(lab->registry, "p"), ERR_NONE);
	assert_int_equal(presented.gone, 1);
	assert_null(registry_find(lab->registry, "p"));
	assert_int_equal(present(&presented), ERR_NONE);
	lab_turn_for(lab, 1000 + 2 * LAB_TICK_MS);
	assert_int_equal(presented.gone, 2);
	assert_int_equal(registry_count(lab->registry), 0);
}

static void is_forgotten_by_a_restart(void **state)
{
	struct presented_lab presented = presented_in(state);

	assert_int_equal(present(&presented), ERR_NONE);
	start(&presented, LWM2M_OBSERVE, battery_path, 0);
	registry_lab_restart(*state);
	assert_int_equal(registry_count(presented.lab->registry), 0);
}

static void is_refused_when_there_are_too_many_or_its_links_are_none(void **state)
{
	struct presented_lab presented = presented_in(state);
	struct registry_lab *lab = presented.lab;
	const struct presented_description broken = { "p", "<", 60 };
	const struct presenter presenter = { ask, gone, &presented };

	assert_int_equal(presented_register(lab->registry, &broken, &presenter, NULL), ERR_MALFORMED);
	lab->parts.max_devices = 0;
	registry_lab_recreate(lab);
	assert_int_equal(present(&presented), ERR_UNAVAILABLE);
	assert_int_equal(registry_count(lab->registry), 0);
}

#define IN_A_LAB(test) cmocka_unit_test_setup_teardown(test, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_LAB(is_found_and_answers),
		IN_A_LAB(tells_observers_what_changed),
		IN_A_LAB(loses_the_observations_of_jobs_when_presented_again),
		IN_A_LAB(is_not_asked_while_it_sleeps),
		IN_A_LAB(does_not_take_the_name_of_a_registered_device),
		IN_A_LAB(leaves_when_the_device_registers_by_itself),
		IN_A_LAB(leaves_when_it_is_removed_or_its_lifetime_passes),
		IN_A_LAB(is_forgotten_by_a_restart),
		IN_A_LAB(is_refused_when_there_are_too_many_or_its_links_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
