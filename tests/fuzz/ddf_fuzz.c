/* What is taken has resources in order, each once, and is found by its version. */
#include "fuzz.h"

#include <stdio.h>

#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct object_model *object;
	struct model *model;
	char version[16];

	require(model_create(&model) == ERR_NONE);
	if (model_add_ddf(model, bytes_of(at, len), NULL) != ERR_NONE)
		require(model_at(model, 0) == NULL);
	for (size_t i = 0; (object = model_at(model, i)) != NULL; i++) {
		snprintf(version, sizeof(version), "%u.%u", object->major, object->minor);
		require(model_object(model, object->id, version) == object);
		require(model_object(model, object->id, NULL) != NULL);
		for (size_t k = 0; k < object->resource_count; k++) {
			const struct resource_model *resource = &object->resources[k];

			require(object_resource(object, resource->id) == resource);
			require(!resource->has_range || resource->min <= resource->max);
		}
	}
	model_free(model);
	return 0;
}
