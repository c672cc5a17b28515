/* LwM2M Core TS 1.1, 6.2.1 Register and 6.2.2 Update. The parameters are an unordered set (clients send them
 * in any order), each at most once; those that nobody knows are no error. */
#include "register_request.h"

#include <stdlib.h>

#include "decimal.h"
#include "model.h"
#include "path.h"
#include "tolerance.h"

#define DEFAULT_LIFETIME_S 86400
#define MAX_ENDPOINT_BYTES 255 /* ours: far above every scheme in use */
#define MAX_SMS_DIGITS     15  /* E.164 */

/* The newest LwM2M that we speak. */
#define MAJOR_VERSION 1
#define MINOR_VERSION 2

/* ---- query ---- */

static enum err parse_endpoint(struct arena *arena, struct bytes value, struct register_request *request,
			       struct fault *fault)
{
	if (value.len == 0 || value.len > MAX_ENDPOINT_BYTES)
		return fault_set(fault, ERR_MALFORMED, "ep has 1 to %d bytes, not %zu", MAX_ENDPOINT_BYTES,
				 value.len);
	if (!bytes_are_utf8(value))
		return fault_set(fault, ERR_MALFORMED, "ep is not UTF-8");
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < ' ' || value.at[i] == 0x7F)
			return fault_set_at(fault, ERR_MALFORMED, i, "ep has a control character");
	}
	request->endpoint = value;
	return ERR_NONE;
}

static enum err parse_lifetime(struct arena *arena, struct bytes value, struct register_request *request,
			       struct fault *fault)
{
	uint64_t lifetime_s;

	if (!decimal_parse_unsigned(value, &lifetime_s) || lifetime_s > UINT32_MAX)
		return fault_set(fault, ERR_MALFORMED, "lt is not a number of seconds below 2^32");
	request->has_lifetime = true;
	request->lifetime_s = (uint32_t)lifetime_s;
	return ERR_NONE;
}

/* 1.0.0, as coap-node sends it: the first two numbers. */
static struct bytes without_patch(struct bytes version)
{
	const uint8_t *point = version.len == 0 ? NULL : memrchr(version.at, '.', version.len);
	size_t before = point == NULL ? 0 : (size_t)(point - version.at);
	uint64_t patch;

	if (before > 0 && memchr(version.at, '.', before) != NULL &&
	    decimal_parse_unsigned(bytes_from(version, before + 1), &patch))
		return bytes_first(version, before);
	return version;
}

static enum err parse_version(struct arena *arena, struct bytes value, struct register_request *request,
			      struct fault *fault)
{
	struct bytes version = without_patch(value);
	uint16_t major, minor;

	if (version.len < value.len)
		request->rules |= TOLERANCE_BIT(TOLERANCE_VERSION_WITH_PATCH);
	if (!version_parse(version, &major, &minor))
		return fault_set(fault, ERR_MALFORMED, "lwm2m is not a version like 1.1");
	if (major != MAJOR_VERSION || minor > MINOR_VERSION)
		return fault_set(fault, ERR_UNSUPPORTED, "LwM2M %u.%u is not supported, %d.0 to %d.%d are",
				 major, minor, MAJOR_VERSION, MAJOR_VERSION, MINOR_VERSION);
	request->has_version = true;
	request->version = version;
	return ERR_NONE;
}

/* The letters without Q: borrowed, unless it stands between others. */
static enum err without_queue_mode(struct arena *arena, struct bytes letters, size_t position,
				   struct bytes *ret_letters)
{
	struct builder b = builder_in(arena);

	if (position + 1 == letters.len) {
		*ret_letters = bytes_first(letters, position);
		return ERR_NONE;
	}
	build_bytes(&b, bytes_first(letters, position));
	build_bytes(&b, bytes_from(letters, position + 1));
	return builder_bytes(&b, ret_letters);
}

/* Letters, each once: U S T N of 1.1, M H of 1.2 name transports, in any combination. Before 1.1 the queue
 * mode was a letter among them ("UQS"), and some newer clients still send it there. */
static enum err parse_binding(struct arena *arena, struct bytes value, struct register_request *request,
			      struct fault *fault)
{
	static const char letters[] = "QUSTNMH";
	const unsigned queue_mode = 1;
	size_t queue_mode_at = 0;
	unsigned seen = 0;

	for (size_t i = 0; i < value.len; i++) {
		const char *letter = value.at[i] == 0 ? NULL : strchr(letters, value.at[i]);
		unsigned bit = letter == NULL ? 0 : 1u << (letter - letters);

		if (bit == 0 || (seen & bit) != 0)
			return fault_set(fault, ERR_MALFORMED, "b has an unknown or repeated letter");
		if (bit == queue_mode)
			queue_mode_at = i;
		seen |= bit;
	}
	if ((seen & ~queue_mode) == 0)
		return fault_set(fault, ERR_MALFORMED, "b names no transport");
	request->has_binding = true;
	request->binding = value;
	if ((seen & queue_mode) == 0)
		return ERR_NONE;
	request->is_queue_mode = true;
	request->has_queue_letter = true;
	return without_queue_mode(arena, value, queue_mode_at, &request->binding);
}

static enum err parse_queue_mode(struct arena *arena, struct bytes value, struct register_request *request,
				 struct fault *fault)
{
	if (value.len > 0)
		return fault_set(fault, ERR_MALFORMED, "Q has no value");
	request->is_queue_mode = true;
	return ERR_NONE;
}

static enum err parse_sms_number(struct arena *arena, struct bytes value, struct register_request *request,
				 struct fault *fault)
{
	uint64_t digits;

	if (value.len > MAX_SMS_DIGITS || !decimal_parse_unsigned(value, &digits))
		return fault_set(fault, ERR_MALFORMED, "sms is not a number of 1 to %d digits",
				 MAX_SMS_DIGITS);
	request->sms_number = value;
	return ERR_NONE;
}

static enum err parse_profile(struct arena *arena, struct bytes value, struct register_request *request,
			      struct fault *fault)
{
	request->profile = value;
	return ERR_NONE;
}

struct parameter_row {
	const char *name;
	bool is_in_update;
	enum err (*parse)(struct arena *arena, struct bytes value, struct register_request *request,
			  struct fault *fault);
};

static const struct parameter_row parameters[] = {
	{ "ep", false, parse_endpoint }, { "lt", true, parse_lifetime },  { "lwm2m", false, parse_version },
	{ "b", true, parse_binding },    { "Q", true, parse_queue_mode }, { "sms", true, parse_sms_number },
	{ "pid", true, parse_profile },
};

#define PARAMETER_COUNT (sizeof(parameters) / sizeof(parameters[0]))

static enum err parse_query(struct arena *arena, struct bytes query, bool is_update, unsigned *seen,
			    struct register_request *request, struct fault *fault)
{
	const uint8_t *equals = query.len == 0 ? NULL : memchr(query.at, '=', query.len);
	size_t length = equals == NULL ? query.len : (size_t)(equals - query.at);
	struct bytes name = bytes_first(query, length);

	for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
		if (!bytes_equal_text(name, parameters[i].name))
			continue;
		if (*seen & 1u << i)
			return fault_set(fault, ERR_MALFORMED, "%s stands there twice", parameters[i].name);
		*seen |= 1u << i;
		if (is_update && !parameters[i].is_in_update) {
			request->rules |= TOLERANCE_BIT(TOLERANCE_REGISTER_PARAMETER_IN_UPDATE);
			return ERR_NONE;
		}
		return parameters[i].parse(arena, bytes_from(query, length + 1), request, fault);
	}
	return ERR_NONE;
}

/* ---- payload ---- */

static bool has_word(struct bytes list, const char *word)
{
	size_t length = strlen(word);

	for (size_t i = 0; i + length <= list.len; i++) {
		bool is_start = i == 0 || list.at[i - 1] == ' ';
		bool is_end = i + length == list.len || list.at[i + length] == ' ';

		if (is_start && is_end && memcmp(list.at + i, word, length) == 0)
			return true;
	}
	return false;
}

/* The link that announces the root: marked as such, or "/" without a mark, as some clients send it. */
static const struct link *find_root(struct links links)
{
	const struct link *plain = NULL;

	for (size_t i = 0; i < links.count; i++) {
		const struct link_attribute *type = link_attribute(&links.at[i], "rt");

		if (type != NULL && has_word(type->value, "oma.lwm2m"))
			return &links.at[i];
		if (plain == NULL && bytes_equal_text(links.at[i].target, "/"))
			plain = &links.at[i];
	}
	return plain;
}

/* ct=110 or ct="60 110 112": numbers that are none are left out. */
static enum err parse_formats(struct arena *arena, struct bytes list, struct register_request *request)
{
	uint16_t *formats = arena_alloc_array(arena, list.len / 2 + 1, sizeof(*formats));
	size_t start = 0;

	if (formats == NULL)
		return ERR_NOMEM;
	while (start < list.len) {
		struct bytes rest = bytes_from(list, start);
		const uint8_t *blank = memchr(rest.at, ' ', rest.len);
		struct bytes word = blank == NULL ? rest : bytes_first(rest, (size_t)(blank - rest.at));
		uint64_t number;

		if (decimal_parse_unsigned(word, &number) && number < FORMAT_NONE)
			formats[request->format_count++] = (uint16_t)number;
		start += word.len + 1;
	}
	request->formats = formats;
	return ERR_NONE;
}

static enum err apply_root(struct arena *arena, const struct link *root, struct register_request *request)
{
	const struct link_attribute *formats = root == NULL ? NULL : link_attribute(root, "ct");

	if (root == NULL)
		return ERR_NONE;
	request->root = root->target;
	while (request->root.len > 0 && request->root.at[request->root.len - 1] == '/')
		request->root.len--;
	return formats != NULL && formats->has_value ? parse_formats(arena, formats->value, request)
						     : ERR_NONE;
}

/* Objects that bootstrap alone may touch: a client should not register them. */
static bool is_hidden(uint16_t object)
{
	return object == 0 || object == 21 || object == 23;
}

/* False for a link that is no object of ours, which is no error. Below an alternate path objects may stand
 * with or without it: some clients leave it out. */
static bool parse_object(const struct link *link, struct bytes root, struct registered_object *ret_object,
			 uint32_t *rules)
{
	const struct link_attribute *version = link_attribute(link, "ver");
	struct bytes target = link->target;
	struct lwm2m_path path;
	uint16_t major, minor;
	bool is_below = target.len > root.len && target.at[root.len] == '/' &&
			bytes_equal(bytes_first(target, root.len), root);

	if (is_below)
		target = bytes_from(target, root.len);
	if (path_parse(target, &path, NULL) != ERR_NONE || path.depth < 1 || path.depth > 2)
		return false;
	if (!is_below)
		*rules |= TOLERANCE_BIT(TOLERANCE_OBJECT_OUTSIDE_ROOT);
	if (is_hidden(path.object)) {
		*rules |= TOLERANCE_BIT(TOLERANCE_BOOTSTRAP_OBJECT_LISTED);
		return false;
	}
	*ret_object = (struct registered_object){ .object = path.object, .instance = path.instance };
	if (version != NULL && version_parse(version->value, &major, &minor))
		ret_object->version = version->value;
	return true;
}

/* By object, then instance; the link of the object itself comes last. */
static int compare_objects(const void *a, const void *b)
{
	const struct registered_object *first = a, *second = b;

	if (first->object != second->object)
		return first->object < second->object ? -1 : 1;
	return (first->instance > second->instance) - (first->instance < second->instance);
}

/* Of one object: its version, wherever it stood, goes to each instance, instances named twice become one, and
 * the link of the object itself is left out when there are instances. Answers how many are left. */
static size_t merge_object(const struct registered_object *from, size_t count, struct registered_object *to)
{
	struct bytes version = bytes_of(NULL, 0);
	size_t kept = 0;

	for (size_t i = count; i > 0; i--) {
		if (version.len == 0)
			version = from[i - 1].version;
	}
	for (size_t i = 0; i < count; i++) {
		bool is_repeated = kept > 0 && to[kept - 1].instance == from[i].instance;

		if (is_repeated || (from[i].instance == LWM2M_ID_NONE && kept > 0))
			continue;
		to[kept] = from[i];
		if (to[kept].version.len == 0)
			to[kept].version = version;
		kept++;
	}
	return kept;
}

static size_t merge_objects(struct registered_object *objects, size_t count)
{
	size_t kept = 0;

	qsort(objects, count, sizeof(*objects), compare_objects);
	for (size_t first = 0, next; first < count; first = next) {
		for (next = first; next < count && objects[next].object == objects[first].object;)
			next++;
		kept += merge_object(&objects[first], next - first, &objects[kept]);
	}
	return kept;
}

static enum err parse_payload(struct arena *arena, struct bytes payload, struct register_request *request,
			      struct fault *fault)
{
	struct registered_object *objects;
	struct links links;
	size_t count = 0;
	enum err err = link_parse(arena, payload, true, &links, fault);

	if (err != ERR_NONE)
		return err;
	err = apply_root(arena, find_root(links), request);
	if (err != ERR_NONE)
		return err;
	objects = arena_alloc_array(arena, links.count, sizeof(*objects));
	if (objects == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < links.count; i++)
		count += parse_object(&links.at[i], request->root, &objects[count], &request->rules);
	request->has_links = true;
	request->objects = objects;
	request->object_count = merge_objects(objects, count);
	return ERR_NONE;
}

/* What a Register should say, and what newer versions say otherwise. */
static void note_what_is_missing(struct register_request *request)
{
	if (!request->has_version)
		request->rules |= TOLERANCE_BIT(TOLERANCE_MISSING_VERSION);
	if (!request->has_lifetime)
		request->rules |= TOLERANCE_BIT(TOLERANCE_MISSING_LIFETIME);
	if (request->has_queue_letter && !bytes_equal_text(request->version, "1.0"))
		request->rules |= TOLERANCE_BIT(TOLERANCE_QUEUE_LETTER);
}

enum err register_request_parse(struct arena *arena, const struct bytes *queries, size_t query_count,
				struct bytes payload, bool is_update, struct register_request *ret_request,
				struct fault *fault)
{
	struct register_request request = {
		.lifetime_s = DEFAULT_LIFETIME_S,
		.version = bytes_of_text("1.0"),
		.binding = bytes_of_text("U"),
	};
	unsigned seen = 0;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < query_count && err == ERR_NONE; i++)
		err = parse_query(arena, queries[i], is_update, &seen, &request, fault);
	if (err == ERR_NONE && payload.len > 0)
		err = parse_payload(arena, payload, &request, fault);
	if (err != ERR_NONE)
		return err;
	if (!is_update && !request.has_links && request.profile.len > 0)
		return fault_set(fault, ERR_CONFLICT,
				 "the profile of pid is not known: a list of objects is needed");
	if (request.object_count == 0 && (request.has_links || !is_update))
		return fault_set(fault, ERR_MALFORMED, "the list of objects is missing");
	if (!is_update)
		note_what_is_missing(&request);
	*ret_request = request;
	return ERR_NONE;
}
