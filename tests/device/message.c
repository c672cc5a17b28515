#include "message.h"

#include <stdio.h>

#define QUERIES_MAX 16

/* ---- options ---- */

static struct bytes option_bytes(coap_opt_t *option)
{
	return bytes_of(coap_opt_value(option), coap_opt_length(option));
}

static bool find_number(const coap_pdu_t *pdu, uint16_t number, uint32_t *ret_value)
{
	coap_opt_iterator_t iterator;
	coap_opt_t *option = coap_check_option(pdu, number, &iterator);

	if (option == NULL)
		return false;
	*ret_value = coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
	return true;
}

static uint16_t find_format(const coap_pdu_t *pdu, uint16_t number)
{
	uint32_t value = FORMAT_NONE;

	return find_number(pdu, number, &value) && value < FORMAT_NONE ? (uint16_t)value : FORMAT_NONE;
}

/* The values of a repeatable option, at most `max`; false when there are more. */
static bool find_all(const coap_pdu_t *pdu, uint16_t number, struct bytes *ret_values, size_t max,
		     size_t *ret_count)
{
	coap_opt_iterator_t iterator;
	coap_opt_filter_t filter;
	coap_opt_t *option;
	size_t count = 0;

	coap_option_filter_clear(&filter);
	coap_option_filter_set(&filter, number);
	coap_option_iterator_init(pdu, &iterator, &filter);
	while ((option = coap_option_next(&iterator)) != NULL) {
		if (count == max)
			return false;
		ret_values[count++] = option_bytes(option);
	}
	*ret_count = count;
	return true;
}

void message_add_number(coap_pdu_t *pdu, uint16_t option, uint32_t value)
{
	uint8_t bytes[4];

	coap_add_option(pdu, option, coap_encode_var_safe(bytes, sizeof(bytes), value), bytes);
}

void message_add_path(coap_pdu_t *pdu, uint16_t option, const char *path)
{
	while (*path == '/') {
		size_t len = strcspn(++path, "/");
		coap_add_option(pdu, option, len, (const uint8_t *)path);
		path += len;
	}
}

static void add_instance_path(coap_pdu_t *pdu, struct path path)
{
	for (size_t i = 0; i < path.depth; i++) {
		char segment[8];
		int len = snprintf(segment, sizeof(segment), "%u", path.id[i]);
		coap_add_option(pdu, COAP_OPTION_LOCATION_PATH, (size_t)len, (const uint8_t *)segment);
	}
}

/* ---- answers ---- */

/* The same content has the same tag, so that the server notices a change between two blocks (FNV-1a). */
static uint64_t entity_tag(struct bytes payload)
{
	uint64_t hash = 0xCBF29CE484222325u;

	for (size_t i = 0; i < payload.len; i++)
		hash = (hash ^ payload.at[i]) * 0x100000001B3u;
	return hash;
}

/* Options in their order, then the block of the payload that was asked for, or all of it when it is short. */
void message_fill_answer(coap_pdu_t *pdu, const struct answer *answer, const uint32_t *sequence,
			 size_t at_once, coap_block_t block)
{
	size_t start = (size_t)block.num << (block.szx + 4);
	bool is_blockwise = block.num > 0 || answer->payload.len > at_once;
	uint64_t tag = entity_tag(answer->payload);

	coap_pdu_set_code(pdu, (coap_pdu_code_t)answer->code);
	if (is_blockwise && start >= answer->payload.len) {
		coap_pdu_set_code(pdu, COAP_RESPONSE_CODE_BAD_REQUEST);
		return;
	}
	if (is_blockwise)
		coap_add_option(pdu, COAP_OPTION_ETAG, sizeof(tag), (const uint8_t *)&tag);
	if (sequence != NULL)
		message_add_number(pdu, COAP_OPTION_OBSERVE, *sequence & 0xFFFFFF);
	if (answer->has_location)
		add_instance_path(pdu, answer->location);
	if (answer->format != FORMAT_NONE)
		message_add_number(pdu, COAP_OPTION_CONTENT_FORMAT, answer->format);
	if (is_blockwise) {
		coap_write_block_opt(&block, COAP_OPTION_BLOCK2, pdu, answer->payload.len);
		message_add_number(pdu, COAP_OPTION_SIZE2, (uint32_t)answer->payload.len);
		coap_add_block(pdu, answer->payload.len, answer->payload.at, block.num,
			       (unsigned char)block.szx);
	} else if (answer->payload.len > 0) {
		coap_add_data(pdu, answer->payload.len, answer->payload.at);
	}
}

/* ---- requests ---- */

static bool read_path(const coap_pdu_t *pdu, struct arena *arena, struct path *ret_path,
		      bool *ret_is_bootstrap)
{
	struct bytes segments[4];
	struct builder b = builder_in(arena);
	struct bytes text;
	size_t count;

	if (!find_all(pdu, COAP_OPTION_URI_PATH, segments, 4, &count))
		return false;
	if (count == 0)
		build_u8(&b, '/');
	for (size_t i = 0; i < count; i++) {
		build_u8(&b, '/');
		build_bytes(&b, segments[i]);
	}
	*ret_is_bootstrap = count == 1 && bytes_equal_text(segments[0], "bs");
	return builder_bytes(&b, &text) == ERR_NONE && path_parse(text, ret_path) == ERR_NONE;
}

bool message_read_request(const coap_pdu_t *pdu, struct arena *arena, struct request *ret_request)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	struct request request = {
		.method = (enum method)coap_pdu_get_code(pdu),
		.content_format = find_format(pdu, COAP_OPTION_CONTENT_FORMAT),
		.accept = find_format(pdu, COAP_OPTION_ACCEPT),
		.token = bytes_of(token.s, token.length),
	};
	struct bytes *queries = arena_alloc_array(arena, QUERIES_MAX, sizeof(*queries));
	size_t offset, total;

	if (queries == NULL ||
	    !find_all(pdu, COAP_OPTION_URI_QUERY, queries, QUERIES_MAX, &request.query_count))
		return false;
	request.queries = queries;
	request.has_observe = find_number(pdu, COAP_OPTION_OBSERVE, &request.observe);
	request.is_path_known = read_path(pdu, arena, &request.path, &request.is_bootstrap_path);
	if (!coap_get_data_large(pdu, &request.payload.len, &request.payload.at, &offset, &total))
		request.payload = bytes_of(NULL, 0);
	*ret_request = request;
	return true;
}

void message_read_location(const coap_pdu_t *pdu, char ret_location[LOCATION_MAX])
{
	struct bytes segments[8];
	size_t count, used = 0;

	ret_location[0] = '\0';
	if (!find_all(pdu, COAP_OPTION_LOCATION_PATH, segments, 8, &count))
		return;
	for (size_t i = 0; i < count && used < LOCATION_MAX; i++)
		used += (size_t)snprintf(ret_location + used, LOCATION_MAX - used, "/%.*s",
					 (int)segments[i].len, (const char *)segments[i].at);
	if (used >= LOCATION_MAX)
		ret_location[0] = '\0';
}
