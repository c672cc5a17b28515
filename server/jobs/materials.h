/* What a job needs from the store before its steps run: the packages that it names, the key sets of its device, and what
 * is known of it. Read on a worker, since it may block; held in memory while the job is active, then wiped. */
#ifndef CARDEA_JOBS_MATERIALS_H
#define CARDEA_JOBS_MATERIALS_H

#include <cardea/plugin.h>

struct materials;
struct packages;
struct store;
struct token;
struct vault;

struct material_sources {
	struct store *store;
	const struct vault *vault;
	struct token *token;    /* NULL: none */
	struct packages *packages;
};

struct material_needs {
	const char *endpoint;
	uint64_t package_id;    /* 0: none */
	const char *packages;   /* further ones, as in the job's row */
};

/* Blocks. ERR_NOT_FOUND when a package is gone, ERR_DENIED when a sealed value does not open. */
MUST_CHECK enum err materials_read(const struct material_sources *sources, const struct material_needs *needs,
                                   struct materials **ret_materials);
void materials_free(struct materials *materials);       /* wipes; accepts NULL */

/* What only a step needs. */
void materials_forget_keysets(struct materials *materials);

struct bytes materials_package(const struct materials *materials);
/* A step that uses the keys of this device may block. */
bool materials_have_token_keys(const struct materials *materials);

/* A device's own key sets come before those of its fleets. `version` 0: the lowest; an empty `aid` or key sets stored without one stand for the issuer's security domain. */
MUST_CHECK enum err materials_keyset(const struct materials *materials, const char *kind, struct bytes aid, uint8_t version,
                                     struct cardea_keyset *ret_keyset);

/* As materials_keyset, of those that are documents; valid until they are forgotten. */
MUST_CHECK enum err materials_keyset_document(const struct materials *materials, const char *kind, struct bytes aid,
                                              uint8_t version, const char **ret_json);

/* The package with that id, of all that were needed. ERR_NOT_FOUND. */
MUST_CHECK enum err materials_find_package(const struct materials *materials, const char *id,
                                           struct cardea_package *ret_package);

/* What is known of the device: as it was read, and what was learned since. */
MUST_CHECK enum err materials_known(const struct materials *materials, const char *section, const char *key,
                                    const char **ret_json);
/* NULL: nothing any more. ERR_LIMIT: more than a device's inventory may be. */
MUST_CHECK enum err materials_learn(struct materials *materials, const char *section, const char *key,
                                    const char *json);

/* The next number of a counter, as the plugin contract says; the caller stores it. */
MUST_CHECK enum err materials_next_counter(struct materials *materials, const char *name, uint64_t floor,
                                           uint64_t *ret_value);

#endif
