/* What tests ask the card without an APDU. */
#include "chip.h"

struct bytes card_atr(const struct card *card)
{
	return bytes_of(card->atr, card->atr_len);
}

void card_misbehave(struct card *card, const struct card_misbehaviour *misbehaviour)
{
	card->settings.misbehaviour = *misbehaviour;
}

bool card_find(const struct card *card, struct bytes aid, struct card_object *ret_object)
{
	const struct entry *entry = registry_find(&card->registry, aid);
	if (entry == NULL)
		return false;
	if (ret_object == NULL)
		return true;
	*ret_object = (struct card_object){
		.kind = entry->kind,
		.life_cycle = entry->life_cycle,
		.privileges = entry->privileges,
		.security_domain = entry->security_domain,
		.load_file = entry->load_file,
		.services = entry->services,
		.restrictions = entry->restrictions,
	};
	memcpy(ret_object->block_sha256, entry->block_sha256, SHA256_SIZE);
	return true;
}

size_t card_object_count(const struct card *card, enum card_object_kind kind)
{
	size_t count = 0;
	for (const struct entry *entry = card->registry.entries; entry != NULL; entry = entry->next)
		count += entry->kind == kind;
	return count;
}

bool card_stored_data(const struct card *card, struct bytes aid, uint32_t tag, struct bytes *ret_value)
{
	const struct entry *entry = registry_find(&card->registry, aid);
	const struct data_object *object = entry == NULL ? NULL : entry_object(entry, tag);
	if (object == NULL)
		return false;
	*ret_value = object->value;
	return true;
}

bool card_sequence_counter(const struct card *card, struct bytes security_domain, uint8_t key_version,
			   uint32_t *ret_counter)
{
	const struct entry *entry = registry_find(&card->registry, security_domain);
	const struct key_version *version = entry == NULL ? NULL : entry->key_versions;
	for (; version != NULL; version = version->next) {
		if (version->version == key_version) {
			*ret_counter = version->sequence_counter;
			return true;
		}
	}
	return false;
}

void card_cut_power_after(struct card *card, unsigned writes)
{
	card->writes_to_cut = writes;
}

unsigned card_write_count(const struct card *card)
{
	return card->write_count;
}
