/* The firmware plugin's steps against a device that is played here: object 5 as LwM2M Core TS 1.1, E.6 draws
 * its states, and what else devices do. A package is the version that it brings. */
#include "job_lab.h"

#include <stdio.h>

#include "kept.h"
#include "se_test.h"

#define OLD     "1.0.0"
#define NEW     "2.0.0"
#define ORDER   "{\"package\": \"1\", \"version\": \"" NEW "\"}"
#define BY_PUSH "{\"package\": \"1\", \"version\": \"" NEW "\", \"delivery\": \"push\"}"
#define BY_PULL "{\"package\": \"1\", \"version\": \"" NEW "\", \"delivery\": \"pull\"}"
#define URI     "coap://server/package"
#define FOREVER 1000000u

enum {
	CHANGED = 0x44,
	CONTENT = 0x45,
	NOT_FOUND = 0x84,
	NOT_ALLOWED = 0x85,
	INCOMPLETE = 0x88,
	TOO_LARGE = 0x8D
};

struct device {
	struct job_lab lab;
	/* the resources */
	bool has_object, has_settings;
	int64_t state, result, delivery, protocol;
	const char *version; /* NULL: no /3/0/3 */
	char package[16];
	int64_t severity, max_defer_s;
	/* how it behaves */
	uint8_t download_result, update_result; /* how they end, 0: well */
	unsigned bad_downloads, bad_updates;    /* as many end so */
	unsigned duration;                      /* waits until a download or an update has ended */
	uint8_t refuses_package, refuses_uri, refuses_reset, refuses_update, refuses_cancel, refuses_observe;
	bool keeps_its_state; /* a reset changes nothing */
	bool shows_late;      /* what it was told shows after a wait */
	/* what happened */
	unsigned left;
	bool is_behind; /* in the state before the one that was begun */
	bool is_observed;
	int64_t told_state;
	unsigned packages, uris, resets, updates, cancels;
};

/* ---- the device ---- */

static void fail_download(struct device *device, uint8_t result)
{
	device->state = STATE_IDLE;
	device->result = result;
}

static void end_download(struct device *device)
{
	if (device->bad_downloads > 0) {
		device->bad_downloads--;
		fail_download(device, device->download_result);
		return;
	}
	device->state = STATE_DOWNLOADED;
}

static void begin(struct device *device, enum firmware_state state)
{
	device->is_behind = device->shows_late;
	device->state = device->is_behind ? (int64_t)state - 1 : (int64_t)state;
	device->left = device->duration;
}

static void end_update(struct device *device)
{
	if (device->bad_updates > 0) {
		device->bad_updates--;
		device->state = device->update_result == RESULT_DEFERRED ? STATE_DOWNLOADED : STATE_IDLE;
		device->result = device->update_result;
		return;
	}
	device->state = STATE_IDLE;
	device->result = RESULT_SUCCESS;
	device->version = device->version == NULL ? NULL : device->package;
}

static void pass(struct device *device)
{
	if (device->is_behind) {
		device->is_behind = false;
		device->state++;
		return;
	}
	if (device->left > 0 && --device->left > 0)
		return;
	if (device->state == STATE_DOWNLOADING && device->lab.is_served)
		end_download(device);
	else if (device->state == STATE_DOWNLOADING)
		fail_download(device, RESULT_CONNECTION_LOST);
	else if (device->state == STATE_UPDATING)
		end_update(device);
}

static uint8_t reset_device(struct device *device)
{
	device->resets++;
	if (!device->keeps_its_state) {
		device->state = STATE_IDLE;
		device->result = RESULT_INITIAL;
	}
	return CHANGED;
}

static uint8_t take_package(struct device *device, struct bytes package)
{
	if (package.len == 1 && package.at[0] == 0)
		return reset_device(device);
	device->packages++;
	if (device->refuses_package != 0)
		return device->refuses_package;
	assert_in_range(package.len, 1, sizeof(device->package) - 1);
	memcpy(device->package, package.at, package.len);
	end_download(device);
	return CHANGED;
}

static uint8_t take_uri(struct device *device, struct bytes uri)
{
	if (uri.len == 0)
		return device->refuses_reset != 0 ? device->refuses_reset : reset_device(device);
	device->uris++;
	if (device->refuses_uri != 0)
		return device->refuses_uri;
	assert_true(bytes_equal_text(uri, device->lab.uri));
	snprintf(device->package, sizeof(device->package), NEW);
	begin(device, STATE_DOWNLOADING);
	return CHANGED;
}

static uint8_t take(struct device *device, const struct lwm2m_record *record)
{
	switch (record->path.resource) {
	case FIRMWARE_PACKAGE:
		return take_package(device, record->value.bytes);
	case FIRMWARE_PACKAGE_URI:
		return take_uri(device, record->value.bytes);
	case FIRMWARE_SEVERITY:
		device->severity = record->value.integer;
		return CHANGED;
	case FIRMWARE_MAX_DEFER:
		device->max_defer_s = (int64_t)record->value.whole;
		return CHANGED;
	default:
		return NOT_ALLOWED;
	}
}

static uint8_t execute(struct device *device, uint16_t resource)
{
	if (resource == FIRMWARE_CANCEL) {
		device->cancels++;
		return device->refuses_cancel != 0 ? device->refuses_cancel : (uint8_t)(reset_device(device));
	}
	assert_int_equal(resource, FIRMWARE_UPDATE);
	if (device->refuses_update != 0)
		return device->refuses_update;
	assert_int_equal(device->state, STATE_DOWNLOADED);
	device->updates++;
	begin(device, STATE_UPDATING);
	return CHANGED;
}

static struct lwm2m_records read_object(struct device *device)
{
	const struct lwm2m_record all[] = {
		{ .path = FIRMWARE(FIRMWARE_STATE),
		  .value = { .type = LWM2M_INTEGER, .integer = device->state } },
		{ .path = FIRMWARE(FIRMWARE_RESULT),
		  .value = { .type = LWM2M_INTEGER, .integer = device->result } },
		{ .path = FIRMWARE(FIRMWARE_DELIVERY),
		  .value = { .type = LWM2M_INTEGER, .integer = device->delivery } },
		{ .path = FIRMWARE(FIRMWARE_PACKAGE_VERSION),
		  .value = { .type = LWM2M_STRING, .bytes = bytes_of_text(device->package) } },
		{ .path = { 5, 0, FIRMWARE_PROTOCOLS, 0, 4 },
		  .value = { .type = LWM2M_INTEGER, .integer = device->protocol } },
		{ .path = FIRMWARE(FIRMWARE_SEVERITY), .value = { .type = LWM2M_INTEGER } },
		{ .path = FIRMWARE(FIRMWARE_MAX_DEFER), .value = { .type = LWM2M_UNSIGNED } },
	};
	size_t count = sizeof(all) / sizeof(all[0]) - (device->has_settings ? 0 : 2);
	struct lwm2m_record *records = arena_alloc_array(device->lab.step_arena, count, sizeof(*records));

	assert_non_null(records);
	memcpy(records, all, count * sizeof(*records));
	return (struct lwm2m_records){ records, count };
}

static struct lwm2m_records read_version(struct device *device)
{
	struct lwm2m_record *record = arena_alloc(device->lab.step_arena, sizeof(*record));

	assert_non_null(record);
	*record = (struct lwm2m_record){
		.path = DEVICE_FIRMWARE_VERSION,
		.value = { .type = LWM2M_STRING, .bytes = bytes_of_text(device->version) },
	};
	return (struct lwm2m_records){ record, 1 };
}

static struct cardea_step read_path(struct device *device, struct lwm2m_path path)
{
	if (path.object == 3)
		return device->version == NULL
			       ? (struct cardea_step){ .code = NOT_FOUND }
			       : (struct cardea_step){ .code = CONTENT, .records = read_version(device) };
	return device->has_object ? (struct cardea_step){ .code = CONTENT, .records = read_object(device) }
				  : (struct cardea_step){ .code = NOT_FOUND };
}

static struct cardea_step answer(void *self, const struct cardea_request *request)
{
	struct device *device = self;

	switch (request->operation) {
	case LWM2M_OBSERVE:
		if (device->refuses_observe != 0)
			return (struct cardea_step){ .code = device->refuses_observe };
		device->is_observed = true;
		device->told_state = device->state;
		return read_path(device, request->path);
	case LWM2M_READ:
		return read_path(device, request->path);
	case LWM2M_WRITE_REPLACE:
		assert_int_equal(request->records.count, 1);
		return (struct cardea_step){ .code = take(device, &request->records.at[0]) };
	case LWM2M_EXECUTE:
		return (struct cardea_step){ .code = execute(device, request->path.resource) };
	default:
		fail_msg("operation %d", request->operation);
		return (struct cardea_step){ 0 };
	}
}

static bool wait_for_device(void *self, struct cardea_step *ret_notification)
{
	struct device *device = self;

	pass(device);
	if (!device->is_observed || device->told_state == device->state)
		return false;
	device->told_state = device->state;
	ret_notification->path = FIRMWARE(FIRMWARE_STATE);
	ret_notification->records = read_object(device);
	return true;
}

static void lose_observations(void *self)
{
	struct device *device = self;

	device->is_observed = false;
}

/* What was being fetched is lost, what was there stays, and an update ends with it. */
static void reboot(void *self)
{
	struct device *device = self;

	device->left = 0;
	if (device->state == STATE_DOWNLOADING)
		device->state = STATE_IDLE;
	else if (device->state == STATE_UPDATING)
		end_update(device);
}

/* ---- jobs ---- */

static void device_open(struct device *device)
{
	const struct lab_device played = { device, answer, wait_for_device, lose_observations, reboot };

	*device = (struct device){
		.has_object = true,
		.delivery = DELIVERS_BY_BOTH,
		.version = OLD,
		.severity = -1,
		.max_defer_s = -1,
		.duration = 2,
	};
	job_lab_open(&device->lab, played);
	device->lab.uri = URI;
}

static void device_close(struct device *device)
{
	job_lab_close(&device->lab);
}

static void update(struct device *device, const char *params)
{
	job_lab_run(&device->lab, "firmware.update", params, bytes_of_text(NEW));
}

static void cancel(struct device *device)
{
	job_lab_run(&device->lab, "firmware.cancel", "{}", bytes_of(NULL, 0));
}

static void assert_done(const struct device *device)
{
	if (device->lab.result != CARDEA_DONE)
		fail_msg("result %d: %s", device->lab.result, device->lab.reason);
}

static void assert_updated(const struct device *device, const char *delivery)
{
	const json_t *reported = device->lab.reported;

	assert_done(device);
	assert_string_equal(device->version, NEW);
	assert_string_equal(json_string_value(json_object_get(reported, "version")), NEW);
	assert_string_equal(json_string_value(json_object_get(reported, "previousVersion")), OLD);
	assert_string_equal(json_string_value(json_object_get(reported, "delivery")), delivery);
	assert_true(json_is_false(json_object_get(reported, "alreadyInstalled")));
	assert_int_equal(device->lab.progress_done, device->lab.progress_total);
}

static void assert_ended(const struct device *device, enum cardea_result result, enum err kind,
			 const char *words)
{
	if (device->lab.result != result || device->lab.kind != kind ||
	    strstr(device->lab.reason, words) == NULL)
		fail_msg("result %d, %s: %s", device->lab.result, err_name(device->lab.kind),
			 device->lab.reason);
}

static void assert_failed(const struct device *device, enum err kind, const char *words)
{
	assert_ended(device, CARDEA_FAILED, kind, words);
}

/* ---- the usual ---- */

static void a_package_is_pushed_and_the_new_version_seen(void **state)
{
	struct device device;

	device_open(&device);
	update(&device, BY_PUSH);
	assert_updated(&device, "push");
	assert_int_equal(device.packages, 1);
	assert_int_equal(device.uris, 0);
	assert_int_equal(device.updates, 1);
	device_close(&device);
}

static void a_package_is_fetched_where_the_server_says(void **state)
{
	struct device device;

	device_open(&device);
	update(&device, BY_PULL);
	assert_updated(&device, "pull");
	assert_int_equal(device.packages, 0);
	assert_int_equal(device.uris, 1);
	assert_int_equal(device.updates, 1);
	device_close(&device);
}

static void a_version_that_is_there_is_left_alone(void **state)
{
	struct device device;

	device_open(&device);
	device.version = NEW;
	update(&device, ORDER);
	assert_done(&device);
	assert_true(json_is_true(json_object_get(device.lab.reported, "alreadyInstalled")));
	assert_int_equal(device.packages + device.uris + device.resets + device.updates, 0);
	device_close(&device);
}

static void without_a_version_of_the_device_its_package_tells(void **state)
{
	struct device device;

	device_open(&device);
	device.version = NULL;
	update(&device, ORDER);
	assert_done(&device);
	assert_int_equal(device.updates, 1);
	device_close(&device);
}

static void a_device_that_cannot_be_observed_is_asked(void **state)
{
	struct device device;

	device_open(&device);
	device.refuses_observe = NOT_ALLOWED;
	update(&device, BY_PULL);
	assert_updated(&device, "pull");
	device_close(&device);
}

static void a_device_that_shows_late_what_it_does_is_not_told_twice(void **state)
{
	struct device device;

	device_open(&device);
	device.shows_late = true;
	update(&device, BY_PULL);
	assert_updated(&device, "pull");
	assert_int_equal(device.uris, 1);
	assert_int_equal(device.updates, 1);
	device_close(&device);
}

static void settings_go_only_to_devices_that_have_them(void **state)
{
	static const char order[] =
		"{\"package\": \"1\", \"version\": \"" NEW "\", \"severity\": \"optional\","
		" \"deferUpdateSeconds\": 60}";
	struct device device;

	for (int has_settings = 0; has_settings < 2; has_settings++) {
		device_open(&device);
		device.has_settings = has_settings;
		update(&device, order);
		assert_done(&device);
		assert_int_equal(device.severity, has_settings ? 2 : -1);
		assert_int_equal(device.max_defer_s, has_settings ? 60 : -1);
		device_close(&device);
	}
}

/* ---- how it is delivered ---- */

static void the_delivery_is_what_order_device_and_server_can(void **state)
{
	static const struct {
		int64_t delivery, protocol;
		const char *order, *uri;
		const char *used; /* NULL: it fails */
	} rows[] = {
		{ DELIVERS_BY_BOTH, PROTOCOL_COAP, ORDER, URI, "pull" },
		{ DELIVERS_BY_BOTH, PROTOCOL_COAP, ORDER, NULL, "push" },
		{ DELIVERS_BY_BOTH, PROTOCOL_COAPS, ORDER, URI, "push" },
		{ DELIVERS_BY_BOTH, PROTOCOL_COAPS, ORDER, "coaps://server/package", "pull" },
		{ DELIVERS_BY_BOTH, 40, ORDER, URI, "push" },
		{ DELIVERS_BY_PUSH, PROTOCOL_COAP, ORDER, URI, "push" },
		{ DELIVERS_BY_PUSH, PROTOCOL_COAP, BY_PULL, URI, NULL },
		{ DELIVERS_BY_PULL, PROTOCOL_COAP, ORDER, URI, "pull" },
		{ DELIVERS_BY_PULL, PROTOCOL_COAP, BY_PUSH, URI, NULL },
		{ DELIVERS_BY_PULL, PROTOCOL_COAPS, ORDER, URI, NULL },
		{ DELIVERS_BY_BOTH, PROTOCOL_COAP, BY_PULL, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device device;

		device_open(&device);
		device.delivery = rows[i].delivery;
		device.protocol = rows[i].protocol;
		device.lab.uri = rows[i].uri;
		update(&device, rows[i].order);
		if (rows[i].used != NULL)
			assert_updated(&device, rows[i].used);
		else
			assert_failed(&device, ERR_UNSUPPORTED, "");
		assert_true(rows[i].used != NULL || device.packages + device.uris + device.updates == 0);
		device_close(&device);
	}
}

static void a_refused_package_ends_the_job(void **state)
{
	static const struct {
		uint8_t code;
		enum err kind;
		const char *words;
	} rows[] = {
		{ TOO_LARGE, ERR_LIMIT, "4.13 to the package" },
		{ NOT_ALLOWED, ERR_CONFLICT, "4.05 to the package" },
	};
	struct device device;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		device_open(&device);
		device.refuses_package = rows[i].code;
		update(&device, BY_PUSH);
		assert_failed(&device, rows[i].kind, rows[i].words);
		assert_int_equal(device.packages, 1);
		device_close(&device);
	}
	device_open(&device);
	device.refuses_uri = NOT_ALLOWED;
	update(&device, BY_PULL);
	assert_failed(&device, ERR_CONFLICT, "4.05 to the URI of the package");
	device_close(&device);
}

static void a_package_that_lost_blocks_is_sent_again_a_few_times(void **state)
{
	struct device device;

	device_open(&device);
	device.refuses_package = INCOMPLETE;
	update(&device, BY_PUSH);
	assert_failed(&device, ERR_UNAVAILABLE, "got lost");
	assert_int_equal(device.packages, 3);
	device_close(&device);
}

/* ---- every update result ---- */

static const struct {
	uint8_t result;
	enum err kind;
	const char *words;
} results[] = {
	{ 2, ERR_LIMIT, "flash" },
	{ 3, ERR_LIMIT, "RAM" },
	{ 5, ERR_MALFORMED, "integrity" },
	{ 6, ERR_UNSUPPORTED, "type of the package" },
	{ 7, ERR_MALFORMED, "URI of the package" },
	{ 8, ERR_CONFLICT, "update failed" },
	{ 9, ERR_UNSUPPORTED, "protocol of the URI" },
	{ 10, ERR_CONFLICT, "cancelled" },
	{ 200, ERR_MALFORMED, "no specification has" },
};

static void each_result_of_a_download_is_told(void **state)
{
	for (size_t i = 0; i < 2 * sizeof(results) / sizeof(results[0]); i++) {
		struct device device;

		device_open(&device);
		device.bad_downloads = 1;
		device.download_result = results[i / 2].result;
		update(&device, i % 2 == 0 ? BY_PUSH : BY_PULL);
		assert_failed(&device, results[i / 2].kind, results[i / 2].words);
		assert_int_equal(device.updates, 0);
		/* and the next job begins anew */
		update(&device, i % 2 == 0 ? BY_PUSH : BY_PULL);
		assert_updated(&device, i % 2 == 0 ? "push" : "pull");
		device_close(&device);
	}
}

static void each_result_of_an_update_is_told(void **state)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct device device;

		device_open(&device);
		device.bad_updates = 1;
		device.update_result = results[i].result;
		update(&device, ORDER);
		assert_failed(&device, results[i].kind, results[i].words);
		assert_int_equal(device.updates, 1);
		assert_string_equal(device.version, OLD);
		device_close(&device);
	}
}

static void a_lost_connection_is_tried_again_a_few_times(void **state)
{
	struct device device;

	for (unsigned bad = 2; bad <= 3; bad++) {
		device_open(&device);
		device.bad_downloads = bad;
		device.download_result = RESULT_CONNECTION_LOST;
		update(&device, BY_PULL);
		if (bad == 2)
			assert_updated(&device, "pull");
		else
			assert_failed(&device, ERR_UNAVAILABLE, "connection was lost");
		assert_int_equal(device.uris, 3);
		device_close(&device);
	}
}

static void a_deferred_update_waits_only_when_it_may(void **state)
{
	struct device device;

	device_open(&device);
	device.bad_updates = 1;
	device.update_result = RESULT_DEFERRED;
	update(&device, ORDER);
	assert_failed(&device, ERR_CONFLICT, "deferred");
	device_close(&device);

	device_open(&device);
	device.bad_updates = 1;
	device.update_result = RESULT_DEFERRED;
	update(&device, "{\"package\": \"1\", \"version\": \"" NEW
			"\", \"deferUpdateSeconds\": 60, \"timeoutSeconds\": 100}");
	assert_failed(&device, ERR_TIMEOUT, "downloaded, the update was deferred");
	assert_int_equal(device.updates, 1);
	assert_int_equal(device.state, STATE_IDLE);
	device_close(&device);
}

static void another_version_than_the_order_says_is_no_success(void **state)
{
	struct device device;

	device_open(&device);
	update(&device, "{\"package\": \"1\", \"version\": \"3.0.0\", \"delivery\": \"push\"}");
	assert_failed(&device, ERR_CONFLICT, "reports version \"" NEW "\"");
	assert_int_equal(device.updates, 1);
	device_close(&device);
}

static void a_refused_update_ends_the_job(void **state)
{
	struct device device;

	device_open(&device);
	device.refuses_update = NOT_ALLOWED;
	update(&device, ORDER);
	assert_failed(&device, ERR_CONFLICT, "4.05 to the order to update");
	assert_string_equal(device.version, OLD);
	device_close(&device);
}

/* ---- every state that a job may find ---- */

static void what_somebody_else_left_is_forgotten_first(void **state)
{
	static const int64_t states[] = { STATE_IDLE, STATE_DOWNLOADING, STATE_DOWNLOADED };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct device device;

		device_open(&device);
		device.state = states[i];
		device.result = states[i] == STATE_IDLE ? 8 : 0;
		device.left = FOREVER;
		snprintf(device.package, sizeof(device.package), "9.9.9");
		update(&device, BY_PUSH);
		assert_updated(&device, "push");
		assert_int_equal(device.resets, 1);
		assert_int_equal(device.updates, 1);
		device_close(&device);
	}
}

static void a_device_without_uris_is_reset_by_an_empty_package(void **state)
{
	struct device device;

	device_open(&device);
	device.state = STATE_DOWNLOADED;
	device.delivery = DELIVERS_BY_PUSH;
	device.refuses_reset = NOT_ALLOWED;
	update(&device, ORDER);
	assert_updated(&device, "push");
	assert_int_equal(device.resets, 1);
	assert_int_equal(device.packages, 1);
	device_close(&device);
}

static void a_device_that_does_not_stop_is_left_alone(void **state)
{
	struct device device;

	device_open(&device);
	device.state = STATE_DOWNLOADING;
	device.left = FOREVER;
	device.keeps_its_state = true;
	update(&device, ORDER);
	assert_failed(&device, ERR_CONFLICT, "is downloading and does not stop");
	assert_int_equal(device.packages + device.uris, 0);
	device_close(&device);
}

static void an_update_under_way_is_waited_for(void **state)
{
	static const char *const versions[] = { OLD, NEW /* before it has ended */ };

	for (size_t i = 0; i < 2; i++) {
		struct device device;

		device_open(&device);
		device.state = STATE_UPDATING;
		device.version = versions[i];
		device.left = 5;
		snprintf(device.package, sizeof(device.package), NEW);
		update(&device, ORDER);
		assert_done(&device);
		assert_int_equal(device.state, STATE_IDLE);
		assert_int_equal(device.packages + device.uris + device.updates, 0);
		device_close(&device);
	}
}

static void a_device_without_the_object_is_refused(void **state)
{
	struct device device;

	device_open(&device);
	device.has_object = false;
	update(&device, ORDER);
	assert_failed(&device, ERR_UNSUPPORTED, "no object for firmware updates");
	cancel(&device);
	assert_failed(&device, ERR_UNSUPPORTED, "no object for firmware updates");
	device_close(&device);
}

static void what_no_specification_has_is_refused(void **state)
{
	static const struct {
		int64_t state, result, delivery;
		const char *words;
	} rows[] = {
		{ 4, 0, DELIVERS_BY_BOTH, "/5/0/3" },
		{ -1, 0, DELIVERS_BY_BOTH, "/5/0/3" },
		{ 0, 256, DELIVERS_BY_BOTH, "/5/0/5" },
		{ 0, -1, DELIVERS_BY_BOTH, "/5/0/5" },
		{ 0, 0, 3, "/5/0/9" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device device;

		device_open(&device);
		device.state = rows[i].state;
		device.result = rows[i].result;
		device.delivery = rows[i].delivery;
		update(&device, ORDER);
		assert_failed(&device, ERR_MALFORMED, rows[i].words);
		device_close(&device);
	}
}

/* ---- time ---- */

static void a_download_that_does_not_end_is_stopped(void **state)
{
	struct device device;

	device_open(&device);
	device.duration = FOREVER;
	update(&device, BY_PULL);
	assert_failed(&device, ERR_TIMEOUT, "it was downloading");
	assert_int_equal(device.state, STATE_IDLE);
	assert_int_equal(device.updates, 0);
	device_close(&device);
}

static void an_update_that_does_not_end_is_unknown(void **state)
{
	struct device device;

	device_open(&device);
	device.duration = FOREVER;
	update(&device, BY_PUSH);
	assert_ended(&device, CARDEA_UNKNOWN, ERR_TIMEOUT, "still updating");
	assert_int_equal(device.updates, 1);
	device_close(&device);
}

/* ---- breaks ---- */

static void break_everywhere(const char *order, const char *delivery)
{
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;

		for (unsigned at = 1; at <= requests; at++) {
			struct device device;

			device_open(&device);
			device.lab.break_kind = kind;
			device.lab.break_at = at;
			update(&device, order);
			assert_updated(&device, delivery);
			assert_int_equal(device.updates, 1);
			assert_in_range(device.packages + device.uris, 1, kind < REBOOT_BEFORE ? 1 : 2);
			requests = device.lab.requests;
			device_close(&device);
		}
		assert_true(requests > 5);
	}
}

static void a_push_survives_a_break_at_every_request(void **state)
{
	break_everywhere(BY_PUSH, "push");
}

static void a_pull_survives_a_break_at_every_request(void **state)
{
	break_everywhere(BY_PULL, "pull");
}

/* ---- cancelling ---- */

static void cancel_makes_a_device_idle(void **state)
{
	static const struct {
		uint8_t refuses_cancel, refuses_reset;
		unsigned resets;
	} rows[] = { { 0, 0, 1 }, { NOT_ALLOWED, 0, 1 }, { NOT_ALLOWED, NOT_ALLOWED, 1 } };

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct device device;

		device_open(&device);
		device.state = i % 2 == 0 ? STATE_DOWNLOADING : STATE_DOWNLOADED;
		device.left = FOREVER;
		device.refuses_cancel = rows[i / 2].refuses_cancel;
		device.refuses_reset = rows[i / 2].refuses_reset;
		cancel(&device);
		assert_done(&device);
		assert_true(json_is_false(json_object_get(device.lab.reported, "alreadyIdle")));
		assert_int_equal(device.state, STATE_IDLE);
		assert_int_equal(device.cancels, 1);
		assert_int_equal(device.resets, rows[i / 2].resets);
		device_close(&device);
	}
}

static void cancel_leaves_what_it_cannot_stop(void **state)
{
	struct device device;

	device_open(&device);
	cancel(&device);
	assert_done(&device);
	assert_true(json_is_true(json_object_get(device.lab.reported, "alreadyIdle")));
	assert_int_equal(device.cancels, 0);
	device.state = STATE_UPDATING;
	device.left = FOREVER;
	cancel(&device);
	assert_failed(&device, ERR_CONFLICT, "updating already");
	device.state = STATE_DOWNLOADED;
	device.keeps_its_state = true;
	cancel(&device);
	assert_failed(&device, ERR_CONFLICT, "is downloaded and does not stop");
	device_close(&device);
}

/* ---- packages, and what is kept ---- */

static void a_package_is_anything_but_nothing(void **state)
{
	extern const struct cardea_plugin cardea_plugin;
	const struct cardea_package_kind *kind = &cardea_plugin.packages[0];
	struct arena *arena = arena_create(0);
	const char *json = NULL;

	assert_string_equal(kind->name, "firmware");
	assert_int_equal(kind->inspect(NULL, bytes_of_text(""), arena, &json, NULL), ERR_MALFORMED);
	assert_int_equal(kind->inspect(NULL, bytes_of("\0", 1), arena, &json, NULL), ERR_MALFORMED);
	assert_null(json);
	assert_int_equal(kind->inspect(NULL, bytes_of_text("abc"), arena, &json, NULL), ERR_NONE);
	assert_string_equal(json, "{\"sizeBytes\":3,\"sha256Hex\":"
				  "\"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\"}");
	arena_free(arena);
}

static void a_state_that_was_cut_is_refused(void **state)
{
	struct device device;
	struct kept kept;

	device_open(&device);
	update(&device, ORDER);
	assert_done(&device);
	assert_int_equal(kept_parse(device.lab.state, &kept), ERR_NONE);
	assert_string_equal(kept.previous_version, OLD);
	for (size_t len = 0; len < device.lab.state.len; len++)
		assert_int_equal(kept_parse(bytes_first(device.lab.state, len), &kept), ERR_MALFORMED);
	device_close(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_package_is_pushed_and_the_new_version_seen),
		cmocka_unit_test(a_package_is_fetched_where_the_server_says),
		cmocka_unit_test(a_version_that_is_there_is_left_alone),
		cmocka_unit_test(without_a_version_of_the_device_its_package_tells),
		cmocka_unit_test(a_device_that_cannot_be_observed_is_asked),
		cmocka_unit_test(a_device_that_shows_late_what_it_does_is_not_told_twice),
		cmocka_unit_test(settings_go_only_to_devices_that_have_them),
		cmocka_unit_test(the_delivery_is_what_order_device_and_server_can),
		cmocka_unit_test(a_refused_package_ends_the_job),
		cmocka_unit_test(a_package_that_lost_blocks_is_sent_again_a_few_times),
		cmocka_unit_test(each_result_of_a_download_is_told),
		cmocka_unit_test(each_result_of_an_update_is_told),
		cmocka_unit_test(a_lost_connection_is_tried_again_a_few_times),
		cmocka_unit_test(a_deferred_update_waits_only_when_it_may),
		cmocka_unit_test(another_version_than_the_order_says_is_no_success),
		cmocka_unit_test(a_refused_update_ends_the_job),
		cmocka_unit_test(what_somebody_else_left_is_forgotten_first),
		cmocka_unit_test(a_device_without_uris_is_reset_by_an_empty_package),
		cmocka_unit_test(a_device_that_does_not_stop_is_left_alone),
		cmocka_unit_test(an_update_under_way_is_waited_for),
		cmocka_unit_test(a_device_without_the_object_is_refused),
		cmocka_unit_test(what_no_specification_has_is_refused),
		cmocka_unit_test(a_download_that_does_not_end_is_stopped),
		cmocka_unit_test(an_update_that_does_not_end_is_unknown),
		cmocka_unit_test(a_push_survives_a_break_at_every_request),
		cmocka_unit_test(a_pull_survives_a_break_at_every_request),
		cmocka_unit_test(cancel_makes_a_device_idle),
		cmocka_unit_test(cancel_leaves_what_it_cannot_stop),
		cmocka_unit_test(a_package_is_anything_but_nothing),
		cmocka_unit_test(a_state_that_was_cut_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
