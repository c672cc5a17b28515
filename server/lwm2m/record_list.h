/* Records that grow one by one in an arena, while a payload is read. */
#ifndef CARDEA_LWM2M_RECORD_LIST_H
#define CARDEA_LWM2M_RECORD_LIST_H

#include <cardea/lwm2m.h>

struct record_list {
	struct arena *arena;
	struct lwm2m_record *at;
	size_t count, capacity;
};

/* The next one, zeroed; valid until the one after it. NULL when the arena is exhausted. */
struct lwm2m_record *record_list_add(struct record_list *list);

static inline struct lwm2m_records record_list_records(const struct record_list *list)
{
	return (struct lwm2m_records){ list->at, list->count };
}

#endif
