#include "scp11_factory.h"

#include "oce_certificate.h"

#define KEY_VERSION       0x03
#define AUTHORITY_VERSION 0x01
#define AUTHORITY_ID      0x10

struct key {
	uint8_t private[EC_SIZE_MAX];
	size_t size;
	struct ec_point public;
};

static struct bytes private_of(const struct key *key)
{
	return bytes_of(key->private, key->size);
}

/* The same at each start: what an operator stored yesterday is right today. The first byte keeps it below the
 * order. */
static enum err known_key(enum ec_curve curve, uint8_t number, struct key *ret_key)
{
	ret_key->size = ec_size(curve);
	for (size_t i = 0; i < ret_key->size; i++)
		ret_key->private[i] = (uint8_t)(i == 0 ? 0 : number * 16 + i);
	return ec_public_of(curve, bytes_of(ret_key->private, ret_key->size), &ret_key->public);
}

static const char *variants_text(struct arena *arena, uint8_t options)
{
	const char *text = arena_printf(arena, "%s%s%s", (options & CARD_SCP11_A) != 0 ? ",\"11a\"" : "",
					(options & CARD_SCP11_B) != 0 ? ",\"11b\"" : "",
					(options & CARD_SCP11_C) != 0 ? ",\"11c\"" : "");
	return text == NULL || text[0] == 0 ? text : text + 1;
}

static enum err keyset_text(struct arena *arena, enum ec_curve curve, uint8_t options,
			    const struct key *operator, struct bytes certificate,
			    const struct key *card_authority, const char **ret_text)
{
	const char *text =
		arena_printf(arena,
			     "{\"kind\":\"scp11\",\"version\":%u,\"curve\":\"%s\",\"variants\":[%s],"
			     "\"privateKeyHex\":\"%s\","
			     "\"certificatesHex\":[\"%s\"],\"cardAuthorityPublicKeyHex\":\"%s\","
			     "\"authorityKeyVersion\":%u,"
			     "\"authorityKeyId\":%u}",
			     KEY_VERSION, ec_curve_name(curve), variants_text(arena, options),
			     bytes_to_hex(arena, private_of(operator)), bytes_to_hex(arena, certificate),
			     bytes_to_hex(arena, ec_point_bytes(&card_authority->public)), AUTHORITY_VERSION,
			     AUTHORITY_ID);
	if (text == NULL)
		return ERR_NOMEM;
	*ret_text = text;
	return ERR_NONE;
}

enum err scp11_factory(struct arena *arena, enum ec_curve curve, uint8_t options, struct bytes provider,
		       struct card_scp11 *ret_scp11, const char **ret_keyset)
{
	struct key card, card_authority, operator, operator_authority;
	struct key *const keys[] = { &card, &card_authority, &operator, & operator_authority };
	struct card_scp11 scp11 = { .options = options,
				    .curve = curve,
				    .key_version = KEY_VERSION,
				    .authority_version = AUTHORITY_VERSION,
				    .authority_id = AUTHORITY_ID };
	struct bytes of_card, of_operator;
	enum err err = ERR_NONE;
	for (uint8_t i = 0; i < 4 && err == ERR_NONE; i++)
		err = known_key(curve, (uint8_t)(i + 1), keys[i]);
	if (err == ERR_NONE)
		err = certificate_make(arena, curve, "CA4D0001", ec_point_bytes(&card.public),
				       private_of(&card_authority), &of_card);
	if (err == ERR_NONE)
		err = certificate_make(arena, curve, bytes_to_hex(arena, provider),
				       ec_point_bytes(&operator.public), private_of(&operator_authority),
				       &of_operator);
	if (err == ERR_NONE)
		err = keyset_text(arena, curve, options, &operator, of_operator, &card_authority, ret_keyset);
	if (err != ERR_NONE)
		return err;
	memcpy(scp11.private, card.private, card.size);
	memcpy(scp11.certificates, of_card.at, of_card.len);
	scp11.certificates_len = of_card.len;
	scp11.authority = operator_authority.public;
	*ret_scp11 = scp11;
	return ERR_NONE;
}
