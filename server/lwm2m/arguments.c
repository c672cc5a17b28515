/* LwM2M Core TS 1.1, 6.3.5: arguments of Execute. Their grammar:
 *
 *   arglist = arg *( "," arg )      arg = DIGIT / DIGIT "=" "'" *CHAR "'"
 *
 * Since 1.2.1 each digit may stand there once. An early draft prints a blank after a comma: read, never
 * written. */
#include "arguments.h"

#define MAX_ARGUMENTS (sizeof(((struct arguments *)NULL)->at) / sizeof(struct argument))

/* CHAR = %x21 / %x23-26 / %x28-5B / %x5D-7E: no blank, quotation mark, apostrophe or backslash */
static bool may_stand_in_value(uint8_t c)
{
	return c >= 0x21 && c <= 0x7E && c != '"' && c != '\'' && c != '\\';
}

static bool has_digit(const struct arguments *arguments, uint8_t digit)
{
	for (size_t i = 0; i < arguments->count; i++) {
		if (arguments->at[i].digit == digit)
			return true;
	}
	return false;
}

/* From after "=": the quoted value. */
static enum err parse_value(struct reader *r, const uint8_t *start, struct argument *argument,
			    struct fault *fault)
{
	const uint8_t *first;

	if (read_u8(r) != '\'')
		return fault_set_at(fault, ERR_MALFORMED, (size_t)(r->at - start),
				    "argument %u: the value is not in apostrophes", argument->digit);
	first = r->at;
	while (may_stand_in_value(peek_u8(r)))
		read_u8(r);
	argument->has_value = true;
	argument->value = bytes_of(first, (size_t)(r->at - first));
	if (reader_left(r) == 0)
		return fault_set_at(fault, ERR_MALFORMED, (size_t)(r->at - start),
				    "argument %u: the value does not end", argument->digit);
	if (read_u8(r) != '\'')
		return fault_set_at(fault, ERR_MALFORMED, (size_t)(r->at - start) - 1,
				    "argument %u: the value has a character that may not stand there",
				    argument->digit);
	return ERR_NONE;
}

static enum err parse_argument(struct reader *r, const uint8_t *start, struct arguments *arguments,
			       struct fault *fault)
{
	struct argument *argument;
	size_t offset = (size_t)(r->at - start);
	uint8_t c = read_u8(r);

	if (c < '0' || c > '9')
		return fault_set_at(fault, ERR_MALFORMED, offset, "an argument begins with a digit");
	if (has_digit(arguments, c - '0'))
		return fault_set_at(fault, ERR_MALFORMED, offset, "argument %c stands there twice", c);
	/* ten digits, each once: there is always room */
	argument = &arguments->at[arguments->count++];
	argument->digit = c - '0';
	if (!read_if(r, '='))
		return ERR_NONE;
	return parse_value(r, start, argument, fault);
}

enum err arguments_parse(struct bytes text, struct arguments *ret_arguments, struct fault *fault)
{
	struct arguments arguments = { 0 };
	struct reader r = reader_of(text);
	enum err err;

	if (text.len > 0) {
		err = parse_argument(&r, text.at, &arguments, fault);
		if (err != ERR_NONE)
			return err;
	}
	while (reader_left(&r) > 0) {
		size_t offset = (size_t)(r.at - text.at);

		if (read_u8(&r) != ',')
			return fault_set_at(fault, ERR_MALFORMED, offset,
					    "a comma should separate arguments");
		while (read_if(&r, ' '))
			continue;
		err = parse_argument(&r, text.at, &arguments, fault);
		if (err != ERR_NONE)
			return err;
	}
	*ret_arguments = arguments;
	return ERR_NONE;
}

enum err arguments_print(struct arena *arena, const struct arguments *arguments, struct bytes *ret_text)
{
	struct builder b = builder_in(arena);
	struct arguments seen = { 0 };

	if (arguments->count > MAX_ARGUMENTS)
		return ERR_LIMIT;
	for (size_t i = 0; i < arguments->count; i++) {
		const struct argument *argument = &arguments->at[i];

		if (argument->digit > 9 || has_digit(&seen, argument->digit))
			return ERR_MALFORMED;
		seen.at[seen.count++] = *argument;
		build_printf(&b, i == 0 ? "%u" : ",%u", argument->digit);
		if (!argument->has_value)
			continue;
		for (size_t k = 0; k < argument->value.len; k++) {
			if (!may_stand_in_value(argument->value.at[k]))
				return ERR_MALFORMED;
		}
		build_text(&b, "='");
		build_bytes(&b, argument->value);
		build_u8(&b, '\'');
	}
	return builder_bytes(&b, ret_text);
}
