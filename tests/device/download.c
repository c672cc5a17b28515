/* Over CoAP from a socket of its own, as many devices do; over CoAPS in the session with a server, which
 * would take a second one of the same identity for a device that has moved. */
#include "download.h"

#include "client.h"
#include "log.h"

#define RETRY_MS    500
#define RETRIES_MAX 60

static bool is_busy(uint8_t code)
{
	return code == 0xA3; /* 5.03 */
}

static void take(struct client *client, uint8_t code, struct bytes content)
{
	struct download *download = &client->download;
	struct device *device = client->device;

	download->is_running = false;
	download->has_answer = true;
	download->code = code;
	if (download->number == device->firmware.fetch && code == CONTENT)
		firmware_fetched(device, content);
	client->heard_ms = loop_now_ms(client->loop);
	soon_add(client->soon_list, &client->soon);
}

void download_answered(struct client *client, uint8_t code, struct bytes content)
{
	if (client->download.is_running && client->download.line == NULL)
		take(client, code, content);
}

/* ---- a line of its own ---- */

static void on_request(void *arg, const struct request *request, struct arena *arena,
		       struct answer *ret_answer)
{
	ret_answer->code = NOT_FOUND;
}

static void on_answered(void *arg, uint8_t code, const char *location)
{
}

static void on_lost(void *arg, const char *reason)
{
	struct client *client = arg;

	log_warn("download.lost", "endpoint=%s reason=\"%s\"", client->device->endpoint, reason);
	if (client->download.is_running)
		take(client, 0, bytes_of(NULL, 0));
}

static void on_notification_lost(void *arg, struct bytes token, bool is_refused)
{
}

static void on_fetched(void *arg, uint8_t code, struct bytes content)
{
	take(arg, code, content);
}

static const struct line_events events = { on_request, on_answered, on_lost, on_notification_lost,
					   on_fetched };

/* ---- beginning and end ---- */

static void close_line(struct download *download)
{
	line_close(download->line);
	download->line = NULL;
	download->is_running = false;
}

void download_lose_line(struct client *client, const struct line *line)
{
	if (line != NULL && client->download.over == line)
		client->download.is_running = false;
}

void download_end(struct client *client)
{
	close_line(&client->download);
	client->download = (struct download){ .line = NULL };
}

static enum err fetch_over_registration(struct client *client, const struct address *server, const char *path)
{
	for (size_t i = 0; i < client->registration_count; i++) {
		const struct registration *registration = client->registrations[i];

		if (registration->state != REGISTERED ||
		    !is_same_address(server, &registration->uplink.server))
			continue;
		client->download.over = registration->uplink.line;
		return line_fetch(registration->uplink.line, path, NULL, 0, FORMAT_NONE);
	}
	return ERR_UNSUPPORTED;
}

static enum err fetch(struct client *client, const struct place *place, const char *path)
{
	struct line_settings settings = client->line_settings;
	struct download *download = &client->download;
	enum err err = ERR_NONE;

	if (place->is_secure)
		return fetch_over_registration(client, &place->address, path);
	settings.server = place->address;
	settings.is_secure = false;
	settings.is_stream = place->is_stream;
	settings.host = place->host;
	if (download->line == NULL)
		err = line_open(client->transport, &settings, &events, client, &download->line);
	return err == ERR_NONE ? line_fetch(download->line, path, NULL, 0, FORMAT_NONE) : err;
}

static void begin(struct client *client)
{
	const struct value *uri = values_get(&client->device->values, RESOURCE_PATH(5, 0, 1));
	const char *text = uri == NULL ? "" : (const char *)uri->bytes.at, *host = strstr(text, "://");
	const char *path = host == NULL ? NULL : strchr(host + 3, '/');
	struct place place;
	struct fault fault = { .kind = ERR_NONE };
	enum err err;

	if (path == NULL || place_find(text, &place, &fault) != ERR_NONE) {
		firmware_not_fetched(client->device, FIRMWARE_BAD_URI);
		return;
	}
	err = fetch(client, &place, path);
	place_clear(&place);
	client->download.is_running = err == ERR_NONE;
	if (err != ERR_NONE)
		firmware_not_fetched(client->device, err == ERR_UNSUPPORTED ? FIRMWARE_PROTOCOL_UNSUPPORTED
									    : FIRMWARE_CONNECTION_LOST);
}

/* What the answer to the last attempt means, unless it was the package. */
static void follow(struct client *client, int64_t now_ms)
{
	struct download *download = &client->download;
	uint8_t code = download->code;

	download->has_answer = false;
	close_line(download);
	if (is_busy(code) && download->retries < RETRIES_MAX) {
		download->retries++;
		download->due_ms = now_ms + RETRY_MS;
	} else if (code != CONTENT) {
		firmware_not_fetched(client->device,
				     code >> 5 == 4 ? FIRMWARE_BAD_URI : FIRMWARE_CONNECTION_LOST);
	}
}

int64_t download_step(struct client *client, int64_t now_ms)
{
	struct download *download = &client->download;
	unsigned wanted = client->device->firmware.fetch;

	if (download->number != wanted) {
		download_end(client);
		download->number = wanted;
	}
	if (wanted == 0)
		return -1;
	if (download->has_answer)
		follow(client, now_ms);
	if (client->device->firmware.fetch != wanted || download->is_running)
		return -1;
	if (download->due_ms > now_ms)
		return download->due_ms;
	begin(client);
	return -1;
}
