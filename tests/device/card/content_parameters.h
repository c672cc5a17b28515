/* GPCS 2.3.1 11.5.2.3: the data field of INSTALL, and its parameters (tables 11-48 to 11-52). */
#ifndef CARD_CONTENT_PARAMETERS_H
#define CARD_CONTENT_PARAMETERS_H

#include <cardea/bytes.h>

/* P1 of INSTALL; install and make selectable come together too */
#define FOR_LOAD            0x02
#define FOR_INSTALL         0x04
#define FOR_MAKE_SELECTABLE 0x08
#define FOR_EXTRADITION     0x10
#define FOR_PERSONALIZATION 0x20
#define FOR_REGISTRY_UPDATE 0x40

/* Table 11-53: bits of P1, and one more */
#define FOR_DELETE   0x01
#define RESTRICTABLE 0x7F

#define IMPLICIT_SELECTIONS_MAX 8

struct content_parameters {
	uint32_t seen;                       /* one bit per row of the table */
	struct bytes application;            /* C9 */
	struct bytes services;               /* CB */
	struct bytes token_reference;        /* B6 */
	uint32_t code_bytes;                 /* C6 */
	uint32_t volatile_bytes;             /* C7 */
	uint32_t nonvolatile_bytes;          /* C8 */
	uint32_t reserved_volatile_bytes;    /* D7 */
	uint32_t reserved_nonvolatile_bytes; /* D8 */
	uint8_t implicit_selections[IMPLICIT_SELECTIONS_MAX];
	size_t implicit_selection_count;
	bool has_application, has_restriction; /* C9, D9 */
	uint8_t restrictions;
};

struct install_fields {
	struct bytes lv[4]; /* load has three of them, all others four */
	struct content_parameters parameters;
	struct bytes parameter_bytes;
	struct bytes unsigned_data; /* all before the token and its length */
	struct bytes token;
};

/* False when the data are not what P1 asks for. */
bool install_fields_read(struct bytes data, uint8_t p1, struct install_fields *ret_fields);
/* One byte, with the defaults of table 6-2 for the others, or three. */
bool privileges_read(struct bytes field, uint32_t *ret_privileges);
struct bytes token_identifier(const struct install_fields *fields);

#endif
