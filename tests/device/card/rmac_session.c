/* GlobalPlatform Amendment D 1.2, 7.1.3 BEGIN and 7.1.4 END R-MAC SESSION: answers under more protection for
 * a while. Each is itself answered at the level that was there when it came. */
#include <cardea/tlv.h>

#include "chip.h"

#define P2_BEGIN 0x01
#define P2_END   0x03

/* Table 7-9, with what 7.1.3.7 asks of the session: `needs` of its level, `excludes` in it. */
static const struct protection {
	uint8_t p1;
	uint8_t needs, excludes;
	uint8_t options; /* of parameter i */
} protections[] = {
	{ LEVEL_RMAC, LEVEL_CMAC, LEVEL_RMAC, CARD_I_RMAC },
	{ LEVEL_RMAC | LEVEL_RENC, LEVEL_CMAC | LEVEL_CDEC, LEVEL_RENC, CARD_I_RMAC | CARD_I_RENC },
};

/* "Data" as LV, which is in the C-MAC and means nothing to the card; all of the field, or none. */
static bool is_data(struct bytes field)
{
	struct reader r = reader_of(field);
	if (field.len == 0)
		return true;
	read_lv(&r);
	return reader_done(&r);
}

uint16_t begin_rmac_session(struct call *call)
{
	struct session *session = &call->channel->session;
	const struct command *command = &call->command;
	const struct protection *protection = NULL;
	if (session->is_scp02)
		return SW_NO_INSTRUCTION;
	for (size_t i = 0; i < sizeof(protections) / sizeof(protections[0]); i++) {
		if (protections[i].p1 == command->p1)
			protection = &protections[i];
	}
	if (protection == NULL || command->p2 != P2_BEGIN)
		return SW_WRONG_P1P2;
	if (!is_data(command->data))
		return SW_WRONG_DATA;
	/* what a second BEGIN does is left open (7.1.3.1): refused */
	if (session->level != session->opened_level || (protection->needs & ~session->level) != 0 ||
	    (protection->excludes & session->level) != 0 || (protection->options & ~session->options) != 0)
		return SW_CONDITIONS_OF_USE;
	session->level |= protection->p1;
	return SW_SUCCESS;
}

/* An error leaves the R-MAC session as it is; a wrong C-MAC has ended all of it before. */
uint16_t end_rmac_session(struct call *call)
{
	struct session *session = &call->channel->session;
	if (session->is_scp02)
		return SW_NO_INSTRUCTION;
	if (call->command.p1 != 0 || call->command.p2 != P2_END)
		return SW_WRONG_P1P2;
	if (session->level == session->opened_level)
		return SW_CONDITIONS_OF_USE;
	session->level = session->opened_level;
	return SW_SUCCESS;
}
