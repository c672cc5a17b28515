/* CBOR (RFC 8949) over reader and builder; the decoding and encoding of heads is libcbor's. */
#ifndef CARDEA_CBOR_H
#define CARDEA_CBOR_H

#include "bytes.h"

enum cbor_kind {
	CBOR_UINT, CBOR_NEGINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG, CBOR_BOOL, CBOR_NULL,
	CBOR_UNDEFINED, CBOR_FLOAT, CBOR_BREAK,
};

#define CBOR_INDEFINITE SIZE_MAX

struct cbor_item {
	enum cbor_kind kind;
	uint64_t number;        /* UINT; NEGINT: the value is -1 - number; TAG: the tag */
	double real;            /* FLOAT of any width */
	bool boolean;
	struct bytes bytes;     /* BYTES, TEXT; a text is UTF-8 without a 0 byte, anything else is a fault */
	size_t count;           /* ARRAY items, MAP pairs, CBOR_INDEFINITE until a BREAK */
};

/* Reads the next head, and the content of a string. Strings of indefinite length are joined into `arena`. An array
 * or map that says it has more items than there are bytes left is a fault, so a count may size an allocation.
 * False at the end and on a fault; the two differ in r->bad. */
bool read_cbor(struct reader *r, struct arena *arena, struct cbor_item *ret_item);

/* Skips one whole item with all that is nested in it, at most 16 levels. */
bool skip_cbor(struct reader *r, struct arena *arena);

void build_cbor_uint(struct builder *b, uint64_t value);
void build_cbor_int(struct builder *b, int64_t value);
void build_cbor_bytes(struct builder *b, struct bytes value);
void build_cbor_text(struct builder *b, struct bytes text);
void build_cbor_array(struct builder *b, size_t count);
void build_cbor_map(struct builder *b, size_t pairs);
void build_cbor_tag(struct builder *b, uint64_t tag);           /* of the item that follows */
void build_cbor_bool(struct builder *b, bool value);
void build_cbor_null(struct builder *b);
void build_cbor_real(struct builder *b, double value);          /* the shortest of half, single, double that is exact */

#endif
