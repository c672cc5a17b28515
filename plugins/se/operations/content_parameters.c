/* GPCS 2.3.1, tables 11-7 to 11-9 and 11-48 to 11-53 */
#include "operations/content_parameters.h"

#include <stdio.h>
#include <string.h>

#include "gp/gp.h"

#define IMPLICIT_CONTACTLESS 0x80
#define IMPLICIT_CONTACT     0x40
#define CHANNEL_MAX          19

enum err content_privileges(struct task *task, const char *name, uint32_t *ret_privileges,
			    struct fault *fault)
{
	json_t *names = json_object_get(task->params, name), *one;
	uint32_t privileges_value = 0;
	size_t i;

	json_array_foreach (names, i, one) {
		if (!json_is_string(one) ||
		    privilege_add(json_string_value(one), &privileges_value) != ERR_NONE)
			return fault_set(fault, ERR_MALFORMED, "%s: %s does not exist", name,
					 json_is_string(one) ? json_string_value(one)
							     : "a value that is no name");
	}
	*ret_privileges = privileges_value;
	return ERR_NONE;
}

/* Table 11-15: whatever interface, then the channel. */
static bool selection_byte(const char *text, uint8_t *ret_byte)
{
	static const struct {
		const char *name;
		uint8_t interfaces;
	} rows[] = {
		{ "contact", IMPLICIT_CONTACT },
		{ "contactless", IMPLICIT_CONTACTLESS },
		{ "both", IMPLICIT_CONTACT | IMPLICIT_CONTACTLESS },
	};
	char expected[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint8_t channel = 0; channel <= CHANNEL_MAX; channel++) {
			snprintf(expected, sizeof(expected), "%s:%u", rows[i].name, channel);
			if (strcmp(text, expected) != 0)
				continue;
			*ret_byte = rows[i].interfaces | channel;
			return true;
		}
	}
	return false;
}

enum err content_selection(struct task *task, struct bytes *ret_selection, struct fault *fault)
{
	json_t *list = json_object_get(task->params, "implicitSelection"), *one;
	struct builder b = builder_in(task->arena);
	uint8_t byte;
	size_t i;

	json_array_foreach (list, i, one) {
		if (!json_is_string(one) || !selection_byte(json_string_value(one), &byte))
			return fault_set(
				fault, ERR_MALFORMED,
				"implicitSelection: contact, contactless or both, a colon, a channel "
				"of 0 to %d",
				CHANNEL_MAX);
		build_u8(&b, byte);
	}
	return builder_bytes(&b, ret_selection);
}

static void read_memory(struct task *task, struct install_parameters *p)
{
	const struct {
		const char *name;
		uint32_t *at;
	} rows[] = {
		{ "volatileBytes", &p->volatile_bytes },
		{ "nonVolatileBytes", &p->non_volatile_bytes },
		{ "reservedVolatileBytes", &p->reserved_volatile_bytes },
		{ "reservedNonVolatileBytes", &p->reserved_non_volatile_bytes },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		*rows[i].at = (uint32_t)task_number(task, rows[i].name, 0);
}

enum err content_install_parameters(struct task *task, struct install_parameters *ret_parameters,
				    struct fault *fault)
{
	struct install_parameters p = { 0 };
	const struct {
		const char *name;
		struct bytes *at;
	} rows[] = {
		{ "parametersHex", &p.application },
		{ "globalServicesHex", &p.global_services },
		{ "uiccAccessHex", &p.uicc_access },
		{ "uiccTemplateHex", &p.uicc_template },
	};
	enum err err = ERR_NONE;

	read_memory(task, &p);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && err == ERR_NONE; i++)
		err = task_hex(task, rows[i].name, rows[i].at, fault);
	if (err == ERR_NONE)
		err = content_selection(task, &p.implicit_selection, fault);
	if (err == ERR_NONE)
		*ret_parameters = p;
	return err;
}
