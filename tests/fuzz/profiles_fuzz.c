/* The pid of a Register: whatever it says, the links of the message stay behind the lists that it stands for.
 */
#include "fuzz.h"

#include "profiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct bytes links = bytes_of_text("</9/9>");
	struct arena *arena = arena_create(16 << 20);
	struct profiles *profiles;
	struct bytes expanded;

	require(profiles_create("{\"6:27354b9a\":\"</1/0>,</3/0>\",\"v:a\":\"</4/0>\"}", &profiles, NULL) ==
		ERR_NONE);
	if (profiles_expand(profiles, arena, bytes_of(at, len), links, &expanded) == ERR_NONE) {
		require(expanded.len >= links.len);
		require(bytes_equal(bytes_from(expanded, expanded.len - links.len), links));
	}
	profiles_free(profiles);
	arena_free(arena);
	return 0;
}
