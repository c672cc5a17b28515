/* What the steps of most plugins do besides their own: a reason with a device's text in it, a result that a JSON library
 * printed, and remembering the first failure. */
#ifndef CARDEA_STEP_H
#define CARDEA_STEP_H

#include <stdarg.h>

#include "plugin.h"

/* The reason for `fail`. What does not fit is cut, but never in the middle of a character; so is what follows text that
 * is not UTF-8, as a device may send it. */
void step_reason(char ret_reason[static FAULT_TEXT_SIZE], const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* Reports a member of the job's result. `take_json` is from malloc and freed here; NULL, for a printer that found no
 * memory, is ERR_NOMEM. Else as `report`. */
MUST_CHECK enum err step_report(const struct cardea_host_api *api, cardea_out *out, const char *name, char *take_json);

/* Remembers in *first the first failure of a step; true when `err` is none. */
static inline bool step_is_good(enum err *first, enum err err)
{
	if (*first == ERR_NONE)
		*first = err;
	return err == ERR_NONE;
}

#endif
