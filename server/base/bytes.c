#include <cardea/bytes.h>

#include <stdarg.h>
#include <stdio.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool bytes_equal_text(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_of_text(text));
}

bool text_has_word(const char *words, const char *word)
{
	const size_t length = strlen(word);
	const char *end;

	for (; *words != 0; words = *end == 0 ? end : end + 1) {
		end = words + strcspn(words, " ");
		if ((size_t)(end - words) == length && strncmp(words, word, length) == 0)
			return true;
	}
	return false;
}

struct bytes bytes_first(struct bytes whole, size_t count)
{
	return bytes_of(whole.at, count < whole.len ? count : whole.len);
}

struct bytes bytes_from(struct bytes whole, size_t from)
{
	if (from >= whole.len)
		return bytes_of(NULL, 0);
	return bytes_of(whole.at + from, whole.len - from);
}

enum err bytes_copy(struct arena *arena, struct bytes from, struct bytes *ret_copy)
{
	uint8_t *at = from.len == SIZE_MAX ? NULL : arena_alloc(arena, from.len + 1);

	if (at == NULL)
		return ERR_NOMEM;
	if (from.len > 0)
		memcpy(at, from.at, from.len);
	*ret_copy = bytes_of(at, from.len);
	return ERR_NONE;
}

/* ---- hexadecimal, base64, UTF-8 ---- */

char *bytes_to_hex(struct arena *arena, struct bytes bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	char *hex = bytes.len > SIZE_MAX / 4 ? NULL : arena_alloc(arena, bytes.len * 2 + 1);

	if (hex == NULL)
		return NULL;
	for (size_t i = 0; i < bytes.len; i++) {
		hex[2 * i] = digits[bytes.at[i] >> 4];
		hex[2 * i + 1] = digits[bytes.at[i] & 15];
	}
	return hex;
}

static int digit_of_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

enum err bytes_from_hex(struct arena *arena, const char *hex, struct bytes *ret_bytes)
{
	size_t len = strlen(hex) / 2;
	uint8_t *at;

	if (hex[2 * len] != 0)
		return ERR_MALFORMED;
	at = arena_alloc(arena, len + 1);
	if (at == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < len; i++) {
		int high = digit_of_hex(hex[2 * i]);
		int low = digit_of_hex(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_MALFORMED;
		at[i] = (uint8_t)(high << 4 | low);
	}
	*ret_bytes = bytes_of(at, len);
	return ERR_NONE;
}

static char *to_base64(struct arena *arena, struct bytes bytes, const char alphabet[64], bool is_padded)
{
	char *text = bytes.len > SIZE_MAX / 4 ? NULL : arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
	char *to = text;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t group = (uint32_t)bytes.at[i] << 16;

		if (count > 1)
			group |= (uint32_t)bytes.at[i + 1] << 8;
		if (count > 2)
			group |= bytes.at[i + 2];
		for (size_t k = 0; k <= count; k++)
			*to++ = alphabet[group >> (18 - 6 * k) & 63];
		for (size_t k = count; is_padded && k < 3; k++)
			*to++ = '=';
	}
	return text;
}

char *bytes_to_base64(struct arena *arena, struct bytes bytes)
{
	return to_base64(arena, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
			 true);
}

char *bytes_to_base64url(struct arena *arena, struct bytes bytes)
{
	return to_base64(arena, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
			 false);
}

static int digit_of_base64(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

enum err bytes_from_base64(struct arena *arena, struct bytes text, struct bytes *ret_bytes)
{
	size_t digits = text.len, len = 0;
	uint32_t group = 0;
	uint8_t *at;

	while (digits > 0 && text.len - digits < 2 && text.at[digits - 1] == '=')
		digits--;
	if (digits % 4 == 1 || (digits < text.len && text.len % 4 != 0))
		return ERR_MALFORMED;
	at = arena_alloc(arena, digits / 4 * 3 + 4);
	if (at == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < digits; i++) {
		int digit = digit_of_base64(text.at[i]);

		if (digit < 0)
			return ERR_MALFORMED;
		group = group << 6 | (uint32_t)digit;
		if (i % 4 > 0)
			at[len++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
	}
	/* The bits after the last whole byte are 0, else two texts would mean the same bytes. */
	if ((digits % 4 == 2 && (group & 15) != 0) || (digits % 4 == 3 && (group & 3) != 0))
		return ERR_MALFORMED;
	at[len] = 0;
	*ret_bytes = bytes_of(at, len);
	return ERR_NONE;
}

bool bytes_are_utf8(struct bytes bytes)
{
	/* RFC 3629 section 4: how many bytes follow a first byte, and the bounds of the second */
	static const struct utf8_row {
		uint8_t first, last, follow, second_min, second_max;
	} rows[] = {
		{ 0x01, 0x7F, 0, 0x00, 0x00 }, { 0xC2, 0xDF, 1, 0x80, 0xBF }, { 0xE0, 0xE0, 2, 0xA0, 0xBF },
		{ 0xE1, 0xEC, 2, 0x80, 0xBF }, { 0xED, 0xED, 2, 0x80, 0x9F }, { 0xEE, 0xEF, 2, 0x80, 0xBF },
		{ 0xF0, 0xF0, 3, 0x90, 0xBF }, { 0xF1, 0xF3, 3, 0x80, 0xBF }, { 0xF4, 0xF4, 3, 0x80, 0x8F },
	};
	struct reader r = reader_of(bytes);

	while (reader_left(&r) > 0) {
		const struct utf8_row *row = rows, *end = rows + sizeof(rows) / sizeof(rows[0]);
		uint8_t first = read_u8(&r);

		while (row < end && (first < row->first || first > row->last))
			row++;
		if (row == end)
			return false;
		for (unsigned i = 0; i < row->follow; i++) {
			uint8_t next = read_u8(&r);

			if (next < (i == 0 ? row->second_min : 0x80) ||
			    next > (i == 0 ? row->second_max : 0xBF))
				return false;
		}
	}
	return !r.bad;
}

/* ---- reader ---- */

struct bytes read_bytes(struct reader *r, size_t count)
{
	struct bytes field;

	if (count > reader_left(r)) {
		r->bad = true;
		return bytes_of(NULL, 0);
	}
	field = bytes_of(r->at, count);
	if (count > 0)
		r->at += count;
	return field;
}

struct bytes read_rest(struct reader *r)
{
	return read_bytes(r, reader_left(r));
}

uint64_t read_uint(struct reader *r, size_t width)
{
	struct bytes field = read_bytes(r, width);
	uint64_t value = 0;

	if (width > sizeof(value)) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < field.len; i++)
		value = value << 8 | field.at[i];
	return value;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_uint(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_uint(r, 2);
}

uint32_t read_u24(struct reader *r)
{
	return (uint32_t)read_uint(r, 3);
}

uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_uint(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_uint(r, 8);
}

uint8_t peek_u8(const struct reader *r)
{
	return reader_left(r) > 0 ? *r->at : 0;
}

bool reader_done(const struct reader *r)
{
	return !r->bad && r->at == r->end;
}

/* ---- builder ---- */

#define FIRST_CAPACITY 64

/* Room for `count` bytes at the end of what is built, counted as built; NULL when there is none. */
static uint8_t *extend(struct builder *b, size_t count)
{
	size_t capacity = b->capacity == 0 ? FIRST_CAPACITY : b->capacity;
	uint8_t *at;

	if (b->bad)
		return NULL;
	if (count > b->capacity - b->len) {
		while (capacity - b->len < count && capacity <= SIZE_MAX / 2)
			capacity *= 2;
		at = capacity - b->len < count ? NULL : arena_grow(b->arena, b->at, b->capacity, capacity);
		if (at == NULL) {
			b->bad = true;
			return NULL;
		}
		b->at = at;
		b->capacity = capacity;
	}
	b->len += count;
	return b->at + b->len - count;
}

void build_uint(struct builder *b, uint64_t value, size_t width)
{
	uint8_t *to;

	if (width > sizeof(value) || (width < sizeof(value) && value >> (8 * width) != 0)) {
		b->bad = true;
		return;
	}
	to = extend(b, width);
	for (size_t i = 0; to != NULL && i < width; i++)
		to[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
}

void build_u8(struct builder *b, uint8_t value)
{
	build_uint(b, value, 1);
}

void build_u16(struct builder *b, uint16_t value)
{
	build_uint(b, value, 2);
}

void build_u24(struct builder *b, uint32_t value)
{
	build_uint(b, value, 3);
}

void build_u32(struct builder *b, uint32_t value)
{
	build_uint(b, value, 4);
}

void build_u64(struct builder *b, uint64_t value)
{
	build_uint(b, value, 8);
}

void build_bytes(struct builder *b, struct bytes bytes)
{
	uint8_t *to = extend(b, bytes.len);

	if (to != NULL && bytes.len > 0)
		memcpy(to, bytes.at, bytes.len);
}

void build_text(struct builder *b, const char *text)
{
	build_bytes(b, bytes_of_text(text));
}

void build_printf(struct builder *b, const char *format, ...)
{
	va_list arguments;
	uint8_t *to;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0) {
		b->bad = true;
		return;
	}
	to = extend(b, (size_t)length + 1); /* vsnprintf ends with a 0, which is not ours */
	if (to == NULL)
		return;
	va_start(arguments, format);
	vsnprintf((char *)to, (size_t)length + 1, format, arguments);
	va_end(arguments);
	b->len--;
}

void build_zeros(struct builder *b, size_t count)
{
	uint8_t *to = extend(b, count);

	if (to != NULL && count > 0)
		memset(to, 0, count);
}

enum err builder_bytes(const struct builder *b, struct bytes *ret_bytes)
{
	if (b->bad)
		return ERR_NOMEM;
	*ret_bytes = bytes_of(b->at, b->len);
	return ERR_NONE;
}
