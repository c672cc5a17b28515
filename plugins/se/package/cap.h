/* The components of a Java Card CAP file: found in either packing, checked, and described. */
#ifndef SE_CAP_H
#define SE_CAP_H

#include "package/load_file.h"

/* By their tags. */
enum component {
	COMPONENT_HEADER = 1,
	COMPONENT_DIRECTORY,
	COMPONENT_APPLET,
	COMPONENT_IMPORT,
	COMPONENT_CONSTANT_POOL,
	COMPONENT_CLASS,
	COMPONENT_METHOD,
	COMPONENT_STATIC_FIELD,
	COMPONENT_REFERENCE_LOCATION,
	COMPONENT_EXPORT,
	COMPONENT_DESCRIPTOR,
	COMPONENT_DEBUG,
	COMPONENT_COUNT
};

#define COMPONENT_MAX_SIZE (3u + UINT16_MAX)

extern const char *const component_names[COMPONENT_COUNT];

/* Whole components, with tag and size; empty when absent. */
struct components {
	struct bytes at[COMPONENT_COUNT];
};

/* Components one after another, in any order. */
MUST_CHECK enum err cap_split(struct bytes content, struct components *ret_components, struct fault *fault);
/* Components in a ZIP, unpacked into the arena. */
MUST_CHECK enum err cap_unzip(struct bytes content, struct arena *arena, struct components *ret_components,
			      struct fault *fault);

/* Checks that the components belong together; fills AID, version and applets of the file. */
MUST_CHECK enum err cap_describe(const struct components *components, struct load_file *file,
				 struct fault *fault);

#endif
