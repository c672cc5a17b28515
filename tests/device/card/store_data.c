/* GPCS 2.3.1 11.11 STORE DATA */
#include "chip.h"

#include <cardea/tlv.h>

/* P1 */
#define LAST_BLOCK     0x80
#define ENCRYPTION     0x60
#define ENCRYPTION_RFU 0x40
#define STRUCTURE      0x18
#define STRUCTURE_DGI  0x08
#define STRUCTURE_TLV  0x10

#define DGI_TLV           0x0070
#define DGI_KEY_TEMPLATE  0x00B9
#define DGI_KEY_VALUE     0x8113
#define TAG_OWN_AID       0x4F
#define TAG_KEY_REFERENCE 0xA6
#define TAG_CERTIFICATES  0xBF21

/* What a security domain takes, and what it makes itself and so refuses. */
/* clang-format off */
static const struct storable {
	uint32_t tag;
	bool is_for_issuer, is_for_others;
} storable[] = {
	{ 0x42,        true,  true  },
	{ 0x45,        true,  true  },
	{ TAG_OWN_AID, true,  false },
	{ 0x66,        true,  true  },
	{ 0x67,        true,  false },
	{ 0x5F50,      false, true  },
	{ 0xC1,        false, false },
	{ 0xC2,        false, false },
	{ 0xD3,        false, false },
	{ 0x2F00,      false, false },
	{ 0xFF21,      false, false },
};
/* clang-format on */

struct store {
	struct call *call;
	struct entry *target;
	uint8_t format; /* P1 without the block and case bits */
	bool is_changed;
	struct card_aid new_isd_aid; /* len 0: stays as it is */
};

void personalization_end(struct personalization *personalization)
{
	gathering_end(&personalization->pending);
	wipe(personalization, sizeof(*personalization));
}

/* The order of blocks begins anew; the target stays. */
static void blocks_restart(struct personalization *personalization)
{
	struct card_aid target = personalization->target;
	personalization_end(personalization);
	personalization->target = target;
}

/* ---- a security domain's own data ---- */

static uint16_t isd_rename(struct store *store, struct bytes value)
{
	struct registry *registry = &store->call->card->registry;
	struct card_aid old = store->target->aid;
	if (!aid_read(value, &store->new_isd_aid))
		return SW_WRONG_DATA;
	const struct entry *other = registry_find(registry, value);
	if (other != NULL && other != store->target)
		return SW_CONDITIONS_OF_USE;
	for (struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		if (aid_equal(&entry->security_domain, &old))
			entry->security_domain = store->new_isd_aid;
	}
	store->target->aid = store->new_isd_aid;
	return SW_SUCCESS;
}

/* Card data are one template 73 (appendix H). */
static bool is_card_data(struct bytes value)
{
	struct reader r = reader_of(value);
	struct bytes template;
	uint32_t tag;
	return read_tlv(&r, &tag, &template) && tag == 0x73 && reader_done(&r);
}

static uint16_t security_domain_store(struct store *store, uint32_t tag, struct bytes value)
{
	struct registry *registry = &store->call->card->registry;
	bool is_issuer = store->target == registry_isd(registry);
	size_t i = 0;
	while (i < sizeof(storable) / sizeof(storable[0]) && storable[i].tag != tag)
		i++;
	if (tag == TAG_KEY_REFERENCE)
		return certificate_store_refer(store->call, store->target, value);
	if (tag == TAG_CERTIFICATES)
		return certificate_store_put(store->call, store->target, value);
	if (i == sizeof(storable) / sizeof(storable[0]))
		return SW_NO_REFERENCED_DATA;
	if (!(is_issuer ? storable[i].is_for_issuer : storable[i].is_for_others))
		return SW_WRONG_DATA;
	if (tag == TAG_OWN_AID)
		return isd_rename(store, value);
	if (tag == 0x66 && !is_card_data(value))
		return SW_WRONG_DATA;
	return entry_store(registry, store->target, tag, value) ? SW_SUCCESS : SW_MEMORY_FAILURE;
}

static uint16_t security_domain_store_all(struct store *store, struct bytes elements)
{
	struct reader r = reader_of(elements);
	struct bytes value;
	uint32_t tag;
	uint16_t sw = SW_SUCCESS;
	while (sw == SW_SUCCESS && read_tlv(&r, &tag, &value))
		sw = security_domain_store(store, tag, value);
	return sw == SW_SUCCESS && r.bad ? SW_WRONG_DATA : sw;
}

/* ---- structures ---- */

static uint16_t structure_store(struct store *store, uint32_t tag, struct bytes value)
{
	struct personalization *personalization = &store->call->channel->personalization;
	if (store->target->kind == CARD_APPLICATION)
		return applet_store(store->call, store->target, store->format, tag, value);
	if ((store->format & STRUCTURE) != STRUCTURE_DGI)
		return security_domain_store(store, tag, value);
	/* the values are to follow their announcement at once */
	if (personalization->orders_filled < personalization->order_count && tag != DGI_KEY_VALUE)
		return SW_WRONG_DATA;
	switch (tag) {
	case DGI_TLV:
		return security_domain_store_all(store, value);
	case DGI_KEY_TEMPLATE:
		return keys_announce(store->call, value);
	case DGI_KEY_VALUE:
		return keys_bring(store->call, store->target, value);
	default:
		return SW_NO_REFERENCED_DATA;
	}
}

/* DGI: two bytes, a length of one byte or FF and two, the value. [memory] for the long form */
static bool read_dgi(struct reader *r, uint32_t *ret_dgi, struct bytes *ret_value)
{
	*ret_dgi = read_u16(r);
	size_t length = read_u8(r);
	if (length == 0xFF)
		length = read_u16(r);
	*ret_value = read_bytes(r, length);
	return !r->bad;
}

/* Stores every structure that is whole; *ret_taken says how far that went. */
static uint16_t structures_store(struct store *store, struct bytes pending, bool is_last, size_t *ret_taken)
{
	bool is_application = store->target->kind == CARD_APPLICATION;
	bool is_dgi = (store->format & STRUCTURE) == STRUCTURE_DGI;
	*ret_taken = 0;
	if ((store->format & STRUCTURE) == 0 && is_application) {
		/* a format of its own: whatever came, when all is there, under the tag 0 */
		*ret_taken = is_last ? pending.len : 0;
		store->is_changed = is_last;
		return is_last ? structure_store(store, 0, pending) : SW_SUCCESS;
	}
	struct reader r = reader_of(pending);
	struct bytes value;
	uint32_t tag;
	while (reader_left(&r) > 0 && (is_dgi ? read_dgi(&r, &tag, &value) : read_tlv(&r, &tag, &value))) {
		uint16_t sw = structure_store(store, tag, value);
		if (sw != SW_SUCCESS)
			return sw;
		store->is_changed = true;
		*ret_taken = pending.len - reader_left(&r);
	}
	return SW_SUCCESS;
}

static uint16_t block_check(const struct personalization *personalization, const struct command *command)
{
	uint8_t p1 = command->p1;
	if ((p1 & ENCRYPTION) == ENCRYPTION_RFU || (p1 & STRUCTURE) == STRUCTURE)
		return SW_WRONG_P1P2;
	if (command->p2 != personalization->next_block)
		return SW_WRONG_P1P2;
	if (personalization->next_block > 0 && (p1 & (ENCRYPTION | STRUCTURE)) != personalization->format)
		return SW_WRONG_P1P2;
	return SW_SUCCESS;
}

/* After the new name is durable, whoever has the ISD selected knows it by that name. */
static void channels_rename(struct card *card, const struct card_aid *old, const struct card_aid *new)
{
	for (size_t i = 0; i < CARD_CHANNELS_MAX; i++) {
		struct channel *channel = &card->channels[i];
		if (channel->is_open && aid_equal(&channel->selected, old))
			channel->selected = *new;
		if (aid_equal(&channel->session.key_owner, old))
			channel->session.key_owner = *new;
		if (aid_equal(&channel->load.security_domain, old))
			channel->load.security_domain = *new;
	}
}

static uint16_t block_store(struct store *store, bool is_last)
{
	struct card *card = store->call->card;
	struct personalization *personalization = &store->call->channel->personalization;
	struct card_aid isd_aid = registry_isd(&card->registry)->aid;
	size_t taken;
	enum err err = gathering_add(&personalization->pending, store->call->command.data, STORE_DATA_MAX);
	if (err != ERR_NONE)
		return err == ERR_LIMIT ? SW_NO_MEMORY : SW_MEMORY_FAILURE;
	struct bytes pending = gathering_bytes(&personalization->pending);
	uint16_t sw = structures_store(store, pending, is_last, &taken);
	if (sw == SW_SUCCESS && is_last &&
	    (taken != pending.len || personalization->orders_filled < personalization->order_count))
		sw = SW_WRONG_DATA; /* the rest of something never came */
	if (sw == SW_SUCCESS && store->is_changed && !card_has_room(card, 0, 0))
		sw = SW_NO_MEMORY;
	if (sw != SW_SUCCESS)
		return state_restore(card, NULL) == ERR_NONE ? sw : SW_MEMORY_FAILURE;
	if (store->is_changed)
		sw = state_commit(card);
	if (sw == SW_SUCCESS && store->new_isd_aid.len > 0)
		channels_rename(card, &isd_aid, &store->new_isd_aid);
	if (sw == SW_SUCCESS && gathering_drop(&personalization->pending, taken) != ERR_NONE)
		sw = SW_MEMORY_FAILURE;
	return sw;
}

uint16_t store_data(struct call *call)
{
	struct personalization *personalization = &call->channel->personalization;
	bool is_last = (call->command.p1 & LAST_BLOCK) != 0;
	uint16_t sw = block_check(personalization, &call->command);
	struct store store = { .call = call, .target = call->selected };
	store.format = call->command.p1 & (ENCRYPTION | STRUCTURE);
	personalization->format = store.format;
	if (personalization->target.len > 0)
		store.target = registry_find(&call->card->registry, aid_bytes(&personalization->target));
	if (sw == SW_SUCCESS && store.target == NULL)
		sw = SW_NO_REFERENCED_DATA; /* deleted meanwhile on another channel */
	if (sw == SW_SUCCESS)
		sw = block_store(&store, is_last);
	if (sw != SW_SUCCESS)
		blocks_restart(personalization);
	else if (is_last)
		personalization_end(personalization);
	else
		personalization->next_block++;
	return sw;
}
