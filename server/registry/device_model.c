/* LwM2M Core TS 1.2, 6.2.1 and Appendix E: which version of an object a device has */
#include "registry.h"

#include <string.h>

/* What a version of LwM2M implies for its own objects, where a link tells no version. 1.0 is what all others
 * have and needs no row. That of 1.1 is from memory. */
static const struct {
	const char *enabler;
	struct object_version version;
} implied[] = {
	/* clang-format off */
	{ "1.1", { 0, 1, 1 } }, { "1.1", { 1, 1, 1 } }, { "1.1", { 3, 1, 1 } }, { "1.1", { 4, 1, 2 } },
	{ "1.2", { 0, 1, 2 } }, { "1.2", { 1, 1, 2 } }, { "1.2", { 2, 1, 1 } }, { "1.2", { 3, 1, 2 } },
	{ "1.2", { 4, 1, 3 } }, { "1.2", { 5, 1, 1 } }, { "1.2", { 21, 2, 0 } },
	/* clang-format on */
};

static struct object_version implied_version(const char *enabler, uint16_t object)
{
	for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++) {
		if (implied[i].version.object == object && strcmp(implied[i].enabler, enabler) == 0)
			return implied[i].version;
	}
	return (struct object_version){ object, 1, 0 };
}

static struct object_version version_of(const struct device *device, const struct device_object *object)
{
	if (object->version == 0)
		return implied_version(device->version, object->object);
	return (struct object_version){ object->object, object->version >> 8, object->version & 0xff };
}

enum err device_model(const struct device *device, const struct model *model, struct arena *arena,
		      const struct model **ret_model)
{
	struct object_version *versions =
		arena_alloc_array(arena, device->object_count + 1, sizeof(*versions));
	size_t count = 0;

	if (versions == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < device->object_count; i++) {
		/* In order, and each instance has the version of its object: see register_request.h. */
		if (count == 0 || versions[count - 1].object != device->objects[i].object)
			versions[count++] = version_of(device, &device->objects[i]);
	}
	return model_view(arena, model, versions, count, device->root, ret_model);
}
