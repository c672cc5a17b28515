/* Object 16, Portfolio 1.0: the object of this device whose instances a server may create and delete. Its
 * optional authentication resources are not there. */
#include "device.h"

enum {
	IDENTITY = 0,
};

static const struct resource resources[] = {
	{ IDENTITY, KIND_STRING, READABLE | WRITABLE, STORED | MULTIPLE | MANDATORY, 0, 255 },
};

/* An instance is there as long as it has a value. */
static size_t instances(const struct device *device, uint16_t ret_ids[INSTANCES_MAX])
{
	return instances_with_values(device, 16, ret_ids);
}

/* An instance without any identity would be gone. */
static enum answer_code check(struct device *device, uint16_t instance, const struct records *records,
			      struct fault *fault)
{
	struct records left = records_in(records->arena);
	size_t removed = 0;

	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->at[i];

		if (record->value.kind != KIND_NONE && record->value.kind != KIND_NULL)
			return CHANGED;
		removed += record->value.kind == KIND_NULL && values_get(&device->values, record->path) != NULL;
	}
	values_read(&device->values, INSTANCE_PATH(16, instance), &left);
	if (removed > 0 && left.count > removed)
		return CHANGED;
	fault_set(fault, ERR_MALFORMED, "a portfolio needs an identity");
	return BAD_REQUEST;
}

const struct object object_portfolio = {
	.id = 16,
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = instances,
	.check = check,
	.is_creatable = true,
};
