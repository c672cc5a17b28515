/* Paths, typed values and records, as this device understands them (LwM2M Core TS 1.1, 6.4.1 and appendix C).
 */
#ifndef DEVICE_VALUE_H
#define DEVICE_VALUE_H

#include <cardea/bytes.h>

#define ID_NONE 65535 /* MAX_ID never addresses anything */

enum kind {
	KIND_NONE, /* no value: a name alone, or a multiple resource without instances */
	KIND_STRING,
	KIND_INTEGER,
	KIND_UNSIGNED,
	KIND_FLOAT,
	KIND_BOOLEAN,
	KIND_OPAQUE,
	KIND_TIME,
	KIND_LINK,
	KIND_TLV_BYTES, /* from a format that does not say its type: value_convert knows what it should be */
	KIND_TEXT_BYTES,
	KIND_NULL, /* said to be none, which removes a resource instance */
};

struct value {
	enum kind kind;
	union {
		int64_t integer; /* INTEGER, TIME */
		uint64_t whole;  /* UNSIGNED */
		double real;
		bool boolean;
		struct bytes bytes; /* STRING, OPAQUE, TLV_BYTES, TEXT_BYTES */
		struct {
			uint16_t object, instance;
		} link;
	};
};

#define STRING_VALUE(text)    ((struct value){ .kind = KIND_STRING, .bytes = bytes_of_text(text) })
#define INTEGER_VALUE(number) ((struct value){ .kind = KIND_INTEGER, .integer = (number) })
#define UNSIGNED_VALUE(n)     ((struct value){ .kind = KIND_UNSIGNED, .whole = (n) })
#define FLOAT_VALUE(number)   ((struct value){ .kind = KIND_FLOAT, .real = (number) })
#define BOOLEAN_VALUE(is)     ((struct value){ .kind = KIND_BOOLEAN, .boolean = (is) })
#define OPAQUE_VALUE(octets)  ((struct value){ .kind = KIND_OPAQUE, .bytes = (octets) })
#define TIME_VALUE(seconds)   ((struct value){ .kind = KIND_TIME, .integer = (seconds) })

/* /object/instance/resource/resource instance; depth says how many of them count, 0 is the root. */
struct path {
	uint16_t id[4];
	uint8_t depth;
};

#define OBJECT_PATH(o)         ((struct path){ { (o) }, 1 })
#define INSTANCE_PATH(o, i)    ((struct path){ { (o), (i) }, 2 })
#define RESOURCE_PATH(o, i, r) ((struct path){ { (o), (i), (r) }, 3 })

struct path path_append(struct path path, uint16_t id);
bool path_equal(struct path a, struct path b);
bool path_covers(struct path upper, struct path lower); /* equal, or lower lies below upper */

/* "/3/0/1" or "/"; ERR_MALFORMED for empty segments, non-digits, numbers of 65535 and more, more than four.
 */
MUST_CHECK enum err path_parse(struct bytes text, struct path *ret_path);
void build_path(struct builder *b, struct path path); /* "/3/0/1"; the root is "/" */

struct record {
	struct path path; /* absolute, of a resource or resource instance */
	struct value value;
};

/* A list that grows in an arena; like a builder it keeps its first failure. */
struct records {
	struct arena *arena;
	struct record *at;
	size_t count, capacity;
	bool bad;
};

static inline struct records records_in(struct arena *arena)
{
	return (struct records){ .arena = arena };
}

void records_add(struct records *records, struct path path, struct value value);
const struct value *records_find(const struct records *records, struct path path); /* NULL when absent */

/* The value as `kind`: what came as TLV or text bytes is decoded, a number becomes another kind of number
 * when nothing is lost. Result bytes borrow from the value, or lie in the arena. ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err value_convert(struct value value, enum kind kind, struct arena *arena,
				  struct value *ret_value);

bool value_equal(struct value a, struct value b);
bool value_is_number(struct value value);
double value_number(struct value value); /* of a number, else 0 */

/* text/plain (C.1): decimal numbers, 0 and 1, Base64, oid:iid. */
void build_value_text(struct builder *b, struct value value);

#endif
