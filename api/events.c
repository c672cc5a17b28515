/* GET /events: server-sent events (WHATWG HTML, 9.2), resumable by Last-Event-ID. */
#include "events.h"

#include <errno.h>
#include <stdlib.h>

#include "api_parts.h"
#include "handlers.h"
#include "loop.h"
#include "reply.h"

#define KEEP_ALIVE_MS 15000

struct stream {
	struct http_request *request;
	struct subscription *subscription;
	struct arena *arena; /* for one event */
	struct timer keep_alive;
};

static void stream_text(struct stream *stream, const char *text)
{
	if (text != NULL && http_stream_add(stream->request, bytes_of_text(text)) == ERR_NONE)
		return;
	events_unsubscribe(stream->request->api->parts.events, stream->subscription);
	stream->subscription = NULL;
}

static void event_happened(void *self, const struct event *event)
{
	struct stream *stream = self;
	stream_text(stream, arena_printf(stream->arena, "id: %llu\nevent: %s\ndata: %s\n\n",
					 (unsigned long long)event->id, event->type, event->json));
	arena_reset(stream->arena);
}

/* Also how we notice that a silent client has gone. */
static void keep_alive(void *self)
{
	struct stream *stream = self;
	stream_text(stream, ":\n\n");
	loop_start_timer(stream->request->api->parts.loop, &stream->keep_alive, KEEP_ALIVE_MS);
}

static enum err last_event_id(const struct http_request *request, uint64_t *ret_id, struct fault *fault)
{
	const char *header = http_header(request, "Last-Event-ID");
	char *end;
	if (header == NULL)
		return http_query_number(request, "lastEventId", 0, UINT64_MAX, ret_id, fault);
	errno = 0;
	unsigned long long id = strtoull(header, &end, 10);
	if (header[0] < '0' || header[0] > '9' || *end != 0 || errno != 0)
		return fault_set(fault, ERR_MALFORMED, "Last-Event-ID: not one of ours");
	*ret_id = id;
	return ERR_NONE;
}

void events_drop(struct http_request *request)
{
	struct stream *stream = request->own;
	if (stream == NULL)
		return;
	loop_stop_timer(request->api->parts.loop, &stream->keep_alive);
	if (stream->subscription != NULL)
		events_unsubscribe(request->api->parts.events, stream->subscription);
	arena_free(stream->arena);
	free(stream);
	request->own = NULL;
}

void events_stream(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t after = 0;
	bool gap = false;
	struct stream *stream = calloc(1, sizeof *stream);
	enum err err = stream != NULL ? last_event_id(request, &after, &fault) : ERR_NOMEM;
	request->own = stream;
	if (err == ERR_NONE) {
		stream->request = request;
		stream->keep_alive = timer_of(keep_alive, stream);
		stream->arena = arena_create(1u << 20);
		err = stream->arena != NULL ? ERR_NONE : ERR_NOMEM;
	}
	if (err == ERR_NONE) {
		http_stream_begin(request, "text/event-stream");
		err = events_subscribe(request->api->parts.events, after, event_happened, stream,
				       &stream->subscription, &gap);
	}
	if (err != ERR_NONE) {
		events_drop(request);
		http_reply_fault_or(request, &fault, err);
		return;
	}
	if (gap)
		stream_text(stream, "event: gap\ndata: {}\n\n");
	keep_alive(stream);
}
