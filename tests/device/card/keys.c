/* GPCS 2.3.1 11.8 PUT KEY, 11.2.2.3.2 DELETE [key], 11.11.4 key loading by STORE DATA; Amd D 6.2.8 for the
 * ciphering */
#include "chip.h"

#include <cardea/tlv.h>
#include <utlist.h>

#define MULTIPLE_KEYS    0x80 /* P2 */
#define KEY_ID_MAX       0x7F
#define KEY_VERSION_MAX  0x7F
#define EXTENDED_FORMAT  0xFF
#define CHECK_VALUE_SIZE 3
#define KEYS_MAX         16 /* of one command */

/* GPCS 2.3.1 table 11-16, what this card takes of it */
/* clang-format off */
static const struct key_type {
	uint8_t type;
	bool is_secret;
	bool has_check_value;   /* AES and DES; GPCS B.6 */
	uint8_t lengths[3];     /* 0 0 0: any */
} key_types[] = {
	{ KEY_TYPE_DES,                 true,  true,  { 16, 24, 24 } },
	{ KEY_TYPE_PSK,                 true,  false, { 0 }          },
	{ KEY_TYPE_AES,                 true,  true,  { 16, 24, 32 } },
	{ 0xA0,                         false, false, { 0 }          },
	{ 0xA1,                         false, false, { 0 }          },
	{ 0xA2,                         true,  false, { 0 }          },
	{ 0xA3,                         true,  false, { 0 }          },
	{ 0xA4,                         true,  false, { 0 }          },
	{ 0xA5,                         true,  false, { 0 }          },
	{ 0xA6,                         true,  false, { 0 }          },
	{ 0xA7,                         true,  false, { 0 }          },
	{ 0xA8,                         true,  false, { 0 }          },
	{ KEY_TYPE_ECC_PUBLIC,          false, false, { 0 }          },
	{ KEY_TYPE_ECC_PRIVATE,         true,  false, { 0 }          },
	{ KEY_TYPE_PARAMETER_REFERENCE, false, false, { 1, 2, 2 }    },
};
/* clang-format on */

static const struct key_type *key_type_find(uint8_t type)
{
	for (size_t i = 0; i < sizeof(key_types) / sizeof(key_types[0]); i++) {
		if (key_types[i].type == type)
			return &key_types[i];
	}
	return NULL;
}

static bool length_fits(const struct key_type *type, size_t len)
{
	if (type->lengths[0] == 0)
		return len > 0;
	return len == type->lengths[0] || len == type->lengths[1] || len == type->lengths[2];
}

static uint16_t check_value_verify(uint8_t type, struct bytes key, struct bytes check_value)
{
	static const uint8_t ones[AES_BLOCK] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const uint8_t zeros[DES_BLOCK];
	uint8_t block[AES_BLOCK];
	enum err err = type == KEY_TYPE_AES ? aes_ecb_encrypt(key, bytes_of(ones, sizeof(ones)), block)
					    : des3_ecb_encrypt(key, bytes_of(zeros, sizeof(zeros)), block);
	if (err != ERR_NONE)
		return SW_MEMORY_FAILURE;
	return bytes_equal(check_value, bytes_of(block, CHECK_VALUE_SIZE)) ? SW_SUCCESS : SW_SECURITY_STATUS;
}

/* ---- the data field of PUT KEY ---- */

struct new_key {
	struct key_component *components;
	struct bytes check_value;
};

/* BER, except that 128 may stand alone as 80. */
static size_t read_block_length(struct reader *r)
{
	if (peek_u8(r) != 0x80)
		return read_ber_length(r);
	read_u8(r);
	return 128;
}

static size_t cipher_block(const struct session *session)
{
	return session->is_scp02 ? DES_BLOCK : AES_BLOCK;
}

/* Tables 11-70 and 11-71: a block that is not of whole cipher blocks begins with the length of the value. */
static bool component_decrypt(struct call *call, struct bytes block, struct bytes *ret_value)
{
	struct reader r = reader_of(block);
	size_t len = block.len, cipher = cipher_block(&call->channel->session);
	if (block.len % cipher != 0)
		len = read_block_length(&r);
	struct bytes ciphered = read_rest(&r), plain;
	if (r.bad || len > ciphered.len || ciphered.len - len >= cipher ||
	    session_decrypt(&call->channel->session, call->card->scratch, ciphered, &plain) != ERR_NONE)
		return false;
	*ret_value = bytes_first(plain, len);
	return true;
}

static bool component_read(struct call *call, struct reader *r, bool is_extended, struct key_component **list)
{
	if (is_extended && read_u8(r) != EXTENDED_FORMAT)
		return false;
	const struct key_type *type = key_type_find(read_u8(r));
	struct bytes value = read_bytes(r, read_block_length(r));
	if (r->bad || type == NULL || (type->is_secret && !component_decrypt(call, value, &value)) ||
	    !length_fits(type, value.len))
		return false;
	struct key_component *component = component_create(&call->card->registry, type->type, value);
	if (component == NULL)
		return false;
	LL_APPEND(*list, component);
	return true;
}

/* Tables 11-68 and 11-69. Types are above 7F and the length of the check value below, so both are told apart.
 */
static bool key_read(struct call *call, struct reader *r, struct new_key *ret_key)
{
	struct key_component *components = NULL;
	bool is_extended = peek_u8(r) == EXTENDED_FORMAT;
	do {
		if (!component_read(call, r, is_extended, &components))
			return false;
	} while (peek_u8(r) > 0x7F);
	ret_key->components = components;
	ret_key->check_value = read_lv(r);
	if (is_extended) {
		read_lv(r); /* key usage */
		read_lv(r); /* key access */
	}
	return !r->bad;
}

/* Secret keys come alone; keys in parts (ECC, RSA) have no check value. */
static uint16_t key_check(const struct new_key *key)
{
	const struct key_component *first = key->components;
	const struct key_type *type = key_type_find(first->type);
	if (type->has_check_value) {
		if (first->next != NULL || key->check_value.len != CHECK_VALUE_SIZE)
			return SW_WRONG_DATA;
		return check_value_verify(first->type, first->value, key->check_value);
	}
	for (const struct key_component *part = first; part != NULL; part = part->next) {
		if (key_type_find(part->type)->has_check_value)
			return SW_WRONG_DATA;
	}
	if (key->check_value.len != 0)
		return SW_WRONG_DATA;
	if (first->type == KEY_TYPE_ECC_PUBLIC && first->value.at[0] != 0x04)
		return SW_WRONG_DATA; /* not an uncompressed point */
	return SW_SUCCESS;
}

/* ---- PUT KEY ---- */

static bool has_same_shape(const struct key_component *a, const struct key_component *b)
{
	while (a != NULL && b != NULL && a->type == b->type && a->value.len == b->value.len) {
		a = a->next;
		b = b->next;
	}
	return a == NULL && b == NULL;
}

/* Puts one key in the place of (`replaced`, id), or anew with `replaced` 0. */
static uint16_t key_put(struct registry *registry, struct entry *entry, uint8_t replaced, uint8_t version,
			uint8_t id, struct key_component *components)
{
	struct card_key *old = replaced == 0 ? NULL : entry_key(entry, replaced, id);
	if (replaced != 0 && old == NULL)
		return SW_NO_REFERENCED_DATA;
	if (replaced != version && entry_key(entry, version, id) != NULL)
		return SW_WRONG_DATA;
	if (old != NULL && !has_same_shape(old->components, components))
		return SW_WRONG_DATA;
	certificate_store_remove(entry, id, replaced);
	if (old != NULL && replaced == version) {
		old->components = components;
		return SW_SUCCESS;
	}
	if (old != NULL)
		entry_remove_key(entry, old);
	return entry_add_key(registry, entry, version, id, components) ? SW_SUCCESS : SW_MEMORY_FAILURE;
}

/* Amd D 6.2.2.1: a key set that is new as a whole counts from 0. */
static void counters_restart(struct entry *entry, uint8_t version, uint8_t first_id, size_t count)
{
	struct key_version *counters = entry_key_version(entry, version);
	if (first_id > 1 || first_id + count < 4)
		return;
	counters->sequence_counter = 0;
	counters->failures = 0;
}

static uint16_t keys_read(struct call *call, struct reader *r, struct new_key *keys, size_t *ret_count)
{
	size_t count = 0;
	while (reader_left(r) > 0) {
		if (count == KEYS_MAX || !key_read(call, r, &keys[count]))
			return SW_WRONG_DATA;
		uint16_t sw = key_check(&keys[count]);
		if (sw != SW_SUCCESS)
			return sw;
		count++;
	}
	*ret_count = count;
	return count == 0 || r->bad ? SW_WRONG_DATA : SW_SUCCESS;
}

static uint16_t keys_put(struct call *call, uint8_t version, const struct new_key *keys, size_t count)
{
	struct registry *registry = &call->card->registry;
	uint8_t id = call->command.p2 & KEY_ID_MAX;
	for (size_t i = 0; i < count; i++) {
		uint16_t sw = key_put(registry, call->selected, call->command.p1, version, (uint8_t)(id + i),
				      keys[i].components);
		if (sw != SW_SUCCESS)
			return sw;
	}
	counters_restart(call->selected, version, id, count);
	return card_has_room(call->card, 0, 0) ? SW_SUCCESS : SW_NO_MEMORY;
}

/* All keys or none: what was begun is taken back from the durable image. */
static uint16_t commit_or_restore(struct card *card, uint16_t sw)
{
	if (sw == SW_SUCCESS)
		return state_commit(card);
	return state_restore(card, NULL) == ERR_NONE ? sw : SW_MEMORY_FAILURE;
}

uint16_t put_key(struct call *call)
{
	const struct command *command = &call->command;
	struct reader r = reader_of(command->data);
	struct new_key keys[KEYS_MAX];
	size_t count = 0;
	uint8_t version = read_u8(&r);
	uint8_t first_id = command->p2 & KEY_ID_MAX;
	if (version == 0 || version > KEY_VERSION_MAX)
		return SW_WRONG_DATA;
	uint16_t sw = keys_read(call, &r, keys, &count);
	if (sw != SW_SUCCESS)
		return sw;
	if ((count > 1 && (command->p2 & MULTIPLE_KEYS) == 0) || first_id + count - 1 > KEY_ID_MAX)
		return SW_WRONG_P1P2;
	for (size_t i = 0; i < count && sw == SW_SUCCESS; i++) {
		if (is_scp11_key((uint8_t)(first_id + i)))
			sw = scp11_key_check(call, (uint8_t)(first_id + i), keys[i].components);
	}
	if (sw != SW_SUCCESS)
		return sw;
	build_u8(call->answer, version);
	for (size_t i = 0; i < count; i++)
		build_bytes(call->answer, keys[i].check_value);
	return commit_or_restore(call->card, keys_put(call, version, keys, count));
}

/* ---- DELETE [key] ---- */

uint16_t delete_keys(struct call *call, int id, int version)
{
	struct entry *entry = call->selected;
	struct card_key *next;
	bool had_key_set = has_key_set(entry), is_found = false;
	if (call->channel->session.is_replayable)
		return SW_CONDITIONS_OF_USE; /* Amd F 4.6 */
	for (struct card_key *key = entry->keys; key != NULL; key = next) {
		next = key->next;
		if ((id >= 0 && key->id != id) || (version >= 0 && key->version != version))
			continue;
		certificate_store_remove(entry, key->id, key->version);
		entry_remove_key(entry, key);
		is_found = true;
	}
	uint16_t sw = is_found ? SW_SUCCESS : SW_NO_REFERENCED_DATA;
	/* the issuer's last key set stays: without it nobody would get in again */
	if (entry == registry_isd(&call->card->registry) && had_key_set && !has_key_set(entry))
		sw = SW_CONDITIONS_OF_USE;
	return commit_or_restore(call->card, sw);
}

/* ---- keys by STORE DATA ---- */

static bool read_number(struct bytes value, size_t max_len, uint32_t *ret_number)
{
	struct reader r = reader_of(value);
	if (value.len == 0 || value.len > max_len)
		return false;
	*ret_number = (uint32_t)read_uint(&r, value.len);
	return true;
}

/* Table 11-92, in the template of one key or, as later versions have it, in one (B7) for what all keys share.
 */
static bool order_read(struct bytes template, struct key_order *order)
{
	struct reader r = reader_of(template);
	struct bytes value;
	uint32_t tag, number = 0;
	while (read_tlv(&r, &tag, &value)) {
		bool is_right = true;
		switch (tag) {
		case 0x80:
			is_right = read_number(value, 1, &number);
			order->type = (uint8_t)number;
			break;
		case 0x81:
			is_right = read_number(value, 2, &number);
			order->len = number;
			break;
		case 0x82:
			is_right = read_number(value, 1, &number) && number <= KEY_ID_MAX;
			order->id = (uint8_t)number;
			break;
		case 0x83:
			is_right = read_number(value, 1, &number) && number <= KEY_VERSION_MAX;
			order->version = (uint8_t)number;
			break;
		case 0x84:
			is_right = value.len == CHECK_VALUE_SIZE;
			if (is_right)
				memcpy(order->check_value, value.at, CHECK_VALUE_SIZE);
			break;
		case 0x95: /* usage, access and a counter have no meaning for the few things that this card
			      does with keys */
		case 0x96:
		case 0x97:
			break;
		default:
			is_right = false;
		}
		if (!is_right)
			return false;
	}
	return reader_done(&r);
}

uint16_t keys_announce(struct call *call, struct bytes templates)
{
	struct personalization *personalization = &call->channel->personalization;
	struct key_order shared = { 0 };
	struct reader r = reader_of(templates);
	struct bytes template;
	uint32_t tag;
	personalization->order_count = personalization->orders_filled = 0;
	while (read_tlv(&r, &tag, &template)) {
		struct key_order order = shared;
		if ((tag != 0xB7 && tag != 0xB9) || !order_read(template, &order))
			return SW_WRONG_DATA;
		if (tag == 0xB7) {
			shared = order;
			continue;
		}
		const struct key_type *type = key_type_find(order.type);
		if (type == NULL || !type->has_check_value || !length_fits(type, order.len) ||
		    order.version == 0 || personalization->order_count == KEY_ORDERS_MAX)
			return SW_WRONG_DATA;
		personalization->orders[personalization->order_count++] = order;
	}
	return reader_done(&r) && personalization->order_count > 0 ? SW_SUCCESS : SW_WRONG_DATA;
}

static uint16_t orders_put(struct registry *registry, struct entry *entry,
			   const struct personalization *personalization)
{
	for (size_t i = 0; i < personalization->order_count; i++) {
		const struct key_order *order = &personalization->orders[i];
		struct key_component *component =
			component_create(registry, order->type, secret_bytes(&order->value));
		uint8_t replaced = entry_key(entry, order->version, order->id) == NULL ? 0 : order->version;
		if (component == NULL)
			return SW_MEMORY_FAILURE;
		uint16_t sw = key_put(registry, entry, replaced, order->version, order->id, component);
		if (sw != SW_SUCCESS)
			return sw;
	}
	return SW_SUCCESS;
}

uint16_t keys_bring(struct call *call, struct entry *security_domain, struct bytes ciphered)
{
	struct personalization *personalization = &call->channel->personalization;
	struct bytes plain;
	if (personalization->orders_filled == personalization->order_count)
		return SW_WRONG_DATA;
	struct key_order *order = &personalization->orders[personalization->orders_filled];
	if (session_decrypt(&call->channel->session, call->card->scratch, ciphered, &plain) != ERR_NONE ||
	    plain.len < order->len || plain.len - order->len >= cipher_block(&call->channel->session) ||
	    secret_from(bytes_first(plain, order->len), &order->value) != ERR_NONE)
		return SW_WRONG_DATA;
	uint16_t sw = check_value_verify(order->type, secret_bytes(&order->value),
					 bytes_of(order->check_value, CHECK_VALUE_SIZE));
	if (sw != SW_SUCCESS || ++personalization->orders_filled < personalization->order_count)
		return sw;
	return orders_put(&call->card->registry, security_domain, personalization);
}
