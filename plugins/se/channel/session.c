/* GPCS 2.3.1, 11.1.4 class byte, B.2 padding */
#include "channel/session.h"

#define CLA_SECURE  0x04 /* b3: GlobalPlatform secure messaging */
#define CLA_FURTHER 0x40 /* b7: channels 4 to 19 */

void session_wipe(struct session *session)
{
	if (session != NULL)
		wipe(session, sizeof(*session));
}

uint8_t class_for_mac(uint8_t cla)
{
	return (cla & 0x80) | CLA_SECURE;
}

uint8_t class_for_card(uint8_t cla)
{
	if ((cla & CLA_FURTHER) != 0)
		return cla | 0x20;
	return (uint8_t)((cla & 0x83) | CLA_SECURE);
}

void build_padded(struct builder *b, struct bytes data, size_t block)
{
	build_bytes(b, data);
	build_u8(b, 0x80);
	build_zeros(b, block - 1 - data.len % block);
}
