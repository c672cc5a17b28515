/* What is to be done before the loop waits again: a timer would come a tick of the wheel later. */
#ifndef DEVICE_SOON_H
#define DEVICE_SOON_H

#include <stdbool.h>

struct soon { /* lives inside its owner, who cancels it before it goes */
	struct soon *next;
	bool is_listed;
	void (*run)(void *self);
	void *self;
};

struct soon_list {
	struct soon *first, **end;
};

static inline struct soon soon_of(void (*run)(void *self), void *self)
{
	return (struct soon){ .run = run, .self = self };
}

void soon_start(struct soon_list *list);
void soon_add(struct soon_list *list, struct soon *soon); /* again: nothing happens */
void soon_cancel(struct soon_list *list, struct soon *soon);

/* Runs what is listed by now; what is added meanwhile stays for the next turn. Answers whether anything is
 * left. */
bool soon_run(struct soon_list *list);

#endif
