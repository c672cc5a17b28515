#include "pdu.h"

#include <coap3/coap.h>

#define VERSION          1
#define PAYLOAD_MARKER   0xFF
#define BERT_EXPONENT    7 /* RFC 8323 6 */
#define BLOCK_NUMBER_MAX ((UINT32_C(1) << 20) - 1)

/* ---- reading ---- */

struct target {
	struct pdu *pdu;
	struct coap_message *message;
	bool is_stream;
};

static bool store_opaque(struct bytes value, uint8_t *at, uint8_t *ret_len)
{
	memcpy(at, value.at, value.len);
	*ret_len = (uint8_t)value.len;
	return true;
}

static uint32_t uint_of(struct bytes value)
{
	return coap_decode_var_bytes(value.at, value.len);
}

static bool store_etag(struct target *to, struct bytes value)
{
	return store_opaque(value, to->pdu->etag, &to->pdu->etag_len);
}

static bool store_request_tag(struct target *to, struct bytes value)
{
	return store_opaque(value, to->pdu->request_tag, &to->pdu->request_tag_len);
}

static bool store_echo(struct target *to, struct bytes value)
{
	return store_opaque(value, to->pdu->echo, &to->pdu->echo_len);
}

static bool store_oscore(struct target *to, struct bytes value)
{
	to->pdu->has_oscore = true;
	to->pdu->oscore = value;
	return true;
}

static bool store_observe(struct target *to, struct bytes value)
{
	to->message->has_observe = true;
	to->message->observe = uint_of(value);
	return true;
}

static bool store_path(struct target *to, struct bytes value)
{
	if (to->message->path_count == COAP_MAX_SEGMENTS)
		return false;
	to->message->path[to->message->path_count++] = value;
	return true;
}

static bool store_query(struct target *to, struct bytes value)
{
	if (to->message->query_count == COAP_MAX_QUERIES)
		return false;
	to->message->query[to->message->query_count++] = value;
	return true;
}

static bool store_content_format(struct target *to, struct bytes value)
{
	to->message->content_format = (uint16_t)uint_of(value);
	return true;
}

static bool store_max_age(struct target *to, struct bytes value)
{
	to->message->has_max_age = true;
	to->message->max_age_s = uint_of(value);
	return true;
}

static bool store_accept(struct target *to, struct bytes value)
{
	to->message->accept = (uint16_t)uint_of(value);
	return true;
}

static bool store_block(const struct target *to, struct pdu_block *block, struct bytes value)
{
	uint32_t bits = uint_of(value);
	const bool is_bert = (bits & 7) == BERT_EXPONENT;

	*block = (struct pdu_block){
		.is_present = true,
		.has_more = (bits & 8) != 0,
		.is_bert = is_bert,
		.size_exponent = is_bert ? BLOCK_SIZE_EXPONENT_MAX : bits & 7,
		.number = bits >> 4,
	};
	return to->is_stream || !is_bert;
}

static bool store_block1(struct target *to, struct bytes value)
{
	return store_block(to, &to->pdu->block1, value);
}

static bool store_block2(struct target *to, struct bytes value)
{
	return store_block(to, &to->pdu->block2, value);
}

static bool store_size1(struct target *to, struct bytes value)
{
	to->pdu->has_size1 = true;
	to->pdu->size1 = uint_of(value);
	return true;
}

static bool store_size2(struct target *to, struct bytes value)
{
	to->pdu->has_size2 = true;
	to->pdu->size2 = uint_of(value);
	return true;
}

static bool store_nothing(struct target *to, struct bytes value)
{
	return true;
}

enum side { REQUEST = 1, RESPONSE = 2, BOTH = 3 };

/* The options that we know, ascending. Any other, one of the wrong length, on the wrong side or repeated
 * where it may not be is as if unknown: skipped when elective, refused when critical (RFC 7252 5.4). */
/* clang-format off */
static const struct option_rule {
	uint16_t number;
	uint8_t min, max;               /* length */
	bool repeats;
	enum side side;
	bool (*store)(struct target *to, struct bytes value);
} option_rules[] = {
	{ COAP_OPTION_URI_HOST,       1, 255, false, REQUEST,  store_nothing },         /* we are one origin */
	{ COAP_OPTION_ETAG,           1,   8, false, RESPONSE, store_etag },
	{ COAP_OPTION_OBSERVE,        0,   3, false, BOTH,     store_observe },
	{ COAP_OPTION_URI_PORT,       0,   2, false, REQUEST,  store_nothing },
	{ COAP_OPTION_LOCATION_PATH,  0, 255, true,  RESPONSE, store_path },
	{ OPTION_OSCORE,              0, 255, false, BOTH,     store_oscore },
	{ COAP_OPTION_URI_PATH,       0, 255, true,  REQUEST,  store_path },
	{ COAP_OPTION_CONTENT_FORMAT, 0,   2, false, BOTH,     store_content_format },
	{ COAP_OPTION_MAXAGE,         0,   4, false, RESPONSE, store_max_age },
	{ COAP_OPTION_URI_QUERY,      0, 255, true,  REQUEST,  store_query },
	{ COAP_OPTION_ACCEPT,         0,   2, false, REQUEST,  store_accept },
	{ COAP_OPTION_BLOCK2,         0,   3, false, BOTH,     store_block2 },
	{ COAP_OPTION_BLOCK1,         0,   3, false, BOTH,     store_block1 },
	{ COAP_OPTION_SIZE2,          0,   4, false, BOTH,     store_size2 },
	{ COAP_OPTION_SIZE1,          0,   4, false, BOTH,     store_size1 },
	{ COAP_OPTION_ECHO,           1,  40, false, BOTH,     store_echo },
	{ COAP_OPTION_RTAG,           0,   8, false, REQUEST,  store_request_tag },
};
/* clang-format on */
#define RULE_COUNT (sizeof(option_rules) / sizeof(option_rules[0]))

static bool read_header(struct reader *r, struct pdu *pdu, bool *ret_is_ours)
{
	uint8_t first = read_u8(r);
	uint8_t token_len = first & 15;
	pdu->code = read_u8(r);
	pdu->mid = read_u16(r);
	*ret_is_ours = !r->bad && first >> 6 == VERSION;
	pdu->type = (enum pdu_type)(first >> 4 & 3);
	if (token_len > PDU_TOKEN_MAX)
		return false;
	struct bytes token = read_bytes(r, token_len);
	if (r->bad)
		return false;
	pdu->token_len = token_len;
	memcpy(pdu->token, token.at, token.len);
	return true;
}

static enum pdu_verdict read_options(struct reader *r, struct target *to)
{
	const enum side side = pdu_is_request(to->pdu) ? REQUEST : RESPONSE;
	enum pdu_verdict verdict = PDU_GOOD;
	uint32_t number = 0, last = 0;
	size_t rule = 0;

	while (reader_left(r) > 0 && peek_u8(r) != PAYLOAD_MARKER) {
		coap_option_t option;
		size_t size = coap_opt_parse(r->at, reader_left(r), &option);
		if (size == 0)
			return PDU_FORMAT_ERROR;
		(void)read_bytes(r, size);
		number += option.delta;
		if (number > UINT16_MAX)
			return PDU_FORMAT_ERROR;

		while (rule < RULE_COUNT && option_rules[rule].number < number)
			rule++;
		const struct option_rule *known = &option_rules[rule];
		bool is_good = rule < RULE_COUNT && known->number == number && (known->side & side) != 0 &&
			       option.length >= known->min && option.length <= known->max &&
			       (known->repeats || number != last);
		if (is_good)
			is_good = known->store(to, bytes_of(option.value, option.length));
		if (number == COAP_OPTION_PROXY_URI || number == COAP_OPTION_PROXY_SCHEME)
			verdict = PDU_PROXY;
		else if (!is_good && (number & 1) == 1 && verdict == PDU_GOOD)
			verdict = PDU_BAD_OPTION;
		last = number;
	}
	return verdict;
}

/* Behind the token. */
static enum pdu_verdict read_content(struct reader *r, struct target *to)
{
	struct coap_message *ret_message = to->message;

	if (!pdu_is_request(to->pdu) && !pdu_is_response(to->pdu))
		return PDU_FORMAT_ERROR; /* a reserved class */

	/* Not all of it: the arrays are large, and their counts say what is in them. */
	ret_message->code = to->pdu->code;
	ret_message->path_count = ret_message->query_count = 0;
	ret_message->content_format = ret_message->accept = COAP_NO_FORMAT;
	ret_message->has_observe = ret_message->has_max_age = false;
	ret_message->observe = ret_message->max_age_s = 0;
	ret_message->payload = bytes_of(NULL, 0);

	enum pdu_verdict verdict = read_options(r, to);
	if (verdict != PDU_FORMAT_ERROR && reader_left(r) > 0) {
		(void)read_u8(r); /* the marker */
		ret_message->payload = read_rest(r);
		if (ret_message->payload.len == 0)
			return PDU_FORMAT_ERROR;
	}
	return verdict;
}

enum pdu_verdict pdu_read(struct bytes datagram, struct pdu *ret_pdu, struct coap_message *ret_message)
{
	struct reader r = reader_of(datagram);
	struct target to = { .pdu = ret_pdu, .message = ret_message };
	bool is_ours;

	memset(ret_pdu, 0, sizeof(*ret_pdu));
	if (!read_header(&r, ret_pdu, &is_ours))
		return is_ours ? PDU_FORMAT_ERROR : PDU_IGNORE;
	if (!is_ours)
		return PDU_IGNORE;
	if (ret_pdu->code == 0)
		return reader_done(&r) && ret_pdu->token_len == 0 ? PDU_GOOD : PDU_FORMAT_ERROR;
	return read_content(&r, &to);
}

enum pdu_verdict pdu_read_frame(const struct frame *frame, struct pdu *ret_pdu,
				struct coap_message *ret_message)
{
	struct reader r = reader_of(frame->rest);
	struct target to = { .pdu = ret_pdu, .message = ret_message, .is_stream = true };

	*ret_pdu = (struct pdu){
		.type = PDU_NON,
		.code = frame->code,
		.token_len = (uint8_t)frame->token.len,
	};
	if (frame->token.len > 0)
		memcpy(ret_pdu->token, frame->token.at, frame->token.len);
	return read_content(&r, &to);
}

/* ---- writing ---- */

struct writer {
	uint8_t *at, *end;
	uint16_t last;
	bool is_full;
};

static void write_option(struct writer *w, uint16_t number, struct bytes value)
{
	if (w->is_full)
		return;
	size_t size = coap_opt_encode(w->at, (size_t)(w->end - w->at), (uint16_t)(number - w->last), value.at,
				      value.len);
	w->is_full = size == 0;
	w->at += size;
	w->last = number;
}

static void write_uint(struct writer *w, bool is_present, uint16_t number, uint32_t value)
{
	uint8_t bytes[4];
	if (is_present)
		write_option(w, number, bytes_of(bytes, coap_encode_var_safe(bytes, sizeof(bytes), value)));
}

static void write_opaque(struct writer *w, uint16_t number, const uint8_t *at, size_t len)
{
	if (len > 0)
		write_option(w, number, bytes_of(at, len));
}

static void write_block(struct writer *w, uint16_t number, const struct pdu_block *block)
{
	if (block->number > BLOCK_NUMBER_MAX)
		w->is_full = true;
	write_uint(w, block->is_present, number,
		   block->number << 4 | (block->has_more ? 8u : 0u) |
			   (block->is_bert ? BERT_EXPONENT : block->size_exponent));
}

static void write_options(struct writer *w, const struct pdu *pdu, const struct coap_message *message)
{
	static const struct coap_message none = { .content_format = COAP_NO_FORMAT,
						  .accept = COAP_NO_FORMAT };
	if (message == NULL)
		message = &none;
	const bool is_request = pdu_is_request(pdu);
	const uint16_t path_number = is_request ? COAP_OPTION_URI_PATH : COAP_OPTION_LOCATION_PATH;

	write_opaque(w, COAP_OPTION_ETAG, pdu->etag, pdu->etag_len);
	write_uint(w, message->has_observe, COAP_OPTION_OBSERVE, message->observe);
	for (size_t i = 0; i < message->path_count; i++)
		write_option(w, path_number, message->path[i]);
	write_uint(w, message->content_format != COAP_NO_FORMAT, COAP_OPTION_CONTENT_FORMAT,
		   message->content_format);
	write_uint(w, message->has_max_age, COAP_OPTION_MAXAGE, message->max_age_s);
	for (size_t i = 0; is_request && i < message->query_count; i++)
		write_option(w, COAP_OPTION_URI_QUERY, message->query[i]);
	write_uint(w, message->accept != COAP_NO_FORMAT, COAP_OPTION_ACCEPT, message->accept);
	write_block(w, COAP_OPTION_BLOCK2, &pdu->block2);
	write_block(w, COAP_OPTION_BLOCK1, &pdu->block1);
	write_uint(w, pdu->has_size2, COAP_OPTION_SIZE2, pdu->size2);
	write_uint(w, pdu->has_size1, COAP_OPTION_SIZE1, pdu->size1);
	write_opaque(w, COAP_OPTION_ECHO, pdu->echo, pdu->echo_len);
	write_opaque(w, COAP_OPTION_RTAG, pdu->request_tag, pdu->request_tag_len);
}

size_t pdu_write(const struct pdu *pdu, const struct coap_message *message, struct bytes payload,
		 uint8_t *ret_at, size_t size)
{
	struct writer w = { .at = ret_at, .end = ret_at + size };
	if (size < (size_t)PDU_HEADER_SIZE + pdu->token_len)
		return 0;
	w.at[0] = (uint8_t)(VERSION << 6 | pdu->type << 4 | pdu->token_len);
	w.at[1] = pdu->code;
	w.at[2] = (uint8_t)(pdu->mid >> 8);
	w.at[3] = (uint8_t)pdu->mid;
	memcpy(&w.at[PDU_HEADER_SIZE], pdu->token, pdu->token_len);
	w.at += PDU_HEADER_SIZE + pdu->token_len;

	if (pdu->code != 0)
		write_options(&w, pdu, message);
	if (w.is_full)
		return 0;
	if (payload.len > 0) {
		if ((size_t)(w.end - w.at) <= payload.len)
			return 0;
		*w.at++ = PAYLOAD_MARKER;
		memcpy(w.at, payload.at, payload.len);
		w.at += payload.len;
	}
	return (size_t)(w.at - ret_at);
}
