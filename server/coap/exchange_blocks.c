#include "exchange_blocks.h"

#include "block.h"

#define RESTARTS_MAX 2 /* [ours] of a body that changes while it is fetched */

/* ---- Block1 ---- */

static bool is_in_blocks(const struct upload *upload)
{
	return upload->payload.len > upload->at_once;
}

struct bytes upload_next(const struct upload *upload, struct pdu *pdu)
{
	const uint32_t size = block_bytes(upload->size_exponent);

	if (!is_in_blocks(upload))
		return upload->payload;
	pdu->block1 = (struct pdu_block){
		.is_present = true,
		.has_more = upload->sent + size < upload->payload.len,
		.size_exponent = upload->size_exponent,
		.number = (uint32_t)(upload->sent / size),
	};
	pdu->has_size1 = upload->sent == 0;
	pdu->size1 = (uint32_t)upload->payload.len;
	return bytes_first(bytes_from(upload->payload, upload->sent), size);
}

enum step upload_step(struct upload *upload, const struct pdu *answer)
{
	const struct pdu_block *block = &answer->block1;
	const size_t size = block_bytes(upload->size_exponent);
	const bool is_last = !is_in_blocks(upload) || upload->sent + size >= upload->payload.len;
	const bool asks_smaller = block->is_present && block->size_exponent < upload->size_exponent;

	if (answer->code == COAP_CODE(4, 13) && asks_smaller && upload->sent == 0) {
		upload->size_exponent = block->size_exponent;
		upload->at_once = block_bytes(block->size_exponent);
		return STEP_GO_ON;
	}
	if (answer->code >> 5 != 2)
		return STEP_LAST;
	if (is_last)
		return answer->code == COAP_CODE(2, 31) ? STEP_BROKEN : STEP_LAST;
	if (!block->is_present || block->number != upload->sent / size)
		return STEP_BROKEN;
	upload->sent += size;
	if (asks_smaller)
		upload->size_exponent = block->size_exponent;
	return STEP_GO_ON;
}

/* ---- Block2 ---- */

bool fetch_concerns(const struct fetch *fetch, const struct pdu *answer)
{
	return answer->block2.is_present && answer->code >> 5 == 2 &&
	       (answer->block2.has_more || answer->block2.number > 0 || fetch->body.len > 0);
}

void fetch_next(const struct fetch *fetch, struct pdu *pdu)
{
	pdu->block2 = (struct pdu_block){
		.is_present = true,
		.is_bert = fetch->is_bert,
		.size_exponent = fetch->size_exponent,
		.number = (uint32_t)(fetch->body.len / block_bytes(fetch->size_exponent)),
	};
}

static bool fits_etag(const struct fetch *fetch, const struct pdu *answer)
{
	return bytes_equal(bytes_of(fetch->etag, fetch->etag_len), bytes_of(answer->etag, answer->etag_len));
}

enum step fetch_step(struct endpoint *endpoint, struct fetch *fetch, bool is_safe, const struct pdu *answer,
		     const struct coap_message *message, enum err *ret_err)
{
	const struct pdu_block *block = &answer->block2;
	const size_t size = block_bytes(block->size_exponent), offset = size * block->number;

	*ret_err = ERR_MALFORMED;
	if (fetch->body.len > 0 && !fits_etag(fetch, answer)) {
		body_clear(endpoint, &fetch->body);
		return is_safe && fetch->restarts++ < RESTARTS_MAX ? STEP_GO_ON : STEP_BROKEN;
	}
	if (!fetch_is_under_way(fetch)) {
		fetch->has_observe = message->has_observe;
		fetch->observe = message->observe;
	}
	if (offset != fetch->body.len || !block_fits(block, message->payload.len))
		return STEP_BROKEN;
	*ret_err = body_append(endpoint, &fetch->body, message->payload);
	if (*ret_err != ERR_NONE)
		return STEP_BROKEN;
	fetch->etag_len = answer->etag_len;
	memcpy(fetch->etag, answer->etag, answer->etag_len);
	fetch->size_exponent = block->size_exponent;
	fetch->is_bert = block->is_bert;
	return block->has_more ? STEP_GO_ON : STEP_LAST;
}

struct coap_message fetch_whole(const struct fetch *fetch, const struct coap_message *last)
{
	struct coap_message whole = *last;

	whole.payload = bytes_of(fetch->body.at, fetch->body.len);
	whole.has_observe = fetch->has_observe;
	whole.observe = fetch->observe;
	return whole;
}
