/* LwM2M.xsd and LWM2M-v1_1.xsd. A range is free text in practice ("0..255 bytes", "16,32,48", "8-Bits"): what
 * is not two numbers is kept as text and not checked. */
#include "ddf.h"

#include <limits.h>
#include <math.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "decimal.h"

struct parser {
	struct arena *arena;
	struct fault *fault;
	const char *object; /* "30401": which object a fault is in, "?" before it is known */
};

/* ---- elements ---- */

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && xmlStrcmp(node->name, BAD_CAST name) == 0;
}

static const xmlNode *child(const xmlNode *parent, const char *name)
{
	for (const xmlNode *node = parent->children; node != NULL; node = node->next) {
		if (is_element(node, name))
			return node;
	}
	return NULL;
}

static const char *trimmed_copy(struct arena *arena, const xmlChar *text)
{
	const char *first = (const char *)text;
	size_t length;

	first += strspn(first, " \t\r\n");
	length = strlen(first);
	while (length > 0 && strchr(" \t\r\n", first[length - 1]) != NULL)
		length--;
	return arena_strndup(arena, first, length);
}

/* The text of a child without blanks around it, "" when there is no such child. */
static enum err child_text(struct parser *p, const xmlNode *parent, const char *name, const char **ret_text)
{
	const xmlNode *node = child(parent, name);
	xmlChar *content = node == NULL ? NULL : xmlNodeGetContent(node);
	const char *text = content == NULL ? "" : trimmed_copy(p->arena, content);

	xmlFree(content);
	if (text == NULL)
		return ERR_NOMEM;
	*ret_text = text;
	return ERR_NONE;
}

static bool parse_id(const char *text, uint16_t *ret_id)
{
	uint64_t id;

	if (!decimal_parse_unsigned(bytes_of_text(text), &id) || id >= LWM2M_ID_NONE)
		return false;
	*ret_id = (uint16_t)id;
	return true;
}

/* "Multiple" or "Mandatory" against "Single" or "Optional" */
static enum err child_choice(struct parser *p, const xmlNode *parent, const char *name, const char *yes,
			     const char *no, bool *ret_choice)
{
	const char *text;
	enum err err = child_text(p, parent, name, &text);

	if (err != ERR_NONE)
		return err;
	if (strcasecmp(text, yes) != 0 && strcasecmp(text, no) != 0)
		return fault_set(p->fault, ERR_MALFORMED, "object %s: %s is '%.32s', neither %s nor %s",
				 p->object, name, text, yes, no);
	*ret_choice = strcasecmp(text, yes) == 0;
	return ERR_NONE;
}

/* ---- ranges ---- */

static struct bytes take_number(struct reader *r)
{
	const uint8_t *first = r->at;
	struct reader fraction;

	read_if(r, '-');
	while (peek_u8(r) >= '0' && peek_u8(r) <= '9')
		read_u8(r);
	/* the point of "1.5" but not of "1..5" */
	fraction = *r;
	if (read_u8(&fraction) == '.' && peek_u8(&fraction) >= '0' && peek_u8(&fraction) <= '9') {
		*r = fraction;
		while (peek_u8(r) >= '0' && peek_u8(r) <= '9')
			read_u8(r);
	}
	return bytes_of(first, (size_t)(r->at - first));
}

static size_t take_all(struct reader *r, const char *set)
{
	size_t count = 0;

	while (peek_u8(r) != 0 && strchr(set, peek_u8(r)) != NULL) {
		read_u8(r);
		count++;
	}
	return count;
}

/* "0..255", "1...15", "-110 .. -48", "0..255 bytes": two numbers, and a unit after a blank. */
static bool parse_range(const char *text, double *ret_min, double *ret_max)
{
	struct reader r = reader_of(bytes_of_text(text));
	struct bytes first, second;
	double min, max;
	size_t dots, blanks;

	first = take_number(&r);
	take_all(&r, " ");
	dots = take_all(&r, ".");
	take_all(&r, " ");
	second = take_number(&r);
	blanks = take_all(&r, " \t\r\n");
	if (blanks > 0)
		take_all(&r, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ");
	if (dots < 2 || !reader_done(&r) || !decimal_parse_real(first, &min) ||
	    !decimal_parse_real(second, &max) || min > max)
		return false;
	*ret_min = min;
	*ret_max = max;
	return true;
}

/* ---- resources ---- */

struct type_row {
	const char *name;
	enum lwm2m_type type;
};

static const struct type_row types[] = {
	{ "String", LWM2M_STRING },   { "Integer", LWM2M_INTEGER }, { "Float", LWM2M_FLOAT },
	{ "Boolean", LWM2M_BOOLEAN }, { "Opaque", LWM2M_OPAQUE },   { "Time", LWM2M_TIME },
	{ "Objlnk", LWM2M_OBJLNK },   { "Corelnk", LWM2M_CORELNK }, { "Unsigned Integer", LWM2M_UNSIGNED },
	{ "None", LWM2M_NONE },       { "", LWM2M_NONE },
};

static enum err parse_type(struct parser *p, const xmlNode *item, struct resource_model *resource)
{
	const char *text;
	enum err err = child_text(p, item, "Type", &text);

	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcasecmp(types[i].name, text) != 0)
			continue;
		resource->type = (resource->access & MODEL_EXECUTE) ? LWM2M_NONE : types[i].type;
		return ERR_NONE;
	}
	return fault_set(p->fault, ERR_MALFORMED, "object %s, resource %u: unknown Type '%.32s'", p->object,
			 resource->id, text);
}

static enum err parse_operations(struct parser *p, const xmlNode *item, struct resource_model *resource)
{
	static const char letters[] = "RWE"; /* in the order of the bits of enum model_access */
	const char *text;
	enum err err = child_text(p, item, "Operations", &text);

	if (err != ERR_NONE)
		return err;
	for (const char *at = text; *at != 0; at++) {
		const char *letter = strchr(letters, *at);

		if (letter == NULL)
			return fault_set(p->fault, ERR_MALFORMED,
					 "object %s, resource %u: unknown Operations '%.32s'", p->object,
					 resource->id, text);
		resource->access |= 1u << (letter - letters);
	}
	return ERR_NONE;
}

static enum err parse_item_id(struct parser *p, const xmlNode *item, uint16_t *ret_id)
{
	xmlChar *text = xmlGetNoNsProp(item, BAD_CAST "ID");
	bool is_id = text != NULL && parse_id((const char *)text, ret_id);

	if (!is_id)
		fault_set(p->fault, ERR_MALFORMED,
			  "object %s: the ID '%.32s' of an Item is not a number from 0 to 65534", p->object,
			  text == NULL ? "" : (const char *)text);
	xmlFree(text);
	return is_id ? ERR_NONE : ERR_MALFORMED;
}

static enum err parse_item(struct parser *p, const xmlNode *item, struct resource_model *resource)
{
	enum err err = parse_item_id(p, item, &resource->id);

	if (err == ERR_NONE)
		err = child_text(p, item, "Name", &resource->name);
	if (err == ERR_NONE)
		err = parse_operations(p, item, resource);
	if (err == ERR_NONE)
		err = child_choice(p, item, "MultipleInstances", "Multiple", "Single",
				   &resource->is_multiple);
	if (err == ERR_NONE)
		err = child_choice(p, item, "Mandatory", "Mandatory", "Optional", &resource->is_mandatory);
	if (err == ERR_NONE)
		err = parse_type(p, item, resource);
	if (err == ERR_NONE)
		err = child_text(p, item, "RangeEnumeration", &resource->range);
	if (err == ERR_NONE)
		err = child_text(p, item, "Units", &resource->units);
	if (err == ERR_NONE)
		resource->has_range = parse_range(resource->range, &resource->min, &resource->max);
	return err;
}

static size_t count_children(const xmlNode *parent, const char *name)
{
	size_t count = 0;

	for (const xmlNode *node = parent->children; node != NULL; node = node->next)
		count += is_element(node, name);
	return count;
}

static int compare_resources(const void *a, const void *b)
{
	const struct resource_model *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

static enum err parse_resources(struct parser *p, const xmlNode *object_node, struct object_model *object)
{
	const xmlNode *list = child(object_node, "Resources");
	struct resource_model *resources;
	size_t count = 0;

	if (list == NULL)
		return fault_set(p->fault, ERR_MALFORMED, "object %s has no Resources", p->object);
	resources = arena_alloc_array(p->arena, count_children(list, "Item"), sizeof(*resources));
	if (resources == NULL)
		return ERR_NOMEM;
	for (const xmlNode *node = list->children; node != NULL; node = node->next) {
		enum err err = is_element(node, "Item") ? parse_item(p, node, &resources[count++]) : ERR_NONE;

		if (err != ERR_NONE)
			return err;
	}
	qsort(resources, count, sizeof(*resources), compare_resources);
	for (size_t i = 1; i < count; i++) {
		if (resources[i].id == resources[i - 1].id)
			return fault_set(p->fault, ERR_MALFORMED, "object %s has resource %u twice",
					 p->object, resources[i].id);
	}
	object->resources = resources;
	object->resource_count = count;
	return ERR_NONE;
}

/* ---- objects ---- */

static enum err parse_object_id(struct parser *p, const xmlNode *node, struct object_model *object)
{
	const char *text;
	enum err err = child_text(p, node, "ObjectID", &text);

	if (err != ERR_NONE)
		return err;
	if (!parse_id(text, &object->id))
		return fault_set(p->fault, ERR_MALFORMED, "ObjectID '%.32s' is not a number from 0 to 65534",
				 text);
	p->object = text;
	return ERR_NONE;
}

static enum err parse_version(struct parser *p, const xmlNode *node, struct object_model *object)
{
	const char *text;
	enum err err = child_text(p, node, "ObjectVersion", &text);

	if (err != ERR_NONE)
		return err;
	if (*text == 0)
		text = "1.0";
	if (!version_parse(bytes_of_text(text), &object->major, &object->minor))
		return fault_set(p->fault, ERR_MALFORMED, "object %s: ObjectVersion '%.32s' is not like 1.0",
				 p->object, text);
	return ERR_NONE;
}

static enum err parse_object(struct parser *p, const xmlNode *node, struct object_model *object)
{
	enum err err = parse_object_id(p, node, object);

	if (err == ERR_NONE)
		err = child_text(p, node, "Name", &object->name);
	if (err == ERR_NONE && *object->name == 0)
		err = fault_set(p->fault, ERR_MALFORMED, "object %s has no Name", p->object);
	if (err == ERR_NONE)
		err = child_text(p, node, "ObjectURN", &object->urn);
	if (err == ERR_NONE)
		err = child_text(p, node, "LWM2MVersion", &object->enabler_version);
	if (err == ERR_NONE && *object->enabler_version == 0)
		object->enabler_version = "1.0";
	if (err == ERR_NONE)
		err = parse_version(p, node, object);
	if (err == ERR_NONE)
		err = child_choice(p, node, "MultipleInstances", "Multiple", "Single", &object->is_multiple);
	if (err == ERR_NONE)
		err = child_choice(p, node, "Mandatory", "Mandatory", "Optional", &object->is_mandatory);
	if (err == ERR_NONE)
		err = parse_resources(p, node, object);
	return err;
}

static enum err parse_document(struct parser *p, const xmlDoc *document,
			       const struct object_model **ret_objects, size_t *ret_count)
{
	const xmlNode *root = xmlDocGetRootElement(document);
	struct object_model *objects;
	size_t count = 0;

	if (document->intSubset != NULL || document->extSubset != NULL)
		return fault_set(p->fault, ERR_MALFORMED, "a document type is not taken");
	if (root == NULL || !is_element(root, "LWM2M") || count_children(root, "Object") == 0)
		return fault_set(p->fault, ERR_MALFORMED, "no LWM2M element with an Object in it");
	objects = arena_alloc_array(p->arena, count_children(root, "Object"), sizeof(*objects));
	if (objects == NULL)
		return ERR_NOMEM;
	for (const xmlNode *node = root->children; node != NULL; node = node->next) {
		enum err err;

		if (!is_element(node, "Object"))
			continue;
		p->object = "?";
		err = parse_object(p, node, &objects[count++]);
		if (err != ERR_NONE)
			return err;
	}
	*ret_objects = objects;
	*ret_count = count;
	return ERR_NONE;
}

static enum err refuse_xml(const xmlParserCtxt *context, struct fault *fault)
{
	const xmlError *error = xmlCtxtGetLastError((void *)context);
	const char *message = error == NULL || error->message == NULL ? "?" : error->message;

	return fault_set(fault, ERR_MALFORMED, "XML, line %d: %.*s", error == NULL ? 0 : error->line,
			 (int)strcspn(message, "\n"), message);
}

enum err ddf_parse(struct arena *arena, struct bytes xml, const struct object_model **ret_objects,
		   size_t *ret_count, struct fault *fault)
{
	/* No XML_PARSE_NOENT and no XML_PARSE_DTDLOAD: entities are not resolved, nothing is loaded. */
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT;
	struct parser p = { .arena = arena, .fault = fault, .object = "?" };
	xmlParserCtxt *context;
	xmlDoc *document;
	enum err err;

	if (xml.len == 0 || xml.len > INT_MAX)
		return fault_set(fault, ERR_MALFORMED, "XML: %s", xml.len == 0 ? "nothing" : "too long");
	context = xmlNewParserCtxt();
	if (context == NULL)
		return ERR_NOMEM;
	document = xmlCtxtReadMemory(context, (const char *)xml.at, (int)xml.len, NULL, NULL, options);
	if (document == NULL)
		err = refuse_xml(context, fault);
	else
		err = parse_document(&p, document, ret_objects, ret_count);
	xmlFreeDoc(document);
	xmlFreeParserCtxt(context);
	return err;
}
