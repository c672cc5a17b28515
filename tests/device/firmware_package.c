#include "firmware_package.h"

#include <cardea/crypto.h>

#define DIGEST_HEX (2 * SHA256_SIZE)

/* What stands between `name` and the end of the line. False, and the reader stays, when the line has another
 * name. */
static bool read_line(struct reader *r, const char *name, struct bytes *ret_value)
{
	struct reader ahead = *r;
	size_t len = 0;

	if (!bytes_equal_text(read_bytes(&ahead, strlen(name)), name))
		return false;
	struct reader value = ahead;
	while (reader_left(&ahead) > 0 && peek_u8(&ahead) != '\n') {
		(void)read_u8(&ahead);
		len++;
	}
	if (!read_if(&ahead, '\n'))
		return false;
	*ret_value = read_bytes(&value, len);
	*r = ahead;
	return true;
}

static bool is_digest_of(struct bytes hex, struct bytes content)
{
	struct arena *arena = arena_create(0);
	uint8_t digest[SHA256_SIZE];
	struct bytes expected;
	char text[DIGEST_HEX + 1] = "";
	bool is_it = arena != NULL && hex.len == DIGEST_HEX && sha256(content, digest) == ERR_NONE;

	if (is_it) {
		memcpy(text, hex.at, DIGEST_HEX);
		is_it = bytes_from_hex(arena, text, &expected) == ERR_NONE &&
			bytes_equal(expected, bytes_of(digest, sizeof(digest)));
	}
	arena_free(arena);
	return is_it;
}

enum firmware_result firmware_package_check(struct bytes package, char ret_version[FIRMWARE_VERSION_SIZE])
{
	struct reader r = reader_of(package);
	struct bytes version, digest;

	if (!read_line(&r, "VERSION ", &version) || version.len == 0 ||
	    version.len >= FIRMWARE_VERSION_SIZE || !bytes_are_utf8(version))
		return FIRMWARE_BAD_TYPE;
	if (read_line(&r, "SHA256 ", &digest) && !is_digest_of(digest, read_rest(&r)))
		return FIRMWARE_BAD_INTEGRITY;
	memcpy(ret_version, version.at, version.len);
	ret_version[version.len] = '\0';
	return FIRMWARE_INITIAL;
}
