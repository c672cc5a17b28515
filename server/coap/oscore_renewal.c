/* RFC 8613, appendix B.2 */
#include "oscore_renewal.h"

#include <cardea/cbor.h>

#define NONCE_SIZE            8
#define MAC_SIZE              (OSCORE_R2_SIZE - NONCE_SIZE)
#define CBOR_INDEFINITE_BYTES 0x5F

enum err oscore_renewal_begin(struct oscore_renewal *renewal)
{
	return random_bytes(renewal->key, sizeof(renewal->key));
}

bool oscore_renewal_read(struct bytes kid_context, struct arena *arena, struct bytes *ret_id_context)
{
	struct reader r = reader_of(kid_context);
	struct cbor_item item;

	/* Not in parts: what is read stays in the option, whatever becomes of the arena. */
	if (kid_context.len == 0 || peek_u8(&r) == CBOR_INDEFINITE_BYTES)
		return false;
	if (!read_cbor(&r, arena, &item) || item.kind != CBOR_BYTES || !reader_done(&r))
		return false;
	if (item.bytes.len < OSCORE_R_MIN || item.bytes.len > OSCORE_R2_SIZE + OSCORE_R_MAX)
		return false;
	*ret_id_context = item.bytes;
	return true;
}

enum err oscore_renewal_write(struct bytes id_context, struct arena *arena, struct bytes *ret_kid_context)
{
	struct builder b = builder_in(arena);

	build_cbor_bytes(&b, id_context);
	return builder_bytes(&b, ret_kid_context);
}

static enum err authenticate(const struct oscore_renewal *renewal,
			     const struct oscore_renewal_subject *subject, struct bytes nonce,
			     uint8_t ret_mac[SHA256_SIZE])
{
	uint8_t data[NONCE_SIZE + OSCORE_PRINT_SIZE + OSCORE_ID_CONTEXT_MAX];

	if (nonce.len != NONCE_SIZE || subject->id_context.len > OSCORE_ID_CONTEXT_MAX)
		return ERR_LIMIT;
	memcpy(data, nonce.at, NONCE_SIZE);
	memcpy(data + NONCE_SIZE, subject->base->print, OSCORE_PRINT_SIZE);
	if (subject->id_context.len > 0)
		memcpy(data + NONCE_SIZE + OSCORE_PRINT_SIZE, subject->id_context.at,
		       subject->id_context.len);
	return hmac_sha256(bytes_of(renewal->key, sizeof(renewal->key)),
			   bytes_of(data, NONCE_SIZE + OSCORE_PRINT_SIZE + subject->id_context.len), ret_mac);
}

enum err oscore_renewal_offer(const struct oscore_renewal *renewal,
			      const struct oscore_renewal_subject *subject, uint8_t ret_r2[OSCORE_R2_SIZE])
{
	uint8_t nonce[NONCE_SIZE], mac[SHA256_SIZE];
	enum err err = random_bytes(nonce, NONCE_SIZE);

	if (err == ERR_NONE)
		err = authenticate(renewal, subject, bytes_of(nonce, NONCE_SIZE), mac);
	if (err != ERR_NONE)
		return err;
	memcpy(ret_r2, nonce, NONCE_SIZE);
	memcpy(ret_r2 + NONCE_SIZE, mac, MAC_SIZE);
	return ERR_NONE;
}

bool oscore_renewal_is_offered(const struct oscore_renewal *renewal,
			       const struct oscore_renewal_subject *subject, struct bytes id_context)
{
	uint8_t mac[SHA256_SIZE];

	if (id_context.len < OSCORE_R2_SIZE + OSCORE_R_MIN)
		return false;
	return authenticate(renewal, subject, bytes_first(id_context, NONCE_SIZE), mac) == ERR_NONE &&
	       bytes_equal_constant_time(bytes_first(bytes_from(id_context, NONCE_SIZE), MAC_SIZE),
					 bytes_of(mac, MAC_SIZE));
}
