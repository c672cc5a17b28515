/* The shapes that answers share: lists, ids, times, and what to say when the store is done. */
#ifndef CARDEA_API_REPLY_H
#define CARDEA_API_REPLY_H

#include "http.h"
#include "store.h"

json_t *json_id(uint64_t id);                           /* a string: ids are opaque to clients */
json_t *json_time(int64_t ms);                          /* RFC 3339, UTC, with milliseconds */
json_t *json_text(const char *json);                    /* JSON text as a value; null when it is empty or broken */

struct device_object;
json_t *device_object_json(const struct device_object *object);

/* {"items": [...], "next": "..."|null}; `next` may be NULL. */
void http_reply_list(struct http_request *request, json_t *take_items, const char *next);
/* 201 with Location <collection>/<id>. */
void http_reply_created(struct http_request *request, const char *collection, uint64_t id, json_t *take_json);
void http_reply_err(struct http_request *request, enum err err);
/* The fault when it has a text, else just the kind. */
void http_reply_fault_or(struct http_request *request, struct fault *fault, enum err err);

/* Answers 204 (or the error) once the store is done with what follows. */
struct store_done http_when_done(struct http_request *request);

/* A request that waits for something that is made elsewhere. NULL when there is no memory; freed by http_made, or by who
 * could not start the making. */
struct http_waiting *http_wait(const struct http_request *request);
/* The end of the wait: answers with the fault, or goes on with `read` on a worker, which finds the id in request->own. */
void http_made(struct http_waiting *take_waiting, uint64_t id, const struct fault *fault,
               enum err (*read)(struct http_request *request, struct fault *fault));

/* {id} as a number. ERR_NOT_FOUND for what cannot be one. */
MUST_CHECK enum err item_id(const struct http_request *request, uint64_t *ret_id, struct fault *fault);

struct page {
	uint64_t limit, before;                 /* before 0: from the newest */
};
/* ?limit: 1 to 1000, default 100. */
MUST_CHECK enum err page_limit(const struct http_request *request, uint64_t *ret_limit, struct fault *fault);
/* That and ?cursor. */
MUST_CHECK enum err page_of(const struct http_request *request, struct page *ret_page, struct fault *fault);
/* The cursor after a page of `count` items whose last has `last_id`; NULL when it was the last page. In the arena. */
const char *page_next(const struct http_request *request, const struct page *page, size_t count, uint64_t last_id);

/* Members of a JSON body: ERR_MALFORMED names the member. */
MUST_CHECK enum err body_text(const json_t *body, const char *name, size_t max_len, const char **ret_text,
                              struct fault *fault);
MUST_CHECK enum err body_number(const json_t *body, const char *name, json_int_t min, json_int_t max,
                                json_int_t *ret_number, struct fault *fault);
/* Refuses members that are not in the NULL-ended list. */
MUST_CHECK enum err body_members(const json_t *body, const char *const *names, struct fault *fault);

#endif
