/* The GlobalPlatform commands that the operations use (GPCS 2.3.1, chapter 11), in the clear. Everything that
 * is built lives in the arena; the first failure is ERR_NOMEM or ERR_LIMIT (a field too long). */
#ifndef SE_GP_COMMANDS_H
#define SE_GP_COMMANDS_H

#include "gp/apdu.h"

enum install_purpose {
	INSTALL_FOR_LOAD = 0x02,
	INSTALL_FOR_INSTALL = 0x04,
	INSTALL_MAKE_SELECTABLE = 0x08,
	INSTALL_EXTRADITION = 0x10,
	INSTALL_PERSONALIZATION = 0x20,
	INSTALL_REGISTRY_UPDATE = 0x40,
};

enum status_scope {
	SCOPE_ISSUER_DOMAIN = 0x80,
	SCOPE_APPLICATIONS = 0x40,
	SCOPE_LOAD_FILES = 0x20,
	SCOPE_MODULES = 0x10,
};

enum store_format { STORE_NONE = 0x00, STORE_DGI = 0x08, STORE_BER_TLV = 0x10 };
#define STORE_ENCRYPTED 0x60

struct command gp_initialize_update(uint8_t key_version, struct bytes host_challenge);
struct command gp_get_data(uint16_t tag);

/* All that match the beginning `aid` (empty: all). `tags`: which elements the answer shall have; empty: as
 * the card likes. */
MUST_CHECK enum err gp_get_status(struct arena *arena, enum status_scope scope, bool is_next,
				  struct bytes aid, struct bytes tags, struct command *ret_command);

/* The parameters of all variants of INSTALL; 0 and empty: not given. */
struct install_parameters {
	struct bytes application;             /* content of C9, of an installation */
	uint32_t code_bytes;                  /* C6, of a load */
	uint32_t volatile_bytes;              /* C7 */
	uint32_t non_volatile_bytes;          /* C8 */
	uint32_t reserved_volatile_bytes;     /* D7 */
	uint32_t reserved_non_volatile_bytes; /* D8 */
	struct bytes global_services;         /* CB: two bytes each */
	struct bytes implicit_selection;      /* CF: one byte each, given when it becomes selectable */
	uint8_t restrictions;                 /* D9, of a registry update */
	struct bytes uicc_access;             /* CA: TS 102 226 access and toolkit parameters */
	struct bytes uicc_template;           /* EA: TS 102 226, beside EF */
};
/* C9 always, EF and EA when there is something for them. */
MUST_CHECK enum err install_parameters_build(struct arena *arena, const struct install_parameters *parameters,
					     struct bytes *ret_parameters);

MUST_CHECK enum err gp_install_for_load(struct arena *arena, struct bytes load_file_aid,
					struct bytes domain_aid, struct bytes hash,
					const struct install_parameters *parameters,
					struct command *ret_command);

struct install_order {
	struct bytes load_file, module, instance;
	uint32_t privileges;     /* 24 bits */
	struct bytes parameters; /* as install_parameters_build gives */
	bool make_selectable;
};
MUST_CHECK enum err gp_install_for_install(struct arena *arena, const struct install_order *order,
					   struct command *ret_command);
MUST_CHECK enum err gp_make_selectable(struct arena *arena, struct bytes instance, uint32_t privileges,
				       const struct install_parameters *parameters,
				       struct command *ret_command);
MUST_CHECK enum err gp_install_for_personalization(struct arena *arena, struct bytes application,
						   struct command *ret_command);
/* `object`, an application or a load file, comes under the security domain. */
MUST_CHECK enum err gp_extradite(struct arena *arena, struct bytes domain_aid, struct bytes object,
				 struct command *ret_command);

struct registry_update {
	struct bytes domain;      /* extradites too; empty: stays */
	struct bytes application; /* empty: the restrictions are of the whole card */
	bool has_privileges;
	uint32_t privileges; /* all that it has from then on */
	struct install_parameters parameters;
};
MUST_CHECK enum err gp_update_registry(struct arena *arena, const struct registry_update *update,
				       struct command *ret_command);

/* Life cycle of an application (GPCS 2.3.1, table 11-4): as it is read, and as SET STATUS takes it. */
enum { STATE_UNLOCKED = 0x00, STATE_INSTALLED = 0x03, STATE_LOCKED = 0x80 /* the other bits say from what */ };

#define LOAD_IS_LAST    0x80 /* P1 */
#define LOAD_MAX_BLOCKS 256 /* their number has one byte */
struct command gp_load(struct bytes block, size_t number, bool is_last);
MUST_CHECK enum err gp_delete(struct arena *arena, struct bytes aid, bool related,
			      struct command *ret_command);
/* All keys of an identifier, of a version, or the one of both; -1: not given. */
MUST_CHECK enum err gp_delete_keys(struct arena *arena, int key_id, int key_version,
				   struct command *ret_command);
/* P1 of SET STATUS */
enum status_target { TARGET_CARD = 0x80, TARGET_APPLICATION = 0x40, TARGET_HIERARCHY = 0x60 };
struct command gp_set_status(enum status_target target, uint8_t state, struct bytes aid);
/* A key set, from KID 01 on. */
struct command gp_put_key_set(uint8_t replace_version, struct bytes data);
struct command gp_put_key(uint8_t replace_version, uint8_t id, struct bytes data); /* one key */
struct command gp_store_data(struct bytes block, size_t number, bool is_last, enum store_format format,
			     bool is_encrypted);

#endif
