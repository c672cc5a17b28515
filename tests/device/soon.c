#include "soon.h"

#include <stddef.h>

void soon_start(struct soon_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

void soon_add(struct soon_list *list, struct soon *soon)
{
	if (soon->is_listed)
		return;
	soon->is_listed = true;
	soon->next = NULL;
	*list->end = soon;
	list->end = &soon->next;
}

void soon_cancel(struct soon_list *list, struct soon *soon)
{
	struct soon **link = &list->first;

	if (!soon->is_listed)
		return;
	while (*link != soon)
		link = &(*link)->next;
	*link = soon->next;
	if (list->end == &soon->next)
		list->end = link;
	soon->is_listed = false;
}

bool soon_run(struct soon_list *list)
{
	size_t count = 0;

	for (const struct soon *at = list->first; at != NULL; at = at->next)
		count++;
	while (count-- > 0 && list->first != NULL) {
		struct soon *soon = list->first;
		soon_cancel(list, soon);
		soon->run(soon->self);
	}
	return list->first != NULL;
}
