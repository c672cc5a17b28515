/* GPCS 2.3.1 6.5 and 6.6: the card registry: the issuer security domain first, then security domains,
 * applications and load files in the order in which they came. */
#ifndef CARD_REGISTRY_H
#define CARD_REGISTRY_H

#include "card.h"

/* GPCS 2.3.1 table 11-3 to 11-6 */
#define LIFE_LOADED       0x01 /* load file */
#define LIFE_INSTALLED    0x03
#define LIFE_SELECTABLE   0x07
#define LIFE_PERSONALIZED 0x0F /* security domain */
#define LIFE_LOCKED       0x80 /* this bit on top of the state before */
#define CARD_OP_READY     0x01
#define CARD_INITIALIZED  0x07
#define CARD_SECURED      0x0F
#define CARD_LOCKED       0x7F
#define CARD_TERMINATED   0xFF

/* GPCS 2.3.1 table 11-7 to 11-9, byte 1 on top */
#define PRIVILEGE_SECURITY_DOMAIN       0x800000
#define PRIVILEGE_DAP_VERIFICATION      0x400000
#define PRIVILEGE_DELEGATED_MANAGEMENT  0x200000
#define PRIVILEGE_CARD_LOCK             0x100000
#define PRIVILEGE_CARD_TERMINATE        0x080000
#define PRIVILEGE_CARD_RESET            0x040000
#define PRIVILEGE_CVM_MANAGEMENT        0x020000
#define PRIVILEGE_MANDATED_DAP          0x010000 /* together with DAP verification */
#define PRIVILEGE_TRUSTED_PATH          0x008000
#define PRIVILEGE_AUTHORIZED_MANAGEMENT 0x004000
#define PRIVILEGE_TOKEN_VERIFICATION    0x002000
#define PRIVILEGE_GLOBAL_DELETE         0x001000
#define PRIVILEGE_GLOBAL_LOCK           0x000800
#define PRIVILEGE_GLOBAL_REGISTRY       0x000400
#define PRIVILEGE_FINAL_APPLICATION     0x000200
#define PRIVILEGE_GLOBAL_SERVICE        0x000100
#define PRIVILEGE_RECEIPT_GENERATION    0x000080
#define PRIVILEGE_CIPHERED_LOAD_FILE    0x000040

/* What this card gives to whom; the card capability information says the same. */
#define ISD_PRIVILEGES 0x9EFE80
#define SSD_PRIVILEGES 0xFFFFC0
#define APP_PRIVILEGES 0x1E0300

/* GPCS 2.3.1 table 11-16 */
#define KEY_TYPE_DES                 0x80
#define KEY_TYPE_PSK                 0x85
#define KEY_TYPE_AES                 0x88
#define KEY_TYPE_ECC_PUBLIC          0xB0
#define KEY_TYPE_ECC_PRIVATE         0xB1
#define KEY_TYPE_PARAMETER_REFERENCE 0xF0

struct aid_item {
	struct aid_item *next;
	struct card_aid aid;
};

struct key_component {
	struct key_component *next;
	uint8_t type;
	struct bytes value;
};

struct card_key {
	struct card_key *next;
	uint8_t id, version;
	struct key_component *components;
};

/* What all keys of one version share. */
struct key_version {
	struct key_version *next;
	uint8_t version;
	uint32_t sequence_counter; /* SCP03, 24 bits */
	uint8_t failures;          /* wrong host cryptograms in a row */
};

struct data_object {
	struct data_object *next;
	uint32_t tag;
	struct bytes value;
};

struct entry {
	struct entry *next;
	enum card_object_kind kind;
	struct card_aid aid;
	uint8_t life_cycle; /* of the ISD: the card's */
	uint32_t privileges;
	struct card_aid security_domain;
	uint32_t nonvolatile_bytes,
		volatile_bytes; /* that the load file data block takes, or that the instance reserved */

	/* applications and security domains */
	struct card_aid load_file, module;
	struct bytes implicit_selection; /* one parameter (tag CF) a byte */
	struct bytes services;           /* tag CB: two bytes each */
	uint8_t restrictions;            /* of a security domain (tag D9); of the ISD: of all of them */
	struct data_object *objects;
	struct key_version *key_versions;
	struct card_key *keys;
	uint16_t confirmation_counter; /* of the last receipt */

	/* load files */
	uint16_t version;
	uint8_t block_sha256[SHA256_SIZE];
	struct aid_item *modules, *imports;
};

/* A session of Amendment H: which load file is exchanged, how far that is, and its instances meanwhile. */
struct upgrade {
	uint8_t status; /* as the card tells it; 0: there is none */
	struct card_aid load_file, security_domain;
	struct entry *saved;
};

/* Everything hangs off the arena. Changes are made in place and last when state_commit says so. */
struct registry {
	struct arena *arena;
	struct entry *entries;
	struct upgrade upgrade;
};

bool aid_read(struct bytes bytes, struct card_aid *ret_aid); /* false unless 5 to 16 bytes */
struct bytes aid_bytes(const struct card_aid *aid);
bool aid_equal(const struct card_aid *a, const struct card_aid *b);

struct entry *registry_find(const struct registry *registry, struct bytes aid);
static inline struct entry *registry_isd(const struct registry *registry)
{
	return registry->entries;
}

/* NULL when the arena is exhausted. */
struct entry *registry_add(struct registry *registry, const struct entry *entry);
void registry_remove(struct registry *registry, struct entry *entry);

/* The security domain is associated with the entry, directly or further up the hierarchy. */
bool registry_is_above(const struct registry *registry, const struct entry *security_domain,
		       const struct entry *entry);

/* The one application with a privilege that only one can have (Card Reset, Final Application). */
struct entry *registry_holder(const struct registry *registry, uint32_t privilege);

/* GPCS 2.3.1 6.6.2: may `privileges` be given to an application, or to a security domain? `holder` has some
 * of them already (NULL: a new one). */
bool registry_may_give(const struct registry *registry, uint32_t privileges, bool is_security_domain,
		       const struct entry *holder);
/* Gives them, and takes from the ISD what only one can have. */
void registry_give(struct registry *registry, struct entry *entry, uint32_t privileges);

uint32_t registry_nonvolatile_used(const struct registry *registry);
uint32_t registry_volatile_used(const struct registry *registry);
uint32_t entry_nonvolatile_used(const struct entry *entry);

struct data_object *entry_object(const struct entry *entry, uint32_t tag);
/* Copies the value; replaces what was there. False when the arena is exhausted. */
bool entry_store(struct registry *registry, struct entry *entry, uint32_t tag, struct bytes value);

/* When it is there. */
void entry_forget(struct entry *entry, uint32_t tag);

struct key_version *entry_key_version(const struct entry *entry, uint8_t version);
struct card_key *entry_key(const struct entry *entry, uint8_t version, uint8_t id);
/* A key that is not there yet, of components in the registry's arena; a version that is new begins to count
 * at 0. False when the arena is exhausted. */
bool entry_add_key(struct registry *registry, struct entry *entry, uint8_t version, uint8_t id,
		   struct key_component *components);
void entry_remove_key(struct entry *entry, struct card_key *key);
/* The value is copied; NULL when the arena is exhausted. */
struct key_component *component_create(struct registry *registry, uint8_t type, struct bytes value);

/* A load file of the mask takes no memory; this card has one, that of security domains. */
static inline bool is_of_mask(const struct entry *load_file)
{
	return load_file->nonvolatile_bytes == 0;
}

static inline bool entry_is_selectable(const struct entry *entry)
{
	return entry->kind != CARD_LOAD_FILE && (entry->life_cycle & LIFE_LOCKED) == 0 &&
	       entry->life_cycle != LIFE_INSTALLED;
}

#endif
