#include <cardea/step.h>

#include <stdio.h>
#include <stdlib.h>

void step_reason(char ret_reason[static FAULT_TEXT_SIZE], const char *format, va_list arguments)
{
	size_t len;

	vsnprintf(ret_reason, FAULT_TEXT_SIZE, format, arguments);
	len = strlen(ret_reason);
	while (len > 0 && !bytes_are_utf8(bytes_of(ret_reason, len)))
		ret_reason[--len] = '\0';
}

enum err step_report(const struct cardea_host_api *api, cardea_out *out, const char *name, char *take_json)
{
	enum err err = take_json == NULL ? ERR_NOMEM : api->report(out, name, take_json);

	free(take_json);
	return err;
}
