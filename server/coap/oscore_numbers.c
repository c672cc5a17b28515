#include "oscore_numbers.h"

#include <stdlib.h>
#include <uthash.h>

#include "log.h"
#include "store.h"

struct successor {
	uint8_t print[OSCORE_PRINT_SIZE];
	uint8_t id_context_len, id_context[OSCORE_ID_CONTEXT_MAX]; /* empty: none */
};

struct number {
	UT_hash_handle hh;
	uint8_t print[OSCORE_PRINT_SIZE];
	uint64_t id;                       /* position in the order of creation */
	uint64_t next, durable, reserving; /* reserving: what the store will have; 0: no write is under way */
	uint64_t received, received_durable;        /* of the other side */
	bool has_past;                              /* messages may have been received with the key */
	struct successor successor, next_successor; /* next: a write is under way */
};

struct oscore_numbers {
	struct store *store;
	struct number *by_print;
	struct number **by_id; /* NULL: it has gone; an id is never used again */
	size_t count, capacity;
};

static struct number *find(const struct oscore_numbers *numbers, const uint8_t *print)
{
	struct number *number;

	HASH_FIND(hh, numbers->by_print, print, OSCORE_PRINT_SIZE, number);
	return number;
}

static enum err add(struct oscore_numbers *numbers, const uint8_t *print, struct number **ret_number)
{
	if (numbers->count == numbers->capacity) {
		const size_t capacity = numbers->capacity == 0 ? 64 : 2 * numbers->capacity;
		struct number **at = realloc(numbers->by_id, capacity * sizeof(*at));
		if (at == NULL)
			return ERR_NOMEM;
		numbers->by_id = at;
		numbers->capacity = capacity;
	}
	struct number *number = calloc(1, sizeof(*number));
	if (number == NULL)
		return ERR_NOMEM;
	memcpy(number->print, print, OSCORE_PRINT_SIZE);
	HASH_ADD(hh, numbers->by_print, print, OSCORE_PRINT_SIZE, number);
	if (number->hh.tbl == NULL) {
		free(number);
		return ERR_NOMEM;
	}
	number->id = numbers->count;
	numbers->by_id[numbers->count++] = number;
	*ret_number = number;
	return ERR_NONE;
}

/* ---- reserving ---- */

static void reserved(void *self, uint64_t id, enum err result)
{
	struct oscore_numbers *numbers = self;
	struct number *number = numbers->by_id[id];

	if (number == NULL)
		return;
	if (result == ERR_NONE && number->reserving > number->durable)
		number->durable = number->reserving;
	else if (result != ERR_NONE)
		log_error("oscore.not_reserved", "error=%s", err_name(result));
	number->reserving = 0;
}

static enum err reserve(struct oscore_numbers *numbers, struct number *number)
{
	const struct oscore_number_row row = {
		.print = bytes_of(number->print, OSCORE_PRINT_SIZE),
		.reserved = number->durable + OSCORE_RESERVE,
	};

	if (number->reserving != 0 || number->durable > OSCORE_NUMBER_MAX)
		return ERR_NONE;
	number->reserving = row.reserved;
	enum err err = store_put_oscore_number(numbers->store, &row,
					       (struct store_done){ reserved, numbers, number->id });
	if (err != ERR_NONE)
		number->reserving = 0;
	return err;
}

enum err oscore_numbers_expect(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE])
{
	struct number *number = find(numbers, print);

	if (number != NULL && number->durable > 0)
		return ERR_NONE;
	if (number == NULL) {
		enum err err = add(numbers, print, &number);
		if (err != ERR_NONE)
			return err;
	}
	return reserve(numbers, number);
}

enum err oscore_numbers_take(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE],
			     uint64_t *ret_number)
{
	struct number *number = find(numbers, print);

	if (number == NULL)
		return ERR_UNAVAILABLE;
	if (number->next + OSCORE_RESERVE / 2 >= number->durable && reserve(numbers, number) != ERR_NONE)
		log_warn("oscore.not_reserved", "error=%s", err_name(ERR_UNAVAILABLE));
	if (number->next >= number->durable || number->next > OSCORE_NUMBER_MAX)
		return ERR_UNAVAILABLE;
	*ret_number = number->next++;
	return ERR_NONE;
}

bool oscore_numbers_are_ready(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE])
{
	const struct number *number = find(numbers, print);

	return number != NULL && number->next < number->durable && number->next <= OSCORE_NUMBER_MAX;
}

bool oscore_numbers_are_spent(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE])
{
	const struct number *number = find(numbers, print);

	return number != NULL && number->next > OSCORE_NUMBER_MAX;
}

enum oscore_past oscore_numbers_begin_window(struct oscore_numbers *numbers,
					     const uint8_t print[OSCORE_PRINT_SIZE])
{
	struct number *number = find(numbers, print);

	if (number != NULL && number->has_past)
		return OSCORE_PAST_ELSEWHERE;
	if (number == NULL || number->durable == 0)
		return OSCORE_PAST_UNKNOWN;
	number->has_past = true;
	return OSCORE_PAST_HERE;
}

/* ---- numbers of the other side ---- */

static void received(void *self, uint64_t id, enum err result)
{
	if (result != ERR_NONE)
		log_warn("oscore.received_not_stored", "error=%s", err_name(result));
}

/* Not written again when it fails: the next one is further. */
static enum err store_received(struct oscore_numbers *numbers, struct number *number)
{
	const struct oscore_number_row row = {
		.print = bytes_of(number->print, OSCORE_PRINT_SIZE),
		.received = number->received,
	};

	number->received_durable = number->received;
	return store_receive_oscore_number(numbers->store, &row,
					   (struct store_done){ received, numbers, number->id });
}

uint64_t oscore_numbers_received(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE])
{
	const struct number *number = find(numbers, print);

	return number != NULL ? number->received : 0;
}

void oscore_numbers_note_received(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE],
				  uint64_t next)
{
	struct number *number = find(numbers, print);

	if (number == NULL || next <= number->received)
		return;
	number->received = next;
	if (next - number->received_durable < OSCORE_RECEIVED_STEP)
		return;
	enum err err = store_received(numbers, number);
	if (err != ERR_NONE)
		received(numbers, number->id, err);
}

void oscore_numbers_flush(struct oscore_numbers *numbers)
{
	enum err err = ERR_NONE;

	for (struct number *number = numbers->by_print; number != NULL && err == ERR_NONE;
	     number = number->hh.next) {
		if (number->received > number->received_durable)
			err = store_received(numbers, number);
	}
	if (err != ERR_NONE)
		received(numbers, 0, err);
}

/* ---- successors (appendix B.2) ---- */

static struct bytes successor_bytes(const struct successor *successor)
{
	return bytes_of(successor->id_context, successor->id_context_len);
}

/* Lengths have been looked at. */
static struct successor successor_of(struct bytes print, struct bytes id_context)
{
	struct successor successor = { .id_context_len = (uint8_t)id_context.len };

	memcpy(successor.print, print.at, OSCORE_PRINT_SIZE);
	memcpy(successor.id_context, id_context.at, id_context.len);
	return successor;
}

struct bytes oscore_numbers_renewed(const struct oscore_numbers *numbers,
				    const uint8_t print[OSCORE_PRINT_SIZE])
{
	const struct number *number = find(numbers, print);

	return number != NULL ? successor_bytes(&number->successor) : bytes_of(NULL, 0);
}

static void removed(void *self, uint64_t id, enum err result)
{
	if (result != ERR_NONE)
		log_warn("oscore.not_removed", "error=%s", err_name(result));
}

/* Our part of its ID context was random: such a key never comes back, so that its numbers need not be known.
 */
static void forget(struct oscore_numbers *numbers, const uint8_t *print)
{
	struct number *number = find(numbers, print);

	if (number == NULL)
		return;
	enum err err = store_remove_oscore_number(numbers->store, bytes_of(print, OSCORE_PRINT_SIZE),
						  (struct store_done){ removed, numbers, number->id });
	if (err != ERR_NONE)
		removed(numbers, number->id, err);
	numbers->by_id[number->id] = NULL;
	HASH_DEL(numbers->by_print, number);
	free(number);
}

static void renewed(void *self, uint64_t id, enum err result)
{
	struct oscore_numbers *numbers = self;
	struct number *number = numbers->by_id[id];
	const struct successor before = number->successor;

	if (result == ERR_NONE)
		number->successor = number->next_successor;
	else
		log_error("oscore.not_renewed", "error=%s", err_name(result));
	number->next_successor.id_context_len = 0;
	if (result == ERR_NONE && before.id_context_len > 0)
		forget(numbers, before.print);
}

enum err oscore_numbers_renew(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE],
			      const uint8_t successor[OSCORE_PRINT_SIZE], struct bytes id_context)
{
	const struct oscore_number_row row = {
		.print = bytes_of(print, OSCORE_PRINT_SIZE),
		.successor = bytes_of(successor, OSCORE_PRINT_SIZE),
		.id_context = id_context,
	};
	struct number *number = find(numbers, print);

	if (number == NULL || number->durable == 0) {
		enum err err = oscore_numbers_expect(numbers, print);
		return err == ERR_NONE ? ERR_UNAVAILABLE : err;
	}
	if (number->next_successor.id_context_len > 0)
		return ERR_UNAVAILABLE;
	if (id_context.len == 0 || id_context.len > OSCORE_ID_CONTEXT_MAX)
		return ERR_LIMIT;
	enum err err = oscore_numbers_expect(numbers, successor); /* written before */
	if (err != ERR_NONE)
		return err;
	number->next_successor = successor_of(row.successor, id_context);
	err = store_renew_oscore_number(numbers->store, &row,
					(struct store_done){ renewed, numbers, number->id });
	if (err != ERR_NONE)
		number->next_successor.id_context_len = 0;
	return err;
}

/* ---- the whole ---- */

/* One write for all that were there at the start. */
static void raised(void *self, uint64_t count, enum err result)
{
	struct oscore_numbers *numbers = self;

	if (result != ERR_NONE) {
		log_error("oscore.not_reserved", "error=%s", err_name(result));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct number *number = numbers->by_id[i];
		if (number != NULL && number->durable < number->next + OSCORE_RESERVE)
			number->durable = number->next + OSCORE_RESERVE;
	}
}

static enum err read_all(struct oscore_numbers *numbers, struct arena *arena)
{
	struct oscore_number_row *rows;
	struct number *number;
	size_t count;
	enum err err = store_read_oscore_numbers(numbers->store, arena, &rows, &count);

	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		const struct bytes id_context = rows[i].id_context;
		if (rows[i].print.len != OSCORE_PRINT_SIZE || id_context.len > OSCORE_ID_CONTEXT_MAX ||
		    rows[i].successor.len != (id_context.len > 0 ? OSCORE_PRINT_SIZE : 0))
			return ERR_MALFORMED;
		err = add(numbers, rows[i].print.at, &number);
		if (err != ERR_NONE)
			return err;
		number->next = number->durable = rows[i].reserved;
		number->received = number->received_durable = rows[i].received;
		number->has_past = true;
		if (id_context.len > 0)
			number->successor = successor_of(rows[i].successor, id_context);
	}
	return err;
}

enum err oscore_numbers_create(struct store *store, struct oscore_numbers **ret_numbers, struct fault *fault)
{
	struct oscore_numbers *numbers = calloc(1, sizeof(*numbers));
	struct arena *arena = arena_create(0);
	enum err err = numbers == NULL || arena == NULL ? ERR_NOMEM : ERR_NONE;

	if (err == ERR_NONE) {
		numbers->store = store;
		err = read_all(numbers, arena);
	}
	arena_free(arena);
	if (err == ERR_NONE && numbers->count > 0)
		err = store_raise_oscore_numbers(store, OSCORE_RESERVE,
						 (struct store_done){ raised, numbers, numbers->count });
	if (err != ERR_NONE) {
		oscore_numbers_free(numbers);
		return fault_set(fault, err, "the sequence numbers of OSCORE cannot be read");
	}
	*ret_numbers = numbers;
	return ERR_NONE;
}

void oscore_numbers_free(struct oscore_numbers *numbers)
{
	if (numbers == NULL)
		return;
	HASH_CLEAR(hh, numbers->by_print);
	for (size_t i = 0; i < numbers->count; i++)
		free(numbers->by_id[i]);
	free(numbers->by_id);
	free(numbers);
}
