#include "record_list.h"

#define FIRST_CAPACITY 16

struct lwm2m_record *record_list_add(struct record_list *list)
{
	size_t capacity = list->capacity == 0 ? FIRST_CAPACITY : list->capacity * 2;
	struct lwm2m_record *records;

	if (list->count == list->capacity) {
		records = arena_grow(list->arena, list->at, list->capacity * sizeof(*records),
				     capacity * sizeof(*records));
		if (records == NULL)
			return NULL;
		list->at = records;
		list->capacity = capacity;
	}
	return &list->at[list->count++];
}
