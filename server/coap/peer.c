#include "peer.h"

#define PREFETCH_MAX 64
#define CACHE_LINE   64

enum err peers_create(uint32_t max_peers, struct peers *ret_peers)
{
	struct peers peers = { .slab = slab_of(sizeof(struct peer), max_peers) };
	enum err err = index_begin(&peers.by_key);

	if (err == ERR_NONE)
		*ret_peers = peers;
	return err;
}

void peers_end(struct peers *peers)
{
	index_end(&peers->by_key);
	slab_end(&peers->slab);
}

static uint64_t hash_of(const struct peers *peers, const struct peer_key *key)
{
	return index_hash(&peers->by_key, bytes_of(key, sizeof(*key)));
}

static bool has_key(const void *item, const void *key)
{
	return memcmp(&((const struct peer *)item)->route.key, key, sizeof(struct peer_key)) == 0;
}

struct peer *peers_find(const struct peers *peers, const struct peer_key *key)
{
	return index_find(&peers->by_key, hash_of(peers, key), has_key, key);
}

void peers_prefetch(const struct peers *peers, const struct peer_key *const *keys, size_t count)
{
	uint64_t hashes[PREFETCH_MAX];

	count = count < PREFETCH_MAX ? count : PREFETCH_MAX;
	for (size_t i = 0; i < count; i++) {
		hashes[i] = hash_of(peers, keys[i]);
		index_prefetch(&peers->by_key, hashes[i]);
	}
	for (size_t i = 0; i < count; i++) {
		const uint8_t *peer = index_guess(&peers->by_key, hashes[i]);
		for (size_t at = 0; peer != NULL && at < offsetof(struct peer, transmissions);
		     at += CACHE_LINE)
			__builtin_prefetch(peer + at, 1);
	}
}

struct peer *peers_by_handle(const struct peers *peers, uint64_t handle)
{
	return slab_find(&peers->slab, handle);
}

struct peer *peers_add(struct peers *peers, const struct route *route)
{
	uint64_t handle;
	struct peer *peer = slab_take(&peers->slab, &handle);

	if (peer == NULL)
		return NULL;
	peer->route = *route;
	peer->handle = handle;
	if (index_put(&peers->by_key, hash_of(peers, &route->key), peer) != ERR_NONE) {
		slab_give(&peers->slab, handle);
		return NULL;
	}
	return peer;
}

void peers_remove(struct peers *peers, struct peer *peer)
{
	index_remove(&peers->by_key, hash_of(peers, &peer->route.key), peer);
	slab_give(&peers->slab, peer->handle);
}
