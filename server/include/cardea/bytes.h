/* Bytes that somebody else owns, a cursor that never passes their end, and a builder that grows in an arena. */
#ifndef CARDEA_BYTES_H
#define CARDEA_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "error.h"

struct bytes {
	const uint8_t *at;
	size_t len;
};

static inline struct bytes bytes_of(const void *at, size_t len)
{
	return (struct bytes){ at, len };
}

static inline struct bytes bytes_of_text(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);

/* Whether the word is among those, which single spaces part. */
bool text_has_word(const char *words, const char *word);

/* The first or the rest of `whole`; `from` past the end gives empty bytes. */
struct bytes bytes_first(struct bytes whole, size_t count);
struct bytes bytes_from(struct bytes whole, size_t from);

/* A copy in the arena, followed by a 0 byte that is not counted. ERR_NOMEM. */
MUST_CHECK enum err bytes_copy(struct arena *arena, struct bytes from, struct bytes *ret_copy);

/* Upper-case hexadecimal without separators. NULL when the arena is exhausted. */
char *bytes_to_hex(struct arena *arena, struct bytes bytes);
/* Either case, no separators. ERR_MALFORMED for an odd number of digits or a strange character, ERR_NOMEM. */
MUST_CHECK enum err bytes_from_hex(struct arena *arena, const char *hex, struct bytes *ret_bytes);

/* Base64 (RFC 4648): `to` is the padded standard alphabet; `from` takes both alphabets, padded or not, and nothing
 * else: no white space, no bits left over. ERR_MALFORMED, ERR_NOMEM. */
char *bytes_to_base64(struct arena *arena, struct bytes bytes);
char *bytes_to_base64url(struct arena *arena, struct bytes bytes);              /* no padding */
MUST_CHECK enum err bytes_from_base64(struct arena *arena, struct bytes text, struct bytes *ret_bytes);

/* Well-formed UTF-8 (RFC 3629) without a 0 byte: what may become a string of ours. */
bool bytes_are_utf8(struct bytes bytes);

/* ---- reader ---- */

/* Reads as many fields as you like, then ask once: a read past the end gives zeros or empty bytes and marks the
 * reader bad for good. */
struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct reader reader_of(struct bytes bytes)
{
	return (struct reader){ bytes.at, bytes.len == 0 ? bytes.at : bytes.at + bytes.len, false };
}

static inline size_t reader_left(const struct reader *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->at);
}

uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);            /* big-endian, all of them */
uint32_t read_u24(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
uint64_t read_uint(struct reader *r, size_t width);             /* 0 to 8 bytes */
struct bytes read_bytes(struct reader *r, size_t count);
struct bytes read_rest(struct reader *r);
uint8_t peek_u8(const struct reader *r);        /* 0 at the end, which is not bad */

/* Passes the byte when it is the next one; else it stays, which is not bad. */
static inline bool read_if(struct reader *r, uint8_t byte)
{
	bool is_next = reader_left(r) > 0 && *r->at == byte;

	if (is_next)
		r->at++;
	return is_next;
}

/* True when nothing failed and nothing is left. */
bool reader_done(const struct reader *r);

/* ---- builder ---- */

/* Appends to memory in an arena; the first failure sticks and is asked once, by builder_bytes. A value that does not
 * fit its width is a failure. */
struct builder {
	struct arena *arena;
	uint8_t *at;
	size_t len, capacity;
	bool bad;
};

static inline struct builder builder_in(struct arena *arena)
{
	return (struct builder){ .arena = arena };
}

void build_u8(struct builder *b, uint8_t value);
void build_u16(struct builder *b, uint16_t value);
void build_u24(struct builder *b, uint32_t value);
void build_u32(struct builder *b, uint32_t value);
void build_u64(struct builder *b, uint64_t value);
void build_uint(struct builder *b, uint64_t value, size_t width);
void build_bytes(struct builder *b, struct bytes bytes);
void build_text(struct builder *b, const char *text);           /* without its 0 */
void build_printf(struct builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void build_zeros(struct builder *b, size_t count);

/* What was built; valid as long as the arena. ERR_NOMEM when anything failed on the way. */
MUST_CHECK enum err builder_bytes(const struct builder *b, struct bytes *ret_bytes);

#endif
