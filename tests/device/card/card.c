/* The card as it leaves the factory, switched on and off. */
#include "card.h"

#include "chip.h"
#include "file_system.h"

#include <stdlib.h>
#include <utlist.h>

static const uint8_t default_key[16] = { 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
					 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F };
static const uint8_t default_iin[] = { 0x42, 0x60, 0x00, 0x01 };
static const uint8_t default_cin[] = { 0xCA, 0x4D, 0xEA, 0x00, 0x00, 0x00, 0x00, 0x01 };
static const uint8_t default_cplc[42] = { 0x47, 0x90, 0x50, 0x40, 0x47, 0x91, 0x81, 0x02, 0x31, 0x00, 0x83,
					  0x58, 0x00, 0x00, 0x00, 0x01, 0x91, 0x92, 0x48, 0x12, 0x83, 0x59 };
/* Its historical bytes say: four logical channels, numbered by the card; then its name. */
static const uint8_t default_atr[] = { 0x3B, 0x8F, 0x80, 0x01, 0x80, 0x73, 0x80, 0x00, 0x13, 0x59,
				       'C',  'a',  'r',  'd',  'e',  'a',  'S',  'i',  'm',  0x50 };

/* The load file of the mask that supplementary security domains come from (AIDs of GlobalPlatform). */
static const struct card_aid mask_load_file = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50 }, 7 };
static const struct card_aid mask_module = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41 }, 8 };

struct card_settings card_settings_default(void)
{
	struct card_settings settings = {
		.isd_aid = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 }, 8 },
		.keys = { .version = 0x30 },
		.diversification_data = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09 },
		.life_cycle = CARD_SECURED,
		.iin = bytes_of(default_iin, sizeof(default_iin)),
		.cin = bytes_of(default_cin, sizeof(default_cin)),
		.cplc = bytes_of(default_cplc, sizeof(default_cplc)),
		.scp03_options = CARD_I_PSEUDO_RANDOM | CARD_I_RMAC | CARD_I_RENC,
		.atr = bytes_of(default_atr, sizeof(default_atr)),
		.channel_count = 4,
		.nonvolatile_bytes = 92 << 10,
		.volatile_bytes = 2 << 10,
		.status_answer_bytes = 223,
		.authentication_tries = 10,
	};
	struct secret *keys[] = { &settings.keys.enc, &settings.keys.mac, &settings.keys.dek };
	for (size_t i = 0; i < 3; i++) {
		memcpy(keys[i]->at, default_key, sizeof(default_key));
		keys[i]->len = sizeof(default_key);
	}
	return settings;
}

static bool files_fit(const struct card_settings *settings)
{
	for (size_t i = 0; i < settings->file_count; i++) {
		if (settings->files[i].id == 0 || settings->files[i].content.len > CARD_FILE_MAX)
			return false;
	}
	return true;
}

/* GPCS E.1.1. With implicit initiation there is no R-MAC here: it would need BEGIN R-MAC SESSION. */
static bool scp02_options_fit(uint8_t options)
{
	const uint8_t implicit = CARD_SCP02_UNMODIFIED | CARD_SCP02_ICV_OVER_AID;
	if ((options & CARD_SCP02_EXPLICIT) != 0)
		return (options & (0x80 | CARD_SCP02_ICV_OVER_AID)) == 0;
	return (options & implicit) == implicit &&
	       (options & (0x80 | CARD_SCP02_RMAC | CARD_SCP02_PSEUDO_RANDOM)) == 0;
}

static enum err settings_check(const struct card_settings *s, struct fault *fault)
{
	const struct card_key_set *keys = &s->keys;
	size_t key_len = keys->enc.len;
	const uint8_t known = CARD_I_S16 | CARD_I_PSEUDO_RANDOM | CARD_I_RMAC | CARD_I_RENC;
	const struct {
		bool is_right;
		const char *what;
	} checks[] = {
		{ s->isd_aid.len >= 5 && s->isd_aid.len <= CARD_AID_MAX, "isd_aid: 5 to 16 bytes" },
		{ keys->version >= 0x01 && keys->version <= 0x7F, "keys.version: 01 to 7F" },
		{ key_len == 16 || key_len == 24 || key_len == 32, "keys: AES keys of 16, 24 or 32 bytes" },
		{ keys->mac.len == key_len && keys->dek.len == key_len, "keys: all of one length" },
		{ s->life_cycle == CARD_OP_READY || s->life_cycle == CARD_INITIALIZED ||
			  s->life_cycle == CARD_SECURED,
		  "life_cycle: 01, 07 or 0F" },
		{ s->iin.len <= UINT8_MAX && s->cin.len <= UINT8_MAX, "iin, cin: at most 255 bytes" },
		{ s->cplc.len == 0 || s->cplc.len == 42, "cplc: 42 bytes" },
		{ (s->scp03_options & ~known) == 0 &&
			  ((s->scp03_options & CARD_I_RENC) == 0 || (s->scp03_options & CARD_I_RMAC) != 0),
		  "scp03_options: not a combination of Amd D table 5-1" },
		{ s->scp02_options == 0 || (scp02_options_fit(s->scp02_options) && key_len == 16),
		  "scp02_options: explicit initiation, or implicit with 0A and neither 20 nor 40; keys of 16 "
		  "bytes" },
		{ s->atr.len <= 33, "atr: at most 33 bytes" },
		{ s->channel_count >= 1 && s->channel_count <= CARD_CHANNELS_MAX, "channel_count: 1 to 20" },
		{ s->status_answer_bytes >= 64 && s->status_answer_bytes <= 239,
		  "status_answer_bytes: 64 to 239" },
		{ s->authentication_tries <= UINT8_MAX, "authentication_tries: at most 255" },
		{ strnlen(s->pin, sizeof(s->pin)) <= CARD_PIN_MAX, "pin: at most 8 digits" },
		{ files_fit(s), "files: an identifier, and at most 32 KiB" },
	};
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!checks[i].is_right)
			return fault_set(fault, ERR_MALFORMED, "card settings: %s", checks[i].what);
	}
	return ERR_NONE;
}

static bool factory_keys(struct registry *registry, struct entry *isd, uint8_t type,
			 const struct card_key_set *set)
{
	const struct secret *values[] = { &set->enc, &set->mac, &set->dek };
	for (uint8_t i = 0; i < 3; i++) {
		struct key_component *component = component_create(registry, type, secret_bytes(values[i]));
		if (component == NULL ||
		    !entry_add_key(registry, isd, set->version, (uint8_t)(i + 1), component))
			return false;
	}
	return true;
}

static bool factory_extra_key(struct registry *registry, const struct card_extra_key *key)
{
	struct entry *entry = key->domain.len == 0 ? registry_isd(registry)
						   : registry_find(registry, aid_bytes(&key->domain));
	struct key_component *components = NULL;
	for (size_t i = 0; i < CARD_KEY_COMPONENTS && key->components[i].type != 0; i++) {
		struct key_component *component =
			component_create(registry, key->components[i].type, key->components[i].value);
		if (component == NULL)
			return false;
		LL_APPEND(components, component);
	}
	return entry != NULL && components != NULL &&
	       entry_add_key(registry, entry, key->version, key->id, components);
}

static enum err factory_domains(struct registry *registry, const struct card_settings *s)
{
	for (size_t i = 0; i < s->domain_count; i++) {
		const struct card_domain *domain = &s->domains[i];
		struct entry entry = {
			.kind = CARD_SECURITY_DOMAIN,
			.aid = domain->aid,
			.life_cycle = LIFE_PERSONALIZED,
			.security_domain = s->isd_aid,
			.load_file = mask_load_file,
			.module = mask_module,
		};
		if (!registry_may_give(registry, domain->privileges, true, NULL))
			return ERR_MALFORMED;
		struct entry *added = registry_add(registry, &entry);
		if (added == NULL || (domain->keys.version != 0 &&
				      !factory_keys(registry, added, KEY_TYPE_AES, &domain->keys)))
			return ERR_NOMEM;
		registry_give(registry, added, domain->privileges);
	}
	for (size_t i = 0; i < s->extra_key_count; i++) {
		if (!factory_extra_key(registry, &s->extra_keys[i]))
			return ERR_MALFORMED;
	}
	return ERR_NONE;
}

/* A registry as nobody has changed it yet; made durable by the caller. */
static enum err factory_registry(struct card *card)
{
	const struct card_settings *s = &card->settings;
	struct registry *registry = &card->registry;
	struct entry isd = {
		.kind = CARD_SECURITY_DOMAIN,
		.aid = s->isd_aid,
		.life_cycle = s->life_cycle,
		.privileges = ISD_PRIVILEGES,
		.security_domain = s->isd_aid,
	};
	struct entry mask = {
		.kind = CARD_LOAD_FILE,
		.aid = mask_load_file,
		.life_cycle = LIFE_LOADED,
		.security_domain = s->isd_aid,
		.version = 0x0100,
	};
	registry->arena = arena_create(0);
	struct entry *entry = registry->arena == NULL ? NULL : registry_add(registry, &isd);
	struct bytes diversification = bytes_of(s->diversification_data, sizeof(s->diversification_data));
	bool is_whole =
		entry != NULL && entry_store(registry, entry, 0xCF, diversification) &&
		entry_store(registry, entry, 0x42, s->iin) && entry_store(registry, entry, 0x45, s->cin) &&
		(s->cplc.len == 0 || entry_store(registry, entry, 0x9F7F, s->cplc)) &&
		factory_keys(registry, entry, s->scp02_options != 0 ? KEY_TYPE_DES : KEY_TYPE_AES, &s->keys);
	if (is_whole) {
		mask.modules = arena_alloc(registry->arena, sizeof(*mask.modules));
		is_whole = mask.modules != NULL && registry_add(registry, &mask) != NULL;
	}
	if (!is_whole)
		return ERR_NOMEM;
	mask.modules->aid = mask_module;
	return factory_domains(registry, s);
}

static enum err files_bring(struct card *card, struct fault *fault)
{
	bool is_changed;
	if (!files_install(&card->registry, &card->settings, &mask_load_file, &is_changed))
		return ERR_NOMEM;
	bool is_new = false;
	if (card->settings.has_uicc && !uicc_install(&card->registry, &mask_load_file, &is_new))
		return ERR_NOMEM;
	if ((is_changed || is_new) && state_commit(card) != SW_SUCCESS)
		return fault_set(fault, ERR_IO, "the files of the card cannot be written");
	return ERR_NONE;
}

enum err card_open(const char *state_path, const struct card_settings *settings, struct card **ret_card,
		   struct fault *fault)
{
	enum err err = settings_check(settings, fault);
	if (err != ERR_NONE)
		return err;
	struct card *card = calloc(1, sizeof(*card));
	if (card == NULL)
		return ERR_NOMEM;
	card->settings = *settings;
	card->atr_len = settings->atr.len;
	if (card->atr_len > 0)
		memcpy(card->atr, settings->atr.at, card->atr_len);
	card->scratch = arena_create(0);
	card->state_path = state_path == NULL ? NULL : strdup(state_path);
	err = card->scratch == NULL || (state_path != NULL && card->state_path == NULL) ? ERR_NOMEM
											: ERR_NOT_FOUND;
	if (err == ERR_NOT_FOUND && state_path != NULL)
		err = state_load(card, fault);
	if (err == ERR_NOT_FOUND) {
		err = factory_registry(card);
		if (err == ERR_NONE && state_commit(card) != SW_SUCCESS)
			err = fault_set(fault, ERR_IO, "%s: cannot be written",
					state_path == NULL ? "memory" : state_path);
	}
	if (err == ERR_NONE)
		err = files_bring(card, fault);
	if (err != ERR_NONE) {
		card_close(card);
		return err;
	}
	/* borrowed, and secret: the registry has its own copies */
	card->settings.files = NULL;
	card->settings.domains = NULL;
	card->settings.extra_keys = NULL;
	card->settings.iin = card->settings.cin = card->settings.cplc = card->settings.atr =
		bytes_of(NULL, 0);
	wipe(&card->settings.keys, sizeof(card->settings.keys));
	card->write_count = 0;
	card_power_up(card);
	*ret_card = card;
	return ERR_NONE;
}

void card_close(struct card *card)
{
	if (card == NULL)
		return;
	card_power_down(card);
	arena_free(card->registry.arena);
	arena_free(card->scratch);
	state_forget(card);
	free(card->state_path);
	wipe(card, sizeof(*card));
	free(card);
}

enum err card_reset(struct card *card)
{
	card->writes_to_cut = 0;
	enum err err = state_restore(card, NULL);
	if (err != ERR_NONE)
		return err;
	card->has_no_power = false;
	card_power_up(card);
	return ERR_NONE;
}
