/* GPCS 2.3.1, 11.5.2.3: the data fields of INSTALL */
#include <cardea/tlv.h>

#include "explain/explain.h"

#define FIELDS_MAX 6

enum field_kind { FIELD_BYTES, FIELD_PRIVILEGES, FIELD_ELEMENTS, FIELD_EMPTY };

struct install_field {
	const char *name;
	enum field_kind kind;
	bool has_ber_length; /* 1 to 3 bytes, else one */
};

struct install_row {
	uint8_t p1, mask;
	struct install_field fields[FIELDS_MAX];
};

#define PARAMETERS                                                                                           \
	{                                                                                                    \
		"parameters", FIELD_ELEMENTS, true                                                           \
	}
#define TOKEN                                                                                                \
	{                                                                                                    \
		"token", FIELD_BYTES, true                                                                   \
	}
#define EMPTY                                                                                                \
	{                                                                                                    \
		"empty", FIELD_EMPTY, false                                                                  \
	}

/* The first row that fits wins; the combined forms read like their last part. */
static const struct install_row install_rows[] = {
	{ 0x02,
	  0x7E,
	  { { "load file AID", FIELD_BYTES, false },
	    { "security domain AID", FIELD_BYTES, false },
	    { "load file data block hash", FIELD_BYTES, false },
	    PARAMETERS,
	    TOKEN } },
	{ 0x10,
	  0x7E,
	  { { "new security domain AID", FIELD_BYTES, false },
	    EMPTY,
	    { "application or load file AID", FIELD_BYTES, false },
	    EMPTY,
	    PARAMETERS,
	    TOKEN } },
	{ 0x40,
	  0x7E,
	  { { "new security domain AID", FIELD_BYTES, false },
	    EMPTY,
	    { "application AID", FIELD_BYTES, false },
	    { "privileges", FIELD_PRIVILEGES, false },
	    PARAMETERS,
	    TOKEN } },
	{ 0x20, 0x7E, { EMPTY, EMPTY, { "application AID", FIELD_BYTES, false }, EMPTY, EMPTY, EMPTY } },
	{ 0x08,
	  0x7E,
	  { EMPTY,
	    EMPTY,
	    { "application AID", FIELD_BYTES, false },
	    { "privileges", FIELD_PRIVILEGES, false },
	    PARAMETERS,
	    TOKEN } },
	{ 0x04,
	  0x74,
	  { { "load file AID", FIELD_BYTES, false },
	    { "module AID", FIELD_BYTES, false },
	    { "application AID", FIELD_BYTES, false },
	    { "privileges", FIELD_PRIVILEGES, false },
	    PARAMETERS,
	    TOKEN } },
};

static enum err explain_field(struct explanation *e, const struct install_field *field, struct bytes value)
{
	if (field->kind == FIELD_EMPTY && value.len == 0)
		return ERR_NONE;
	if (field->kind == FIELD_PRIVILEGES) {
		explain_privileges(e, field->name, value);
		return ERR_NONE;
	}
	explain_bytes(e, field->name, value);
	if (field->kind != FIELD_ELEMENTS)
		return ERR_NONE;
	e->depth++;
	enum err err = explain_elements(e, value, 0);
	e->depth--;
	return err;
}

static const struct install_row *install_row(uint8_t p1)
{
	for (size_t i = 0; i < sizeof(install_rows) / sizeof(install_rows[0]); i++) {
		if ((p1 & install_rows[i].mask) == install_rows[i].p1)
			return &install_rows[i];
	}
	return NULL;
}

enum err explain_install(struct explanation *e, const struct command *command)
{
	const struct install_row *row = install_row(command->p1);
	struct reader r = reader_of(command->data);
	enum err err = ERR_NONE;

	if (row == NULL) {
		explain_bytes(e, "data", command->data);
		return ERR_NONE;
	}
	for (size_t i = 0; i < FIELDS_MAX && row->fields[i].name != NULL && err == ERR_NONE; i++) {
		const struct install_field *field = &row->fields[i];
		struct bytes value =
			field->has_ber_length ? read_bytes(&r, read_ber_length(&r)) : read_lv(&r);
		if (r.bad)
			return fault_set(e->fault, ERR_MALFORMED, "INSTALL ends inside its field %s",
					 field->name);
		err = explain_field(e, field, value);
	}
	if (err == ERR_NONE && !reader_done(&r))
		err = fault_set(e->fault, ERR_MALFORMED, "%zu bytes after the last field of INSTALL",
				reader_left(&r));
	return err;
}
