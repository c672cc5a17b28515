#include "bootstrap_json_hide.h"

#include "bootstrap_configuration.h"
#include "path.h"

static void hide_resources(json_t *resources, struct lwm2m_path instance)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(resources, next, name, value)
	{
		struct lwm2m_path id;

		if (path_parse(bytes_of_text(name), &id, NULL) == ERR_NONE &&
		    bootstrap_is_secret(LWM2M_RESOURCE(instance.object, instance.instance, id.object)))
			json_object_del(resources, name);
	}
}

static void hide_key(json_t *security)
{
	static const char *const names[] = { "keyHex", "privateKeyPem" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *key = json_object_get(security, names[i]);

		if (json_is_string(key))
			wipe((char *)(uintptr_t)json_string_value(key), json_string_length(key));
		json_object_del(security, names[i]);
	}
	hide_resources(json_object_get(security, "resources"), LWM2M_INSTANCE(0, 0));
}

void bootstrap_hide_keys(json_t *document)
{
	json_t *item;
	size_t i;

	json_array_foreach (json_object_get(document, "servers"), i, item)
		hide_key(json_object_get(item, "security"));
	json_array_foreach (json_object_get(document, "objects"), i, item) {
		const char *text = json_string_value(json_object_get(item, "path"));
		struct lwm2m_path path;

		if (text != NULL && path_parse(bytes_of_text(text), &path, NULL) == ERR_NONE)
			hide_resources(json_object_get(item, "resources"), path);
	}
}
