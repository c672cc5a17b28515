/* The directories of a card: what is read is written and read again as the same. */
#include "fuzz.h"

#include "pkcs15.h"

static void check_application(struct arena *arena, struct bytes bytes)
{
	struct pkcs15_application application, again;
	struct bytes written;

	if (pkcs15_application_read(bytes, &application, NULL) != ERR_NONE)
		return;
	require(pkcs15_application_write(arena, &application, &written) == ERR_NONE);
	require(pkcs15_application_read(written, &again, NULL) == ERR_NONE);
	require(bytes_equal(application.aid, again.aid) && bytes_equal(application.path, again.path) &&
		bytes_equal(application.label, again.label));
}

static void check_directories(struct arena *arena, struct bytes bytes)
{
	struct pkcs15_directories directories, again;
	struct bytes written;

	if (pkcs15_directories_read(arena, bytes, &directories, NULL) != ERR_NONE)
		return;
	require(pkcs15_directories_write(arena, directories, &written) == ERR_NONE);
	require(pkcs15_directories_read(arena, written, &again, NULL) == ERR_NONE);
	require(directories.count == again.count);
	for (size_t i = 0; i < again.count; i++)
		require(bytes_equal(directories.paths[i], again.paths[i]));
}

static void check_object(struct arena *arena, struct bytes bytes)
{
	struct pkcs15_object object, again;
	struct bytes written;

	if (pkcs15_object_read(bytes, &object, NULL) != ERR_NONE)
		return;
	require(pkcs15_object_write(arena, &object, &written) == ERR_NONE);
	require(pkcs15_object_read(written, &again, NULL) == ERR_NONE);
	require(object.is_opaque == again.is_opaque && object.is_private == again.is_private &&
		object.is_modifiable == again.is_modifiable &&
		object.has_double_encoded_oid == again.has_double_encoded_oid);
	require(bytes_equal(object.path, again.path) && bytes_equal(object.label, again.label));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(16 << 20);

	check_application(arena, bytes_of(at, len));
	check_directories(arena, bytes_of(at, len));
	check_object(arena, bytes_of(at, len));
	arena_free(arena);
	return 0;
}
