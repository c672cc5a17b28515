/* What can go wrong, and whose fault it is. */
#ifndef CARDEA_ERROR_H
#define CARDEA_ERROR_H

#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Every function that can fail answers one of these; 0 is good. Outputs are called ret_... and stay untouched
 * on failure. */
enum err {
	ERR_NONE = 0,
	/* the caller's fault */
	ERR_MALFORMED,          /* bytes or text that do not follow their syntax */
	ERR_UNSUPPORTED,        /* well formed, but a version, format or option that we do not have */
	ERR_NOT_FOUND,
	ERR_CONFLICT,           /* not now: the state of the thing forbids it */
	ERR_DENIED,             /* who asks may not */
	ERR_LIMIT,              /* larger or more than we take */
	ERR_LOCK_RISK,          /* not tried: one more failure might lock what it is tried on for good */
	/* the other side's */
	ERR_TIMEOUT,
	ERR_UNAVAILABLE,        /* not reachable, or a queue is full: try again later */
	/* ours */
	ERR_NOMEM,
	ERR_IO,
	ERR_INTERNAL,
	ERR_COUNT
};

#define FAULT_TEXT_SIZE 160

/* The text for people: an optional last parameter of functions that read outside bytes. The first fault wins. */
struct fault {
	enum err kind;
	size_t offset;                  /* into the bytes that were read, 0 when it has no meaning */
	char text[FAULT_TEXT_SIZE];
};

/* Notes what is wrong and answers `kind`, so that a parser can `return fault_set(...)`. `fault` may be NULL. */
enum err fault_set(struct fault *fault, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As fault_set, with the offset of the byte in question. */
enum err fault_set_at(struct fault *fault, enum err kind, size_t offset, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The one table: a stable name ("not-found", also the `code` of a problem+json answer), the CoAP response code
 * (class << 5 | detail, RFC 7252 12.1.2) and the HTTP status that a caller is answered with. */
const char *err_name(enum err kind);
uint8_t err_coap_code(enum err kind);
uint16_t err_http_status(enum err kind);

#endif
