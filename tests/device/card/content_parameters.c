/* GPCS 2.3.1 11.5.2.3 */
#include "content_parameters.h"
#include "registry.h"

#include <cardea/tlv.h>
#include <stddef.h>

enum form {
	SYSTEM,  /* the template EF: more rows inside */
	IGNORED, /* known, without meaning on this card */
	MEMORY,  /* a number of bytes */
	VALUE,
	SELECTION, /* one more implicit selection parameter */
	RESTRICTION
};

#define ANYWHERE (FOR_LOAD | FOR_INSTALL | FOR_MAKE_SELECTABLE | FOR_EXTRADITION | FOR_REGISTRY_UPDATE)

#define AT(member) offsetof(struct content_parameters, member)

/* clang-format off */
static const struct parameter {
	uint32_t tag;
	bool is_system;         /* inside EF */
	uint8_t variants;       /* bits of P1 */
	enum form form;
	size_t at;
} parameters[] = {
	{ 0xC9, false, FOR_INSTALL,                               VALUE,       AT(application)                },
	{ 0xEF, false, ANYWHERE & ~FOR_EXTRADITION,               SYSTEM,      0                              },
	{ 0xEA, false, FOR_INSTALL,                               IGNORED,     0                              },
	{ 0xB6, false, ANYWHERE,                                  VALUE,       AT(token_reference)            },
	{ 0xC6, true,  FOR_LOAD,                                  MEMORY,      AT(code_bytes)                 },
	{ 0xC7, true,  FOR_LOAD | FOR_INSTALL,                    MEMORY,      AT(volatile_bytes)             },
	{ 0xC8, true,  FOR_LOAD | FOR_INSTALL,                    MEMORY,      AT(nonvolatile_bytes)          },
	{ 0xD7, true,  FOR_INSTALL,                               MEMORY,      AT(reserved_volatile_bytes)    },
	{ 0xD8, true,  FOR_INSTALL,                               MEMORY,      AT(reserved_nonvolatile_bytes) },
	{ 0xCD, true,  FOR_LOAD,                                  IGNORED,     0                              },
	{ 0xDD, true,  FOR_LOAD,                                  IGNORED,     0                              },
	{ 0xCA, true,  FOR_INSTALL,                               IGNORED,     0                              },
	{ 0xCB, true,  FOR_INSTALL | FOR_REGISTRY_UPDATE,         VALUE,       AT(services)                   },
	{ 0xCF, true,  FOR_MAKE_SELECTABLE | FOR_REGISTRY_UPDATE, SELECTION,   0                              },
	{ 0xD9, true,  FOR_REGISTRY_UPDATE,                       RESTRICTION, 0                              },
};
/* clang-format on */

#define PARAMETER_COUNT (sizeof(parameters) / sizeof(parameters[0]))

static size_t parameter_find(uint32_t tag, bool is_system, uint8_t p1)
{
	size_t i = 0;
	while (i < PARAMETER_COUNT && (parameters[i].tag != tag || parameters[i].is_system != is_system ||
				       (parameters[i].variants & p1) == 0))
		i++;
	return i;
}

/* Two bytes up to 32767, four for more. */
static bool memory_read(struct bytes value, uint32_t *ret_count)
{
	struct reader r = reader_of(value);
	if (value.len != 2 && value.len != 4)
		return false;
	*ret_count = (uint32_t)read_uint(&r, value.len);
	return value.len == 4 || *ret_count <= INT16_MAX;
}

static bool parameter_take(const struct parameter *parameter, struct bytes value,
			   struct content_parameters *ret)
{
	char *at = (char *)ret + parameter->at;
	switch (parameter->form) {
	case MEMORY:
		return memory_read(value, (uint32_t *)(void *)at);
	case VALUE:
		*(struct bytes *)(void *)at = value;
		ret->has_application |= parameter->tag == 0xC9;
		return true;
	case SELECTION:
		if (value.len != 1 || ret->implicit_selection_count == IMPLICIT_SELECTIONS_MAX)
			return false;
		ret->implicit_selections[ret->implicit_selection_count++] = value.at[0];
		return true;
	case RESTRICTION:
		ret->has_restriction = true;
		ret->restrictions = value.len == 1 ? value.at[0] & RESTRICTABLE : 0;
		return value.len == 1;
	case SYSTEM:
	case IGNORED:
		return true;
	}
	return false;
}

static bool parameters_read(struct bytes bytes, bool is_system, uint8_t p1, struct content_parameters *ret)
{
	struct reader r = reader_of(bytes);
	struct bytes value;
	uint32_t tag;
	while (read_tlv(&r, &tag, &value)) {
		size_t i = parameter_find(tag, is_system, p1);
		if (i == PARAMETER_COUNT)
			return false;
		bool is_again = (ret->seen & 1u << i) != 0;
		if ((is_again && parameters[i].form != SELECTION) ||
		    !parameter_take(&parameters[i], value, ret))
			return false;
		ret->seen |= 1u << i;
		if (parameters[i].form == SYSTEM && !parameters_read(value, true, p1, ret))
			return false;
	}
	return reader_done(&r);
}

/* BER, except that 128 may stand alone as 80. */
static struct bytes read_long_field(struct reader *r)
{
	bool is_old_form = peek_u8(r) == 0x80;
	if (is_old_form)
		read_u8(r);
	return read_bytes(r, is_old_form ? 128 : read_ber_length(r));
}

bool install_fields_read(struct bytes data, uint8_t p1, struct install_fields *ret_fields)
{
	struct install_fields fields = { 0 };
	struct reader r = reader_of(data);
	size_t lv_count = p1 == FOR_LOAD ? 3 : 4;
	for (size_t i = 0; i < lv_count; i++)
		fields.lv[i] = read_lv(&r);
	fields.parameter_bytes = read_long_field(&r);
	fields.unsigned_data = bytes_first(data, data.len - reader_left(&r));
	fields.token = read_long_field(&r);
	if (!reader_done(&r) || !parameters_read(fields.parameter_bytes, false, p1, &fields.parameters))
		return false;
	*ret_fields = fields;
	return true;
}

/* One byte, with the defaults of GPCS 2.3.1 table 6-2 for the others, or three. */
bool privileges_read(struct bytes field, uint32_t *ret_privileges)
{
	struct reader r = reader_of(field);
	if (field.len != 1 && field.len != 3)
		return false;
	uint32_t privileges = (uint32_t)read_uint(&r, field.len);
	if (field.len == 1) {
		privileges <<= 16;
		if ((privileges & PRIVILEGE_SECURITY_DOMAIN) != 0)
			privileges |= PRIVILEGE_TRUSTED_PATH;
	}
	*ret_privileges = privileges;
	return true;
}

/* Tag 93 of B6 (table 11-23). */
struct bytes token_identifier(const struct install_fields *fields)
{
	struct bytes identifier;
	return tlv_find(fields->parameters.token_reference, 0x93, &identifier) == ERR_NONE
		       ? identifier
		       : bytes_of(NULL, 0);
}
