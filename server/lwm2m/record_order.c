#include "record_order.h"

#include <stdlib.h>

#include "path.h"

static int compare(const void *a, const void *b)
{
	const struct lwm2m_record *first = *(const struct lwm2m_record *const *)a;
	const struct lwm2m_record *second = *(const struct lwm2m_record *const *)b;
	int order = path_compare(first->path, second->path);

	if (order != 0 || !first->has_time || !second->has_time)
		return order != 0 ? order : first->has_time - second->has_time;
	return (first->time_s > second->time_s) - (first->time_s < second->time_s);
}

enum err records_order(struct arena *arena, struct lwm2m_records records,
		       const struct lwm2m_record *const **ret_ordered, struct fault *fault)
{
	const struct lwm2m_record **ordered = arena_alloc_array(arena, records.count, sizeof(*ordered));
	char path[PATH_TEXT_SIZE];
	bool is_ordered = true;

	if (ordered == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		ordered[i] = &records.at[i];
		if (i > 0 && compare(&ordered[i - 1], &ordered[i]) >= 0)
			is_ordered = false;
	}
	if (!is_ordered)
		qsort(ordered, records.count, sizeof(*ordered), compare);
	for (size_t i = 1; i < records.count && !is_ordered; i++) {
		if (compare(&ordered[i - 1], &ordered[i]) == 0)
			return fault_set(fault, ERR_MALFORMED, "%s stands there twice",
					 path_print(ordered[i]->path, path));
	}
	*ret_ordered = ordered;
	return ERR_NONE;
}
