#include "inventory/domain_tree.h"

#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH 16

static const char *aid_of(const json_t *entry)
{
	const char *aid = json_string_value(json_object_get(entry, "aidHex"));

	return aid != NULL ? aid : "";
}

static bool is_of(const json_t *entry, const char *domain)
{
	const char *owner = json_string_value(json_object_get(entry, "securityDomainAidHex"));

	return owner != NULL && strcmp(owner, domain) == 0;
}

static json_t *aids_of(const json_t *entries, const char *domain)
{
	json_t *aids = json_array(), *entry;
	size_t i;

	json_array_foreach (entries, i, entry) {
		if (is_of(entry, domain))
			json_array_append_new(aids, json_string(aid_of(entry)));
	}
	return aids;
}

static json_t *branch(const json_t *item, const json_t *domain, unsigned depth)
{
	const json_t *domains = json_object_get(item, "securityDomains");
	json_t *object = json_object(), *below = json_array(), *entry;
	size_t i;

	json_object_set_new(object, "aidHex", json_string(aid_of(domain)));
	json_object_set_new(object, "applications",
			    aids_of(json_object_get(item, "applications"), aid_of(domain)));
	json_object_set_new(object, "loadFiles", aids_of(json_object_get(item, "loadFiles"), aid_of(domain)));
	json_array_foreach (domains, i, entry) {
		if (depth < MAX_DEPTH && is_of(entry, aid_of(domain)) &&
		    strcmp(aid_of(entry), aid_of(domain)) != 0)
			json_array_append_new(below, branch(item, entry, depth + 1));
	}
	json_object_set_new(object, "securityDomains", below);
	return object;
}

static bool is_listed(const json_t *item, const json_t *domain)
{
	json_t *entry;
	size_t i;

	if (is_of(domain, aid_of(json_object_get(item, "issuerSecurityDomain"))))
		return true;
	json_array_foreach (json_object_get(item, "securityDomains"), i, entry) {
		if (strcmp(aid_of(entry), aid_of(domain)) != 0 && is_of(domain, aid_of(entry)))
			return true;
	}
	return false;
}

json_t *domain_tree(const json_t *item)
{
	const json_t *issuer = json_object_get(item, "issuerSecurityDomain");
	json_t *roots = json_array(), *entry;
	size_t i;

	if (json_is_object(issuer))
		json_array_append_new(roots, branch(item, issuer, 0));
	json_array_foreach (json_object_get(item, "securityDomains"), i, entry) {
		if (strcmp(aid_of(entry), aid_of(issuer)) != 0 && !is_listed(item, entry))
			json_array_append_new(roots, branch(item, entry, 0));
	}
	return roots;
}
