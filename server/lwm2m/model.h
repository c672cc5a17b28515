/* Object definitions, read from DDF XML (LwM2M.xsd). Several versions of an object may be known at once. */
#ifndef CARDEA_LWM2M_MODEL_H
#define CARDEA_LWM2M_MODEL_H

#include <cardea/lwm2m.h>

enum model_access { MODEL_READ = 1, MODEL_WRITE = 2, MODEL_EXECUTE = 4 };

struct resource_model {
	uint16_t id;
	const char *name;
	unsigned access;                /* of enum model_access; 0: bootstrap only */
	bool is_multiple, is_mandatory;
	enum lwm2m_type type;           /* LWM2M_NONE for an executable */
	const char *range, *units;      /* as written; "" when there is none */
	bool has_range;                 /* the range could be read as one: */
	double min, max;                /* of the value, or of its length in octets for strings and opaques */
};

struct object_model {
	uint16_t id;
	const char *name, *urn;
	uint16_t major, minor;          /* object version */
	bool is_multiple, is_mandatory;
	const struct resource_model *resources;
	size_t resource_count;
};

struct model;

MUST_CHECK enum err model_create(struct model **ret_model);
void model_free(struct model *model);           /* accepts NULL */

/* Adds every object of the XML text; one already known in that version is replaced. ERR_MALFORMED names the element. */
MUST_CHECK enum err model_add_ddf(struct model *model, struct bytes xml, struct fault *fault);
/* Every *.xml of a folder. */
MUST_CHECK enum err model_add_folder(struct model *model, const char *path, struct fault *fault);

/* Version "1.1", or NULL for the newest. NULL when it is not known; then values decode by what the format says. */
const struct object_model *model_object(const struct model *model, uint16_t object, const char *version);
const struct resource_model *object_resource(const struct object_model *object, uint16_t resource);

/* Checks a value against type, range and multiplicity. ERR_MALFORMED, ERR_UNSUPPORTED (unknown resource), naming
 * resource and reason. */
MUST_CHECK enum err model_check(const struct model *model, const struct lwm2m_record *record, struct fault *fault);

#endif
