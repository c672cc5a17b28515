/* The LwM2M objects of this device, and what a server may do with them (LwM2M Core TS 1.1, 6.3).
 *
 * An object is a table of resources and a few functions. Resources marked STORED live in device->values and
 * need no code at all; for the others the object's `read` and `write` are asked. */
#ifndef DEVICE_OBJECTS_H
#define DEVICE_OBJECTS_H

#include "format.h"
#include "value.h"

struct device;

/* CoAP codes, class << 5 | detail. */
enum method {
	METHOD_GET = 1,
	METHOD_POST = 2,
	METHOD_PUT = 3,
	METHOD_DELETE = 4,
	METHOD_FETCH = 5,
	METHOD_IPATCH = 7,
};

enum answer_code {
	ANSWER_NONE = 0,
	CREATED = 0x41, /* 2.01 */
	DELETED = 0x42,
	CHANGED = 0x44,
	CONTENT = 0x45,
	BAD_REQUEST = 0x80, /* 4.00 */
	UNAUTHORIZED = 0x81,
	NOT_FOUND = 0x84,
	METHOD_NOT_ALLOWED = 0x85,
	NOT_ACCEPTABLE = 0x86,
	PRECONDITION_FAILED = 0x8C, /* 4.12 */
	TOO_LARGE = 0x8D,
	UNSUPPORTED_FORMAT = 0x8F,
	INTERNAL_ERROR = 0xA0, /* 5.00 */
};

struct request {
	enum method method;
	struct path path;
	bool is_path_known; /* false: the Uri-Path is no LwM2M path */
	bool is_bootstrap_path; /* it is /bs */
	const struct bytes *queries;
	size_t query_count;
	uint16_t content_format, accept; /* FORMAT_NONE: the option was absent */
	bool has_observe;
	uint32_t observe; /* 0 register, 1 cancel */
	struct bytes token, payload;
};

struct answer {
	enum answer_code code;
	uint16_t format; /* FORMAT_NONE: no payload */
	struct bytes payload;
	bool is_observed;  /* an observation was established */
	bool has_location; /* of a created instance */
	struct path location;
};

/* Execute arguments (6.3.5): digits, each with or without a value. */
struct arguments {
	bool has[10], has_value[10];
	struct bytes value[10];
};

enum {
	READABLE = 1,
	WRITABLE = 2,
	EXECUTABLE = 4,
};

enum {
	STORED = 1, /* kept in device->values */
	MULTIPLE = 2,
	QUIET = 4,     /* changes by itself: notified only to who observes this resource itself */
	MANDATORY = 8, /* to create an instance */
};

struct resource {
	uint16_t id;
	enum kind kind;
	uint8_t operations, traits;
	int64_t min, max; /* of numbers; both 0: any. Of strings and opaques the longest is max */
};

#define INSTANCES_MAX 32

struct object {
	uint16_t id;
	const char *version; /* as announced by an LwM2M 1.1 client; NULL: 1.0 */
	const struct resource *resources;
	size_t resource_count;

	/* The instances that exist, in order. */
	size_t (*instances)(const struct device *device, uint16_t ret_ids[INSTANCES_MAX]);

	/* Adds the value, or the values of a multiple resource; adds nothing when it has none. */
	void (*read)(struct device *device, struct path path, const struct resource *resource,
		     struct records *records);

	/* The rest may be NULL: then it is not allowed, or there is nothing to do.
	 *
	 * `check` refuses a write before anything has changed; `write` does what is not STORED and what
	 * follows from the rest; `fill` gives the STORED resources their values at first start and after a
	 * replacing write. */
	enum answer_code (*check)(struct device *device, uint16_t instance, const struct records *records,
				  struct fault *fault);
	enum answer_code (*write)(struct device *device, uint16_t instance, const struct records *records);
	enum answer_code (*execute)(struct device *device, uint16_t instance, uint16_t resource,
				    const struct arguments *arguments);
	void (*fill)(struct device *device, uint16_t instance);
	bool is_creatable; /* instances may be created and deleted; all of it STORED */
};

extern const struct object object_security, object_server, object_access_control, object_device,
	object_connectivity, object_firmware, object_portfolio, object_secure_element;

/* In the order of their ids. */
size_t object_count(void);
const struct object *object_at(size_t index);
const struct object *object_find(uint16_t id); /* NULL when there is none */
const struct resource *resource_find(const struct object *object, uint16_t id);
bool object_is_fixed(const struct object *object); /* a bootstrap server cannot delete its instances */
bool instance_exists(const struct device *device, const struct object *object, uint16_t instance);

/* Those that have a value. */
size_t instances_with_values(const struct device *device, uint16_t object, uint16_t ret_ids[INSTANCES_MAX]);

/* The instance 0 alone, for objects with a single instance. */
size_t one_instance(const struct device *device, uint16_t ret_ids[INSTANCES_MAX]);

/* Appends what may be read at or below `path`. ANSWER_NONE, or the
 * error to answer. */
enum answer_code objects_read(struct device *device, struct path path, struct records *records);

/* Does the request. `arena` holds the answer; `fault` says why not, for the log. */
void objects_dispatch(struct device *device, const struct request *request, struct arena *arena,
		      struct answer *ret_answer, struct fault *fault);

/* arguments.c: ERR_MALFORMED for what is not an argument list. */
MUST_CHECK enum err arguments_parse(struct bytes text, struct arguments *ret_arguments);

/* discover.c: link format of the Discover answer (6.3.3) and of the Register payload (6.2.1). */
/* Down to `depth` levels below the path. */
void build_discover(struct builder *b, struct device *device, struct path path, unsigned depth);
void build_register_links(struct builder *b, struct device *device);

#endif
