/* RFC 6690, section 2: CoRE link format. Of URI-Reference only path-absolute is taken, as LwM2M uses no
 * other. */
#include "link.h"

#include <ctype.h>

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(uint8_t c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

/* RFC 3986, 3.3 pchar, without "%" */
static bool is_path_character(uint8_t c)
{
	return is_letter_or_digit(c) || is_one_of(c, "-._~!$&'()*+,;=:@");
}

/* RFC 5987 attr-char, and the "*" of RFC 6690 ext-name-star */
static bool is_name_character(uint8_t c)
{
	return is_letter_or_digit(c) || is_one_of(c, "!#$&+-.^_`|~*");
}

/* RFC 6690 ptokenchar */
static bool is_token_character(uint8_t c)
{
	return is_letter_or_digit(c) || is_one_of(c, "/.!#$%&'()*+-:<=>?@[]^_`{|}~");
}

/* ---- reading ---- */

struct parser {
	struct reader r;
	const uint8_t *start;
	struct arena *arena;
	struct fault *fault;
	bool is_tolerant;
};

static enum err refuse(const struct parser *p, const char *what)
{
	return fault_set_at(p->fault, ERR_MALFORMED, (size_t)(p->r.at - p->start), "link format: %s", what);
}

static void skip_blanks(struct parser *p)
{
	while (p->is_tolerant && is_one_of(peek_u8(&p->r), " \t\r\n"))
		read_u8(&p->r);
}

static struct bytes take_while(struct reader *r, bool (*is_member)(uint8_t))
{
	const uint8_t *first = r->at;

	while (is_member(peek_u8(r)))
		read_u8(r);
	return bytes_of(first, (size_t)(r->at - first));
}

static bool take_percent_encoded(struct reader *r)
{
	return read_if(r, '%') && isxdigit(read_u8(r)) && isxdigit(read_u8(r)) && !r->bad;
}

/* path-absolute = "/" [ segment-nz *( "/" segment ) ]. Tells what is wrong, or NULL. */
static const char *check_target(struct reader *r)
{
	if (!read_if(r, '/'))
		return "a target begins with '/'";
	if (peek_u8(r) == '/')
		return "a target does not begin with '//'";
	while (is_path_character(peek_u8(r)) || peek_u8(r) == '/' || peek_u8(r) == '%') {
		if (peek_u8(r) != '%')
			read_u8(r);
		else if (!take_percent_encoded(r))
			return "'%' without two hexadecimal digits";
	}
	return NULL;
}

static enum err parse_target(struct parser *p, struct bytes *ret_target)
{
	const uint8_t *first;
	const char *fault;

	if (!read_if(&p->r, '<'))
		return refuse(p, "a link begins with '<'");
	first = p->r.at;
	fault = check_target(&p->r);
	if (fault != NULL)
		return refuse(p, fault);
	*ret_target = bytes_of(first, (size_t)(p->r.at - first));
	return read_if(&p->r, '>') ? ERR_NONE : refuse(p, "a target of path characters ends with '>'");
}

static enum err unescape(struct parser *p, struct bytes escaped, struct bytes *ret_text)
{
	struct builder b = builder_in(p->arena);
	struct reader r = reader_of(escaped);

	while (reader_left(&r) > 0) {
		read_if(&r, '\\');
		build_u8(&b, read_u8(&r));
	}
	return builder_bytes(&b, ret_text);
}

/* After the opening quotation mark. */
static enum err parse_quoted(struct parser *p, struct bytes *ret_value)
{
	struct reader *r = &p->r;
	const uint8_t *first = r->at;
	bool has_escape = false;
	struct bytes value;

	while (reader_left(r) > 0 && peek_u8(r) != '"') {
		if (read_if(r, '\\'))
			has_escape = true;
		if (reader_left(r) > 0 && iscntrl(read_u8(r)))
			return refuse(p, "control character in a quoted value");
	}
	value = bytes_of(first, (size_t)(r->at - first));
	if (!read_if(r, '"'))
		return refuse(p, "a quoted value does not end");
	if (!bytes_are_utf8(value))
		return refuse(p, "a quoted value is not UTF-8");
	if (has_escape)
		return unescape(p, value, ret_value);
	*ret_value = value;
	return ERR_NONE;
}

static enum err parse_attribute(struct parser *p, struct link_attribute *attribute)
{
	attribute->name = take_while(&p->r, is_name_character);
	if (attribute->name.len == 0)
		return refuse(p, "an attribute begins with its name");
	attribute->has_value = read_if(&p->r, '=');
	if (!attribute->has_value)
		return ERR_NONE;
	attribute->quoted = read_if(&p->r, '"');
	if (attribute->quoted)
		return parse_quoted(p, &attribute->value);
	attribute->value = take_while(&p->r, is_token_character);
	return attribute->value.len > 0 ? ERR_NONE : refuse(p, "'=' without a value");
}

static enum err parse_one(struct parser *p, struct link *link, struct link_attribute *attributes)
{
	enum err err = parse_target(p, &link->target);

	link->attributes = attributes;
	skip_blanks(p);
	while (err == ERR_NONE && read_if(&p->r, ';')) {
		skip_blanks(p);
		err = parse_attribute(p, &attributes[link->attribute_count++]);
		skip_blanks(p);
	}
	return err;
}

static size_t count_of(struct bytes text, uint8_t c)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.at[i] == c;
	return count;
}

enum err link_parse(struct arena *arena, struct bytes text, bool tolerant, struct links *ret_links,
		    struct fault *fault)
{
	struct parser p = { reader_of(text), text.at, arena, fault, tolerant };
	struct link_attribute *attributes;
	struct link *links;
	size_t count = 0;
	enum err err;

	skip_blanks(&p);
	if (reader_left(&p.r) == 0) {
		*ret_links = (struct links){ 0 };
		return ERR_NONE;
	}
	/* Each link has a '<' and each attribute a ';': there cannot be more. */
	links = arena_alloc_array(arena, count_of(text, '<') + 1, sizeof(*links));
	attributes = arena_alloc_array(arena, count_of(text, ';'), sizeof(*attributes));
	if (links == NULL || attributes == NULL)
		return ERR_NOMEM;
	do {
		skip_blanks(&p);
		err = parse_one(&p, &links[count], attributes);
		if (err != ERR_NONE)
			return err;
		attributes += links[count++].attribute_count;
	} while (read_if(&p.r, ','));
	if (!reader_done(&p.r))
		return refuse(&p, "a comma should separate links");
	*ret_links = (struct links){ links, count };
	return ERR_NONE;
}

/* ---- writing ---- */

static bool consists_of(struct bytes text, bool (*is_member)(uint8_t))
{
	struct reader r = reader_of(text);

	return text.len > 0 && take_while(&r, is_member).len == text.len;
}

static bool is_target(struct bytes target)
{
	struct reader r = reader_of(target);

	return check_target(&r) == NULL && reader_done(&r);
}

static bool build_quoted(struct builder *b, struct bytes value)
{
	struct reader r = reader_of(value);

	if (!bytes_are_utf8(value))
		return false;
	build_u8(b, '"');
	while (reader_left(&r) > 0) {
		uint8_t c = read_u8(&r);

		if (iscntrl(c))
			return false;
		if (c == '"' || c == '\\')
			build_u8(b, '\\');
		build_u8(b, c);
	}
	build_u8(b, '"');
	return true;
}

static bool build_attribute(struct builder *b, const struct link_attribute *attribute)
{
	if (!consists_of(attribute->name, is_name_character))
		return false;
	build_u8(b, ';');
	build_bytes(b, attribute->name);
	if (!attribute->has_value)
		return true;
	build_u8(b, '=');
	if (attribute->quoted)
		return build_quoted(b, attribute->value);
	build_bytes(b, attribute->value);
	return consists_of(attribute->value, is_token_character);
}

enum err link_print(struct arena *arena, struct links links, struct bytes *ret_text)
{
	struct builder b = builder_in(arena);

	for (size_t i = 0; i < links.count; i++) {
		const struct link *link = &links.at[i];

		if (!is_target(link->target))
			return ERR_MALFORMED;
		build_text(&b, i == 0 ? "<" : ",<");
		build_bytes(&b, link->target);
		build_u8(&b, '>');
		for (size_t k = 0; k < link->attribute_count; k++) {
			if (!build_attribute(&b, &link->attributes[k]))
				return ERR_MALFORMED;
		}
	}
	return builder_bytes(&b, ret_text);
}

const struct link_attribute *link_attribute(const struct link *link, const char *name)
{
	for (size_t i = 0; i < link->attribute_count; i++) {
		if (bytes_equal_text(link->attributes[i].name, name))
			return &link->attributes[i];
	}
	return NULL;
}
