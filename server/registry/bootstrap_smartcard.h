/* The files of a smartcard that a device boots from (LwM2M Core TS 1.1, appendix G), made from what the bootstrap server
 * would write to it. Pure. */
#ifndef CARDEA_REGISTRY_BOOTSTRAP_SMARTCARD_H
#define CARDEA_REGISTRY_BOOTSTRAP_SMARTCARD_H

#include "bootstrap_configuration.h"

/* File identifiers: the first two are those of ISO/IEC 7816-4 and PKCS #15, the others what most cards have. */
#define SMARTCARD_EF_DIR  0x2F00
#define SMARTCARD_EF_ODF  0x5031
#define SMARTCARD_EF_DODF 0x6430
#define SMARTCARD_EF_FILE 0x6432

struct bootstrap_card_settings {
	bool is_opaque;                         /* opaqueDO, as appendix G asks for; else oidDO, as cards in the field have it */
	bool has_double_encoded_oid;            /* as many of those have it */
	bool is_private;                        /* the card's holder has to be verified before the file is read */
	uint16_t directory_id, file_id;         /* of EF(DODF) and of EF(LwM2M_Bootstrap) */
	const char *bootstrap_uri;              /* of the bootstrap server; NULL: no account of it on the card */
	const char *bootstrap_identity;         /* NULL with mode NoSec */
	const struct secret *bootstrap_key;
};

#define BOOTSTRAP_CARD_WARNINGS 2

struct bootstrap_card {
	struct bytes dir, odf, dodf, file;
	struct lwm2m_records shown;             /* what is in the file, without keys */
	const char *warnings[BOOTSTRAP_CARD_WARNINGS];
	size_t warning_count;
};

/* `configuration` NULL: nothing but the account of the bootstrap server. In the arena, which then holds keys. ERR_CONFLICT:
 * a key that is made anew for each bootstrap cannot be on a card; ERR_MALFORMED: identifiers of files, the URI, or nothing
 * to put on the card; ERR_LIMIT: more than the card takes. Each names what it is about. */
MUST_CHECK enum err bootstrap_card_make(struct arena *arena, const struct model *model,
					const struct bootstrap_configuration *configuration,
					const struct bootstrap_card_settings *settings,
					struct bootstrap_card *ret_card, struct fault *fault);

#endif
