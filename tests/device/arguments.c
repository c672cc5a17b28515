/* LwM2M Core TS 1.1, 6.3.5: arglist = arg *( "," arg ), arg = DIGIT [ "=" "'" *CHAR "'" ]. */
#include "objects.h"

static bool is_argument_char(uint8_t c)
{
	return c >= 0x21 && c <= 0x7E && c != '"' && c != '\'' && c != '\\';
}

static bool read_argument(struct reader *r, struct arguments *arguments)
{
	uint8_t digit = (uint8_t)(read_u8(r) - '0');
	const uint8_t *start;

	if (digit > 9 || arguments->has[digit])
		return false;
	arguments->has[digit] = true;
	if (peek_u8(r) != '=')
		return true;
	read_u8(r);
	if (read_u8(r) != '\'')
		return false;
	start = r->at;
	while (is_argument_char(peek_u8(r)))
		read_u8(r);
	arguments->has_value[digit] = true;
	arguments->value[digit] = bytes_of(start, (size_t)(r->at - start));
	return read_u8(r) == '\'' && !r->bad;
}

enum err arguments_parse(struct bytes text, struct arguments *ret_arguments)
{
	struct arguments arguments = { .has = { false } };
	struct reader r = reader_of(text);

	while (reader_left(&r) > 0) {
		if (!read_argument(&r, &arguments))
			return ERR_MALFORMED;
		if (reader_left(&r) == 0)
			break;
		if (read_u8(&r) != ',')
			return ERR_MALFORMED;
		while (peek_u8(&r) == ' ') /* drafts print one; nobody should send it */
			read_u8(&r);
		if (reader_left(&r) == 0)
			return ERR_MALFORMED;
	}
	*ret_arguments = arguments;
	return ERR_NONE;
}
