/* GPCS 2.3.1 9.1.3 and C.4, C.5: one security domain lets another change the content of the card by tokens,
 * and gets receipts for it. Which status words a refusal has the specification leaves open: 6985 where
 * something is missing, 6982 where a signature does not fit, is a choice of ours. */
#include "chip.h"

#include <cardea/tlv.h>

#include "signatures.h"

#define CONFIRMATIONS_MAX UINT16_MAX /* never wraps */

bool is_delegated(const struct entry *security_domain)
{
	return (security_domain->privileges &
		(PRIVILEGE_AUTHORIZED_MANAGEMENT | PRIVILEGE_DELEGATED_MANAGEMENT)) ==
	       PRIVILEGE_DELEGATED_MANAGEMENT;
}

/* NULL when nobody generates receipts. */
static struct entry *receipt_maker(const struct registry *registry)
{
	struct entry *maker = registry_holder(registry, PRIVILEGE_RECEIPT_GENERATION);
	return (maker->privileges & PRIVILEGE_RECEIPT_GENERATION) != 0 ? maker : NULL;
}

/* C.1.1.2: without its key the change fails before it is made. */
static uint16_t receipt_check(const struct registry *registry)
{
	const struct entry *maker = receipt_maker(registry);
	bool is_able = maker == NULL || (entry_key_of_version(maker, RECEIPT_KEYS) != NULL &&
					 maker->confirmation_counter < CONFIRMATIONS_MAX);
	return is_able ? SW_SUCCESS : SW_CONDITIONS_OF_USE;
}

/* B6 may say by whose key the token is to be verified: it has to be that one. */
static bool reference_fits(const struct entry *verifier, struct bytes reference)
{
	static const uint32_t tags[] = { 0x42, 0x45 };
	struct bytes value;
	for (size_t i = 0; i < 2; i++) {
		const struct data_object *own = entry_object(verifier, tags[i]);
		if (tlv_find(reference, tags[i], &value) == ERR_NONE &&
		    (own == NULL || !bytes_equal(own->value, value)))
			return false;
	}
	return true;
}

static uint16_t token_verify(struct call *call, const struct token *token)
{
	const struct registry *registry = &call->card->registry;
	const struct entry *verifier = registry_holder(registry, PRIVILEGE_TOKEN_VERIFICATION);
	const struct card_key *key = entry_key_of_version(verifier, TOKEN_KEYS);
	struct builder b = builder_in(call->card->scratch);
	struct bytes input;
	if (token->signature.len == 0 || key == NULL ||
	    (verifier->privileges & PRIVILEGE_TOKEN_VERIFICATION) == 0)
		return SW_CONDITIONS_OF_USE;
	if (!reference_fits(verifier, token->reference))
		return SW_WRONG_DATA;
	build_u8(&b, call->command.p1);
	build_u8(&b, call->command.p2);
	if (token->fields.len > 255)
		build_u24(&b, (uint32_t)token->fields.len);
	else
		build_u8(&b, (uint8_t)token->fields.len);
	build_bytes(&b, token->fields);
	if (builder_bytes(&b, &input) != ERR_NONE)
		return SW_MEMORY_FAILURE;
	return key_verifies(key, call->card->scratch, input, token->signature) ? SW_SUCCESS
									       : SW_SECURITY_STATUS;
}

uint16_t token_check(struct call *call, const struct token *token)
{
	/* a token has no place where the security domain's provider manages its own content (11.5.2.3.1) */
	if (!is_delegated(call->selected))
		return token->signature.len == 0 ? SW_SUCCESS : SW_WRONG_DATA;
	uint16_t sw = token_verify(call, token);
	return sw == SW_SUCCESS ? receipt_check(&call->card->registry) : sw;
}

size_t token_digest_size(const struct registry *registry)
{
	return key_digest_size(
		entry_key_of_version(registry_holder(registry, PRIVILEGE_TOKEN_VERIFICATION), TOKEN_KEYS));
}

/* ---- receipts ---- */

/* Counter, unique data (IIN and CIN of the one that confirms), identifier of the token. */
static void build_confirmation_data(struct builder *b, const struct entry *maker,
				    struct bytes token_identifier)
{
	const struct data_object *iin = entry_object(maker, 0x42), *cin = entry_object(maker, 0x45);
	build_u8(b, 2);
	build_u16(b, maker->confirmation_counter);
	build_u8(b, (uint8_t)((iin == NULL ? 0 : iin->value.len) + (cin == NULL ? 0 : cin->value.len)));
	if (iin != NULL)
		build_bytes(b, iin->value);
	if (cin != NULL)
		build_bytes(b, cin->value);
	if (token_identifier.len > 0)
		build_lv(b, token_identifier);
}

static enum err receipt_make(struct call *call, const struct entry *maker, struct bytes data,
			     const struct receipt_fields *fields, struct bytes *ret_receipt)
{
	struct builder b = builder_in(call->card->scratch);
	struct bytes input;
	build_bytes(&b, data);
	for (size_t i = 0; i < fields->count; i++)
		build_lv(&b, fields->at[i]);
	if (fields->has_parameters) {
		build_ber_length(&b, fields->parameters.len);
		build_bytes(&b, fields->parameters);
	}
	enum err err = builder_bytes(&b, &input);
	if (err != ERR_NONE)
		return err;
	err = key_sign(entry_key_of_version(maker, RECEIPT_KEYS), call->card->scratch, input, ret_receipt);
	if (err == ERR_NONE && call->card->settings.misbehaviour.has_wrong_receipt)
		((uint8_t *)(uintptr_t)ret_receipt->at)[0] ^= 0x01;
	return err;
}

enum err confirmation_make(struct call *call, const struct receipt_fields *fields,
			   struct bytes *ret_confirmation)
{
	struct builder data = builder_in(call->card->scratch), b = builder_in(call->card->scratch);
	struct entry *maker = receipt_maker(&call->card->registry);
	struct bytes data_bytes, receipt;
	*ret_confirmation = bytes_of(NULL, 0);
	if (!is_delegated(call->selected) || maker == NULL)
		return ERR_NONE;
	if (!call->card->settings.misbehaviour.repeats_receipts)
		maker->confirmation_counter++;
	build_confirmation_data(&data, maker, fields->token_identifier);
	enum err err = builder_bytes(&data, &data_bytes);
	if (err == ERR_NONE)
		err = receipt_make(call, maker, data_bytes, fields, &receipt);
	if (err != ERR_NONE)
		return err;
	build_ber_length(&b, receipt.len);
	build_bytes(&b, receipt);
	build_bytes(&b, data_bytes);
	return builder_bytes(&b, ret_confirmation);
}

uint16_t change_end(struct call *call, const struct receipt_fields *fields)
{
	struct bytes confirmation;
	enum err err = confirmation_make(call, fields, &confirmation);
	uint16_t sw = err == ERR_NONE ? state_commit(call->card) : SW_MEMORY_FAILURE;
	if (err != ERR_NONE && state_restore(call->card, NULL) != ERR_NONE)
		return SW_MEMORY_FAILURE;
	build_ber_length(call->answer, confirmation.len);
	build_bytes(call->answer, confirmation);
	return sw;
}
