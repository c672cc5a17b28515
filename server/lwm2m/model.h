/* Object definitions, read from DDF XML (LwM2M.xsd). Several versions of an object may be known at once. */
#ifndef CARDEA_LWM2M_MODEL_H
#define CARDEA_LWM2M_MODEL_H

#include <cardea/lwm2m.h>

enum model_access { MODEL_READ = 1, MODEL_WRITE = 2, MODEL_EXECUTE = 4 };

struct resource_model {
	uint16_t id;
	const char *name;
	unsigned access; /* of enum model_access; 0: bootstrap only */
	bool is_multiple, is_mandatory;
	enum lwm2m_type type;      /* LWM2M_NONE for an executable, and where the definition gives none */
	const char *range, *units; /* as written; "" when there is none */
	bool has_range;            /* the range could be read as one: */
	double min, max;           /* of the value, or of its length in octets for strings and opaques */
};

struct object_model {
	uint16_t id;
	const char *name, *urn;
	const char *enabler_version; /* LWM2MVersion: the first LwM2M that has it, "1.0" when not said */
	uint16_t major, minor;       /* object version */
	bool is_multiple, is_mandatory;
	const struct resource_model *resources; /* in the order of their ids */
	size_t resource_count;
};

struct model;

/* Which version of an object somebody has. */
struct object_version {
	uint16_t object, major, minor;
};

/* "1.1" as two numbers; false for anything else. */
bool version_parse(struct bytes text, uint16_t *ret_major, uint16_t *ret_minor);

MUST_CHECK enum err model_create(struct model **ret_model);
void model_free(struct model *model); /* accepts NULL */

/* Adds all objects of the XML text or none; one already known in that version is replaced, what was handed
 * out stays valid until model_free. ERR_MALFORMED names the element. */
MUST_CHECK enum err model_add_ddf(struct model *model, struct bytes xml, struct fault *fault);
/* Every *.xml of a folder, up to the first that is refused, which the fault names. ERR_NOT_FOUND: no such
 * folder. */
MUST_CHECK enum err model_add_folder(struct model *model, const char *path, struct fault *fault);

/* The same definitions for one who has these versions, in order of their objects and each object once: to him
 * the newest definition of an object is the one of his version, where that is known. `root` is the path in
 * front of all his names, "/lwm2m", or "". In the arena, together with copies of both; the model outlives it,
 * and what is added to the model is seen here too. ERR_NOMEM. */
MUST_CHECK enum err model_view(struct arena *arena, const struct model *model,
			       const struct object_version *versions, size_t count, const char *root,
			       const struct model **ret_view);
/* What stands in front of each path in a name; "" without a view. Accepts NULL. */
const char *model_root(const struct model *model);

/* Row by row, in order of id and version, for lists; NULL after the last. */
const struct object_model *model_at(const struct model *model, size_t i);
/* Version "1.1", or NULL for the newest. NULL when it is not known; then values decode by what the format
 * says. */
const struct object_model *model_object(const struct model *model, uint16_t object, const char *version);
const struct resource_model *object_resource(const struct object_model *object, uint16_t resource);
/* The resource at a path of depth 3 or 4, by the newest definition; NULL when it is not known, and without a
 * model. */
const struct resource_model *model_resource(const struct model *model, struct lwm2m_path path);

/* Checks a value against type, range and multiplicity of the newest definition. ERR_MALFORMED,
 * ERR_UNSUPPORTED (unknown object or resource), naming resource and reason. */
MUST_CHECK enum err model_check(const struct model *model, const struct lwm2m_record *record,
				struct fault *fault);

#endif
