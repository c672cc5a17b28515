#include "inventory/difference.h"

#include <stdbool.h>
#include <string.h>

/* Lists, and the members that name an element. */
static const struct list {
	const char *member, *what;
	const char *names[2];
} lists[] = {
	{ "securityDomains", "security-domain", { "aidHex" } },
	{ "applications", "application", { "aidHex" } },
	{ "loadFiles", "load-file", { "aidHex" } },
	{ "keys", "key", { "version", "id" } },
};

/* The sequence counter is not among them: it grows with each session. */
static const struct single {
	const char *member, *what;
} singles[] = {
	{ "state", "reader-state" }, { "readerName", "reader-name" },
	{ "type", "reader-type" },   { "identifier", "identifier" },
	{ "atrHex", "atr" },         { "issuerSecurityDomain", "issuer-security-domain" },
	{ "iinHex", "iin" },         { "cinHex", "cin" },
	{ "cardData", "card-data" }, { "capabilities", "capabilities" },
	{ "cplc", "cplc" },          { "resources", "resources" },
};

static bool has_names_of(const struct list *list, const json_t *element, const json_t *other)
{
	for (size_t i = 0; i < 2 && list->names[i] != NULL; i++) {
		if (!json_equal(json_object_get(element, list->names[i]),
				json_object_get(other, list->names[i])))
			return false;
	}
	return true;
}

static json_t *find(const struct list *list, const json_t *elements, const json_t *named)
{
	json_t *element;
	size_t i;

	json_array_foreach (elements, i, element) {
		if (has_names_of(list, element, named))
			return element;
	}
	return NULL;
}

/* The members of `element` that `other` has with another value; those of the keyed kind name it and are
 * equal. */
static json_t *unlike(const json_t *element, const json_t *other)
{
	json_t *members = json_object(), *value;
	const char *name;

	json_object_foreach ((json_t *)element, name, value) {
		const json_t *there = json_object_get(other, name);
		if (there != NULL && !json_equal(value, there))
			json_object_set(members, name, value);
	}
	return members;
}

static void add(json_t *found, json_t *take_about, const char *change, json_t *take_before,
		json_t *take_after)
{
	json_object_set_new(take_about, "change", json_string(change));
	if (take_before != NULL)
		json_object_set_new(take_about, "before", take_before);
	if (take_after != NULL)
		json_object_set_new(take_about, "after", take_after);
	json_array_append_new(found, take_about);
}

static json_t *about(const struct list *list, const json_t *element)
{
	json_t *object = json_object();

	json_object_set_new(object, "what", json_string(list->what));
	for (size_t i = 0; i < 2 && list->names[i] != NULL; i++)
		json_object_set(object, list->names[i], json_object_get(element, list->names[i]));
	return object;
}

static void compare_lists(const struct list *list, const json_t *before, const json_t *after, json_t *found)
{
	json_t *element, *other;
	size_t i;

	json_array_foreach (before, i, element) {
		other = find(list, after, element);
		json_t *old = other != NULL ? unlike(element, other) : NULL;
		if (other == NULL)
			add(found, about(list, element), "removed", json_incref(element), NULL);
		else if (json_object_size(old) > 0)
			add(found, about(list, element), "changed", json_incref(old), unlike(other, element));
		json_decref(old);
	}
	json_array_foreach (after, i, element) {
		if (find(list, before, element) == NULL)
			add(found, about(list, element), "added", NULL, json_incref(element));
	}
}

static void compare_single(const struct single *single, json_t *before, json_t *after, json_t *found)
{
	json_t *object = json_object();

	json_object_set_new(object, "what", json_string(single->what));
	if (json_is_object(before) && json_is_object(after))
		add(found, object, "changed", unlike(before, after), unlike(after, before));
	else
		add(found, object, "changed", json_incref(before), json_incref(after));
}

/* Objects that differ only in what one of them does not know. */
static bool is_same(const json_t *before, const json_t *after)
{
	if (!json_is_object(before) || !json_is_object(after))
		return json_equal(before, after);
	json_t *old = unlike(before, after);
	const bool answer = json_object_size(old) == 0;
	json_decref(old);
	return answer;
}

json_t *differences(const json_t *before, const json_t *after)
{
	json_t *found = json_array();

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const json_t *old = json_object_get(before, lists[i].member);
		const json_t *new = json_object_get(after, lists[i].member);
		if (json_is_array(old) && json_is_array(new))
			compare_lists(&lists[i], old, new, found);
	}
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		json_t *old = json_object_get(before, singles[i].member);
		json_t *new = json_object_get(after, singles[i].member);
		if (old != NULL && new != NULL && !is_same(old, new))
			compare_single(&singles[i], old, new, found);
	}
	return found;
}
