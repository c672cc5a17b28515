/* GPCS 2.3.1 11.1.4 and 11.1.5 */
#include "apdu.h"

#include "status_words.h"

#define CLASS_GP      0x80
#define CLASS_FURTHER 0x40 /* channels 4 to 19 */
#define CLASS_CHAINING                                                                                       \
	0x10 /* ISO command chaining, which GlobalPlatform commands but those of SCP10 lack                  \
	      */
#define FIRST_RFU            0x20
#define FIRST_ISO_MESSAGING  0x08
#define FIRST_GP_MESSAGING   0x04
#define FIRST_CHANNEL        0x03
#define FURTHER_GP_MESSAGING 0x20
#define FURTHER_CHANNEL      0x0F

static uint16_t class_read(uint8_t cla, struct command *command)
{
	if (cla == 0xFF || (cla & CLASS_CHAINING) != 0)
		return SW_NO_CLASS;
	command->is_gp = (cla & CLASS_GP) != 0;
	if ((cla & CLASS_FURTHER) != 0) {
		command->is_secured = (cla & FURTHER_GP_MESSAGING) != 0;
		command->channel = 4 + (cla & FURTHER_CHANNEL);
		return SW_SUCCESS;
	}
	if ((cla & FIRST_RFU) != 0)
		return SW_NO_CLASS;
	if ((cla & FIRST_ISO_MESSAGING) != 0)
		return SW_NO_SECURE_MESSAGING;
	command->is_secured = (cla & FIRST_GP_MESSAGING) != 0;
	command->channel = cla & FIRST_CHANNEL;
	return SW_SUCCESS;
}

static size_t le_of(uint8_t byte)
{
	return byte == 0 ? 256 : byte;
}

uint16_t command_read(struct bytes apdu, struct command *ret_command)
{
	struct command command = { 0 };
	struct reader r = reader_of(apdu);
	uint8_t cla = read_u8(&r);
	command.ins = read_u8(&r);
	command.p1 = read_u8(&r);
	command.p2 = read_u8(&r);
	if (r.bad)
		return SW_WRONG_LENGTH;
	uint16_t sw = class_read(cla, &command);
	if (sw != SW_SUCCESS)
		return sw;

	size_t left = reader_left(&r);
	if (left == 1) {
		command.has_le = true;
		command.le = le_of(read_u8(&r));
	} else if (left > 1) {
		command.has_lc = true;
		command.data = read_bytes(&r, read_u8(&r));
		if (r.bad || command.data.len == 0 || reader_left(&r) > 1)
			return SW_WRONG_LENGTH;
		if (reader_left(&r) == 1) {
			command.has_le = true;
			command.le = le_of(read_u8(&r));
		}
	}
	*ret_command = command;
	return SW_SUCCESS;
}
