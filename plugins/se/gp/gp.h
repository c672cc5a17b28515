/* What a GlobalPlatform card says about itself (GPCS 2.3.1, 11.3 GET DATA, 11.4 GET STATUS, appendix H).
 * Everything read here points into the bytes that were given. */
#ifndef SE_GP_H
#define SE_GP_H

#include <cardea/bytes.h>

/* One entry of the registry (template E3). */
struct registry_entry {
	struct bytes aid, life_cycle,
		privileges; /* real cards send the life cycle in one or two bytes: the first counts */
	struct bytes load_file, version, security_domain;
	const struct bytes *modules;
	size_t module_count;
	struct bytes implicit_selection; /* one parameter (CF) a byte */
};

struct registry {
	const struct registry_entry *entries;
	size_t count;
};

/* The E3 templates of one GET STATUS, several pages one after another. */
MUST_CHECK enum err registry_parse(struct bytes data, struct arena *arena, struct registry *ret_registry,
				   struct fault *fault);
/* NULL when it is not there. */
const struct registry_entry *registry_entry_find(const struct registry *registry, struct bytes aid);

struct key_component {
	uint16_t type, length;
};

struct key_entry {
	uint8_t id, version;
	const struct key_component *components;
	size_t component_count;
	struct bytes usage, access; /* only the extended form says */
};

struct key_information {
	const struct key_entry *entries;
	size_t count;
};

/* Template E0, with or without its tag. */
MUST_CHECK enum err key_information_parse(struct bytes data, struct arena *arena,
					  struct key_information *ret_keys, struct fault *fault);

struct card_protocol {
	uint8_t protocol;
	struct bytes options; /* the i parameters that it can have */
};

/* Card data, tag 66. */
struct card_data {
	const char *version; /* "2.3", NULL when not told */
	const struct card_protocol *protocols;
	size_t protocol_count;
};

MUST_CHECK enum err card_data_parse(struct bytes data, struct arena *arena, struct card_data *ret_card,
				    struct fault *fault);

struct protocol_capability {
	uint8_t protocol;
	struct bytes options, key_sizes, suites;
	bool has_max_psk;
	uint8_t max_psk_bytes;
};

/* Card capability information, tag 67. Bytes are empty when not told. */
struct card_capability {
	const struct protocol_capability *protocols;
	size_t protocol_count;
	struct bytes domain_privileges, application_privileges, hashes, load_file_ciphers, token_suites,
		receipt_suites, dap_suites, curves;
};

MUST_CHECK enum err card_capability_parse(struct bytes data, struct arena *arena,
					  struct card_capability *ret_capability, struct fault *fault);

/* Card production life cycle data, tag 9F7F: fields in order, by name. */
#define CPLC_FIELDS 18
struct cplc {
	struct bytes fields[CPLC_FIELDS];
};
extern const char *const cplc_names[CPLC_FIELDS];

MUST_CHECK enum err cplc_parse(struct bytes data, struct cplc *ret_cplc, struct fault *fault);

/* Extended card resources, tag FF21. */
struct card_resources {
	uint32_t applications;
	uint64_t free_non_volatile_bytes, free_volatile_bytes;
};

MUST_CHECK enum err card_resources_parse(struct bytes data, struct card_resources *ret_resources,
					 struct fault *fault);

/* "selectable", "loaded", ...; what: the kind of thing whose state it is. */
enum registry_kind { REGISTRY_CARD, REGISTRY_APPLICATION, REGISTRY_LOAD_FILE };
const char *life_cycle_text(const struct registry_entry *entry, enum registry_kind kind);

/* Privileges (GPCS 6.6.1) have names; three bytes as one number. */
struct privilege {
	const char *name;
	uint32_t bits, mask; /* set when (value & mask) == bits */
};
extern const struct privilege privileges[]; /* ends with a NULL name */
/* ERR_NOT_FOUND. Adds its bits. */
MUST_CHECK enum err privilege_add(const char *name, uint32_t *privileges_value);
uint32_t privileges_of(struct bytes bytes); /* one or three bytes */
/* A security domain with these changes content by somebody's leave only. */
bool privileges_need_token(uint32_t privileges_value);

#endif
