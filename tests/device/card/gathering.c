#include "gathering.h"

enum err gathering_add(struct gathering *gathering, struct bytes piece, size_t max_bytes)
{
	if (gathering->arena == NULL) {
		struct arena *arena = arena_create(0);
		if (arena == NULL)
			return ERR_NOMEM;
		*gathering = (struct gathering){ arena, builder_in(arena) };
	}
	if (piece.len > max_bytes || gathering->bytes.len > max_bytes - piece.len)
		return ERR_LIMIT;
	build_bytes(&gathering->bytes, piece);
	return gathering->bytes.bad ? ERR_NOMEM : ERR_NONE;
}

struct bytes gathering_bytes(const struct gathering *gathering)
{
	return bytes_of(gathering->bytes.at, gathering->bytes.len);
}

enum err gathering_drop(struct gathering *gathering, size_t count)
{
	struct gathering rest = { 0 };
	struct bytes left = bytes_from(gathering_bytes(gathering), count);
	enum err err = gathering_add(&rest, left, left.len);
	if (err != ERR_NONE) {
		gathering_end(&rest);
		return err;
	}
	gathering_end(gathering);
	*gathering = rest;
	return ERR_NONE;
}

void gathering_end(struct gathering *gathering)
{
	arena_free(gathering->arena);
	*gathering = (struct gathering){ 0 };
}
