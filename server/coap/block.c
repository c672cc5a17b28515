#include "block.h"

#include <stdlib.h>
#include <utlist.h>

#include <cardea/crypto.h>

#define BODY_START_BYTES 1024

/* What an unverified sender may make us send, however small its request: its address may be another's. [ours]
 */
#define UNVERIFIED_BYTES         128
#define UNVERIFIED_SIZE_EXPONENT 2
#define ECHO_BYTES               8

struct transfer {
	struct transfer *prev, *next; /* of the peer, the oldest first */
	struct peer *peer;
	struct timer idle;
	uint64_t key;
	bool is_answer; /* of ours, which the peer fetches; else a request's that is on its way */
	uint8_t code, etag[PDU_ETAG_MAX];
	uint16_t content_format;
	struct body body;
};

/* ---- bodies ---- */

static size_t bodies_max(const struct endpoint *endpoint)
{
	return endpoint->settings.max_body_bytes > BODY_BYTES_MAX ? endpoint->settings.max_body_bytes
								  : BODY_BYTES_MAX;
}

enum err body_append_up_to(struct endpoint *endpoint, struct body *body, struct bytes bytes, size_t max)
{
	if (bytes.len > max || body->len > max - bytes.len)
		return ERR_LIMIT;
	if (body->len + bytes.len > body->capacity) {
		size_t capacity = body->capacity == 0 ? BODY_START_BYTES : body->capacity;
		while (capacity < body->len + bytes.len)
			capacity *= 2;
		if (endpoint->body_bytes - body->capacity + capacity > 2 * bodies_max(endpoint))
			return ERR_UNAVAILABLE;
		uint8_t *at = realloc(body->at, capacity);
		if (at == NULL)
			return ERR_NOMEM;
		endpoint->body_bytes += capacity - body->capacity;
		body->at = at;
		body->capacity = capacity;
	}
	if (bytes.len > 0)
		memcpy(body->at + body->len, bytes.at, bytes.len);
	body->len += bytes.len;
	return ERR_NONE;
}

enum err body_append(struct endpoint *endpoint, struct body *body, struct bytes bytes)
{
	return body_append_up_to(endpoint, body, bytes, endpoint->settings.max_body_bytes);
}

void body_clear(struct endpoint *endpoint, struct body *body)
{
	free(body->at);
	endpoint->body_bytes -= body->capacity;
	*body = (struct body){ 0 };
}

/* ---- transfers ---- */

static uint64_t hash_bytes(uint64_t hash, struct bytes bytes)
{
	/* FNV-1a, with the length so that "a/bc" and "ab/c" differ */
	hash = (hash ^ bytes.len) * UINT64_C(0x100000001B3);
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ bytes.at[i]) * UINT64_C(0x100000001B3);
	return hash;
}

/* A peer that finds two paths of one key only confuses its own bodies. */
uint64_t block_key(const struct endpoint *endpoint, const struct oscore_binding *binding,
		   const struct pdu *pdu, const struct coap_message *message)
{
	uint64_t hash = endpoint->peers.by_key.seed[0] ^ pdu->code;

	/* What came protected and what did not never become one body. */
	hash = hash_bytes(hash, bytes_of(&binding->context, sizeof(binding->context)));
	hash = hash_bytes(hash, bytes_of(pdu->request_tag, pdu->request_tag_len));
	for (size_t i = 0; i < message->path_count; i++)
		hash = hash_bytes(hash, message->path[i]);
	hash = hash_bytes(hash, bytes_of(NULL, 0));
	for (size_t i = 0; i < message->query_count; i++)
		hash = hash_bytes(hash, message->query[i]);
	return hash;
}

uint8_t block_size_exponent(const struct endpoint *endpoint)
{
	uint8_t exponent = 0;

	while (block_bytes(exponent) < endpoint->settings.block_size)
		exponent++;
	return exponent;
}

static void transfer_keep(struct transfer *transfer)
{
	const struct endpoint *endpoint = transfer->peer->endpoint;

	loop_start_timer(endpoint->loop, &transfer->idle, (int64_t)endpoint->peer_idle_s * 1000);
}

static void transfer_free(struct transfer *transfer)
{
	struct peer *peer = transfer->peer;

	loop_stop_timer(peer->endpoint->loop, &transfer->idle);
	DL_DELETE(peer->transfers, transfer);
	peer->transfer_count--;
	body_clear(peer->endpoint, &transfer->body);
	free(transfer);
}

static void transfer_idled(void *self)
{
	transfer_free(self);
}

void block_forget(struct peer *peer)
{
	while (peer->transfers != NULL)
		transfer_free(peer->transfers);
}

static struct transfer *transfer_find(struct peer *peer, uint64_t key, bool is_answer)
{
	struct transfer *transfer;

	DL_FOREACH(peer->transfers, transfer)
	if (transfer->key == key && transfer->is_answer == is_answer)
		return transfer;
	return NULL;
}

/* A new one in place of what the key had. NULL without memory. */
static struct transfer *transfer_begin(struct peer *peer, uint64_t key, bool is_answer)
{
	struct transfer *transfer = transfer_find(peer, key, is_answer);

	if (transfer != NULL)
		transfer_free(transfer);
	else if (peer->transfer_count == TRANSFERS_PER_PEER)
		transfer_free(peer->transfers);
	transfer = calloc(1, sizeof(*transfer));
	if (transfer == NULL)
		return NULL;
	transfer->peer = peer;
	transfer->key = key;
	transfer->is_answer = is_answer;
	transfer->idle = timer_of(transfer_idled, transfer);
	DL_APPEND(peer->transfers, transfer);
	peer->transfer_count++;
	transfer_keep(transfer);
	return transfer;
}

/* ---- Block1: requests ---- */

static uint8_t code_of(enum err err)
{
	return err == ERR_LIMIT ? COAP_CODE(4, 13) : COAP_CODE(5, 3);
}

/* Takes a block: 0 when the body is whole, else the code of the answer. */
static uint8_t collect(struct pending *pending, const struct pdu *pdu, struct coap_message *message)
{
	struct peer *peer = pending->peer;
	struct endpoint *endpoint = peer->endpoint;
	const struct pdu_block *block = &pdu->block1;
	const size_t size = block_bytes(block->size_exponent), offset = size * block->number;
	struct transfer *transfer = transfer_find(peer, pending->key, false);

	if (!block_fits(block, message->payload.len))
		return COAP_CODE(4, 0);
	if (pdu->has_size1 && pdu->size1 > endpoint->settings.max_body_bytes)
		return COAP_CODE(4, 13);
	if (block->number == 0 && !block->has_more)
		return 0;
	if (block->number == 0)
		transfer = transfer_begin(peer, pending->key, false);
	if (transfer == NULL)
		return block->number == 0 ? COAP_CODE(5, 3) : COAP_CODE(4, 8);
	if (block->has_more && offset + message->payload.len <= transfer->body.len)
		return COAP_CODE(2, 31); /* once more */
	enum err err = ERR_CONFLICT;
	if (offset == transfer->body.len)
		err = body_append(endpoint, &transfer->body, message->payload);
	if (err != ERR_NONE) {
		transfer_free(transfer);
		return err == ERR_CONFLICT ? COAP_CODE(4, 8) : code_of(err);
	}
	if (block->has_more) {
		transfer_keep(transfer);
		return COAP_CODE(2, 31);
	}
	message->payload = bytes_of(transfer->body.at, transfer->body.len);
	endpoint->request_body = transfer->body;
	transfer->body = (struct body){ 0 };
	transfer_free(transfer);
	return 0;
}

void block_request_done(struct endpoint *endpoint)
{
	if (endpoint->request_body.at != NULL)
		body_clear(endpoint, &endpoint->request_body);
}

static void request_block1(struct pending *pending, const struct pdu *pdu, struct coap_message *message,
			   struct coap_message *own, struct pdu *own_pdu)
{
	const struct endpoint *endpoint = pending->peer->endpoint;
	struct pdu_block block = pdu->block1;

	own->code = collect(pending, pdu, message);
	if (!block.is_bert && block.size_exponent > block_size_exponent(endpoint))
		block.size_exponent = block_size_exponent(endpoint);
	pending->block1 = own_pdu->block1 = block;
	if (own->code == COAP_CODE(4, 13)) {
		own_pdu->has_size1 = true;
		own_pdu->size1 = endpoint->settings.max_body_bytes;
	}
}

/* ---- who may be sent how much ---- */

static bool is_trusted(const struct peer *peer)
{
	return peer->is_verified || peer->route.key.is_secure;
}

static enum err make_echo(const struct peer *peer, uint8_t ret_mac[SHA256_SIZE])
{
	const struct endpoint *endpoint = peer->endpoint;

	return hmac_sha256(bytes_of(endpoint->echo_key, sizeof(endpoint->echo_key)),
			   bytes_of(&peer->route.key, sizeof(peer->route.key)), ret_mac);
}

void block_take_echo(struct peer *peer, const struct pdu *pdu)
{
	uint8_t mac[SHA256_SIZE];

	if (!is_trusted(peer) && make_echo(peer, mac) == ERR_NONE)
		peer->is_verified = bytes_equal_constant_time(bytes_of(pdu->echo, pdu->echo_len),
							      bytes_of(mac, ECHO_BYTES));
}

/* The peer may return it with its next request, and is sent larger blocks from then on. */
static void offer_echo(const struct peer *peer, struct pdu *pdu)
{
	const bool is_limited =
		!is_trusted(peer) && block_size_exponent(peer->endpoint) > UNVERIFIED_SIZE_EXPONENT;
	uint8_t mac[SHA256_SIZE];

	if (!is_limited || make_echo(peer, mac) != ERR_NONE)
		return;
	pdu->echo_len = ECHO_BYTES;
	memcpy(pdu->echo, mac, ECHO_BYTES);
}

/* ---- Block2: answers ---- */

/* A part of an answer. */
struct cut {
	struct pdu_block block;
	size_t offset, len;
};

/* The part that is asked for, and how it is sent. */
static struct cut cut_block(const struct pending *pending, size_t len, bool is_limited)
{
	const struct peer *peer = pending->peer;
	const struct pdu_block *asked = &pending->block2;
	struct pdu_block block = {
		.is_present = true,
		.size_exponent = block_size_exponent(peer->endpoint),
	};

	if (is_limited && block.size_exponent > UNVERIFIED_SIZE_EXPONENT)
		block.size_exponent = UNVERIFIED_SIZE_EXPONENT;
	if (asked->is_present && asked->size_exponent < block.size_exponent)
		block.size_exponent = asked->size_exponent;
	const size_t at_once = endpoint_payload_max(peer, &pending->oscore);
	struct cut cut = {
		.offset = (size_t)asked->number * block_bytes(asked->size_exponent),
		.len = block_bytes(block.size_exponent),
	};
	if (asked->is_bert && at_once >= block_bytes(BLOCK_SIZE_EXPONENT_MAX) &&
	    block.size_exponent == BLOCK_SIZE_EXPONENT_MAX) {
		block.is_bert = true;
		cut.len = at_once - at_once % block_bytes(BLOCK_SIZE_EXPONENT_MAX);
	}
	block.number = (uint32_t)(cut.offset / block_bytes(block.size_exponent));
	block.has_more = cut.offset + cut.len < len;
	cut.block = block;
	return cut;
}

static void slice(const struct cut *cut, struct bytes whole, const uint8_t *etag, struct pdu *ret_pdu,
		  struct bytes *ret_payload)
{
	const struct pdu_block *block = &cut->block;

	ret_pdu->block2 = *block;
	ret_pdu->etag_len = PDU_ETAG_MAX;
	memcpy(ret_pdu->etag, etag, PDU_ETAG_MAX);
	ret_pdu->has_size2 = block->number == 0;
	ret_pdu->size2 = (uint32_t)whole.len;
	*ret_payload = bytes_first(bytes_from(whole, cut->offset), cut->len);
}

static const struct coap_message *refuse_with(uint8_t code, struct bytes *payload,
					      struct coap_message *ret_refusal)
{
	*payload = bytes_of(NULL, 0);
	*ret_refusal = (struct coap_message){
		.code = code,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_max_age = code == COAP_CODE(5, 3),
		.max_age_s = BUSY_MAX_AGE_S,
	};
	return ret_refusal;
}

const struct coap_message *block_answer(struct pending *pending, const struct coap_message *response,
					struct pdu *pdu, struct bytes *payload,
					struct coap_message *ret_refusal)
{
	struct peer *peer = pending->peer;
	const struct bytes whole = *payload;
	const bool is_short =
		whole.len <= UNVERIFIED_BYTES && whole.len <= peer->endpoint->settings.block_size;
	uint8_t digest[SHA256_SIZE];
	const bool is_lasting = response->etag.len == PDU_ETAG_MAX;
	const struct cut cut = cut_block(pending, whole.len, !is_lasting && !is_trusted(peer));

	if (cut.offset == 0 && (!cut.block.has_more || (is_short && !pending->block2.is_present)))
		return response;
	if (cut.offset >= whole.len)
		return pending->block2.number == 0 ? response
						   : refuse_with(COAP_CODE(4, 0), payload, ret_refusal);
	if (is_lasting) {
		slice(&cut, whole, response->etag.at, pdu, payload);
		return response;
	}
	if (sha256(whole, digest) != ERR_NONE)
		return refuse_with(COAP_CODE(5, 0), payload, ret_refusal);
	if (cut.block.has_more) {
		struct transfer *transfer = transfer_begin(peer, pending->key, true);
		if (transfer == NULL)
			return refuse_with(COAP_CODE(5, 3), payload, ret_refusal);
		enum err err = body_append(peer->endpoint, &transfer->body, whole);
		if (err != ERR_NONE) {
			transfer_free(transfer);
			return refuse_with(err == ERR_LIMIT ? COAP_CODE(5, 0) : COAP_CODE(5, 3), payload,
					   ret_refusal);
		}
		transfer->code = response->code;
		transfer->content_format = response->content_format;
		memcpy(transfer->etag, digest, PDU_ETAG_MAX);
	}
	slice(&cut, whole, digest, pdu, payload);
	offer_echo(peer, pdu);
	return response;
}

/* A later block of an answer that waits. */
static void request_block2(struct pending *pending, const struct pdu *pdu, struct coap_message *own,
			   struct pdu *own_pdu, struct bytes *payload)
{
	struct peer *peer = pending->peer;
	struct transfer *transfer = transfer_find(peer, pending->key, true);

	if (transfer == NULL) {
		/* To ask the owner again is safe where the method is; it answers with the block that is asked
		 * for. */
		own->code = pdu->code == COAP_GET ? 0 : COAP_CODE(4, 8);
		return;
	}
	const struct cut cut = cut_block(pending, transfer->body.len, !is_trusted(peer));
	if (cut.offset >= transfer->body.len) {
		own->code = COAP_CODE(4, 0);
		return;
	}
	own->code = transfer->code;
	own->content_format = transfer->content_format;
	slice(&cut, bytes_of(transfer->body.at, transfer->body.len), transfer->etag, own_pdu, payload);
	if (cut.block.has_more)
		transfer_keep(transfer);
	else
		loop_start_timer(peer->endpoint->loop, &transfer->idle,
				 0); /* its bytes are still to be sent */
}

void block_request(struct pending *pending, const struct pdu *pdu, struct coap_message *message,
		   struct coap_message *own, struct pdu *own_pdu, struct bytes *payload)
{
	if (pdu->block1.is_present)
		request_block1(pending, pdu, message, own, own_pdu);
	else if (pdu->block2.is_present && pdu->block2.number > 0)
		request_block2(pending, pdu, own, own_pdu, payload);
}
