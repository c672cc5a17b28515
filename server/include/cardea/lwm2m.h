/* LwM2M as plugins see it: paths, typed values and the device management operations (LwM2M Core TS 1.1, 6.3 and
 * appendix C). */
#ifndef CARDEA_LWM2M_H
#define CARDEA_LWM2M_H

#include "bytes.h"

#define LWM2M_ID_NONE 65535             /* MAX_ID never addresses anything */

struct lwm2m_path {
	uint16_t object, instance, resource, resource_instance;
	uint8_t depth;                  /* how many of them count: 0 is the root, 4 a resource instance */
};

#define LWM2M_OBJECT(o)         ((struct lwm2m_path){ (o), LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, 1 })
#define LWM2M_INSTANCE(o, i)    ((struct lwm2m_path){ (o), (i), LWM2M_ID_NONE, LWM2M_ID_NONE, 2 })
#define LWM2M_RESOURCE(o, i, r) ((struct lwm2m_path){ (o), (i), (r), LWM2M_ID_NONE, 3 })

enum lwm2m_type {
	LWM2M_NONE,                     /* no value: a record that is only a name */
	LWM2M_STRING, LWM2M_INTEGER, LWM2M_UNSIGNED, LWM2M_FLOAT, LWM2M_BOOLEAN, LWM2M_OPAQUE, LWM2M_TIME,
	LWM2M_OBJLNK, LWM2M_CORELNK,
	LWM2M_NULL,                     /* said to have none: deletes a resource instance in a composite write (RFC 8790) */
};

struct lwm2m_value {
	enum lwm2m_type type;
	union {
		int64_t integer;                /* INTEGER, TIME (seconds since 1970) */
		uint64_t whole;                 /* UNSIGNED */
		double real;                    /* FLOAT */
		bool boolean;
		struct bytes bytes;             /* STRING and CORELNK as UTF-8, OPAQUE */
		struct { uint16_t object, instance; } link;     /* OBJLNK; 65535:65535 is the null link */
	};
};

struct lwm2m_record {
	struct lwm2m_path path;         /* absolute, of a resource or resource instance */
	struct lwm2m_value value;
	bool has_time;
	double time_s;                  /* since 1970, of a historical value */
};

struct lwm2m_records {
	const struct lwm2m_record *at;
	size_t count;
};

enum lwm2m_operation {
	LWM2M_READ, LWM2M_DISCOVER, LWM2M_WRITE_REPLACE, LWM2M_WRITE_PARTIAL, LWM2M_WRITE_ATTRIBUTES, LWM2M_EXECUTE,
	LWM2M_CREATE, LWM2M_DELETE, LWM2M_OBSERVE, LWM2M_CANCEL_OBSERVE,
};

/* Content formats (CoAP registry numbers). */
enum {
	FORMAT_TEXT = 0, FORMAT_LINK = 40, FORMAT_OPAQUE = 42, FORMAT_CBOR = 60, FORMAT_SENML_JSON = 110,
	FORMAT_SENML_CBOR = 112, FORMAT_SENML_ETCH_JSON = 320, FORMAT_SENML_ETCH_CBOR = 322, FORMAT_TLV = 11542,
	FORMAT_LWM2M_JSON = 11543, FORMAT_LWM2M_CBOR = 11544, FORMAT_NONE = 65535,
};

/* The record of `records` at `path`; NULL when there is none. */
const struct lwm2m_record *lwm2m_find(struct lwm2m_records records, struct lwm2m_path path);

/* Convenience for plugins: the value at a resource of one instance, or the fallback when absent or of another type.
 * Integer types convert into each other when the value fits. */
int64_t lwm2m_integer(struct lwm2m_records records, struct lwm2m_path path, int64_t fallback);
bool lwm2m_boolean(struct lwm2m_records records, struct lwm2m_path path, bool fallback);
struct bytes lwm2m_bytes(struct lwm2m_records records, struct lwm2m_path path);

#endif
