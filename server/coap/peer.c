#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include <cardea/crypto.h>

#define PREFETCH_MAX 64
#define CACHE_LINE   64

struct peer_slot {
	uint32_t hash;
	uint32_t index; /* in the slab, + 1; 0: free */
};

enum err peers_create(uint32_t max_peers, struct peers *ret_peers)
{
	struct peers peers = { .slab = slab_of(sizeof(struct peer), max_peers) };
	uint32_t count = 64;
	enum err err = random_bytes((uint8_t *)peers.seed, sizeof(peers.seed));
	if (err != ERR_NONE)
		return err;
	while (count / 2 < max_peers && count < UINT32_C(1) << 31)
		count *= 2;
	peers.mask = count - 1;
	peers.slots = calloc(count, sizeof(*peers.slots));
	if (peers.slots == NULL)
		return ERR_NOMEM;
	*ret_peers = peers;
	return ERR_NONE;
}

void peers_end(struct peers *peers)
{
	free(peers->slots);
	slab_end(&peers->slab);
	*peers = (struct peers){ 0 };
}

static uint64_t multiply_fold(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t peer_hash(const struct peers *peers, const struct peer_key *key)
{
	uint64_t words[3];
	memcpy(words, key, sizeof(words));
	uint64_t hash = multiply_fold(words[0] ^ peers->seed[0], words[1] ^ peers->seed[1]);
	return (uint32_t)multiply_fold(hash ^ words[2] ^ peers->seed[2], peers->seed[3] | 1);
}

struct peer *peers_find(const struct peers *peers, const struct peer_key *key)
{
	uint32_t hash = peer_hash(peers, key);
	for (uint32_t i = hash & peers->mask; peers->slots[i].index != 0; i = (i + 1) & peers->mask) {
		if (peers->slots[i].hash != hash)
			continue;
		struct peer *peer = slab_at(&peers->slab, peers->slots[i].index - 1);
		if (memcmp(&peer->route.key, key, sizeof(*key)) == 0)
			return peer;
	}
	return NULL;
}

void peers_prefetch(const struct peers *peers, const struct peer_key *const *keys, size_t count)
{
	uint32_t hashes[PREFETCH_MAX];

	count = count < PREFETCH_MAX ? count : PREFETCH_MAX;
	for (size_t i = 0; i < count; i++) {
		hashes[i] = peer_hash(peers, keys[i]);
		__builtin_prefetch(&peers->slots[hashes[i] & peers->mask]);
	}
	for (size_t i = 0; i < count; i++) {
		const struct peer_slot *slot = &peers->slots[hashes[i] & peers->mask];
		if (slot->index == 0 || slot->hash != hashes[i])
			continue; /* a new one, or one that is not where it would like to be */
		const uint8_t *peer = slab_at(&peers->slab, slot->index - 1);
		for (size_t at = 0; at < offsetof(struct peer, transmissions); at += CACHE_LINE)
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

	uint32_t hash = peer_hash(peers, &route->key), i = hash & peers->mask;
	while (peers->slots[i].index != 0)
		i = (i + 1) & peers->mask;
	peers->slots[i] = (struct peer_slot){ hash, slab_index(handle) + 1 };
	return peer;
}

void peers_remove(struct peers *peers, struct peer *peer)
{
	uint32_t gap = peer_hash(peers, &peer->route.key) & peers->mask;
	while (peers->slots[gap].index != slab_index(peer->handle) + 1)
		gap = (gap + 1) & peers->mask;

	/* Whoever follows without a break and may stand in the gap moves there, so that no look-up ends
	 * early. */
	for (uint32_t i = (gap + 1) & peers->mask; peers->slots[i].index != 0; i = (i + 1) & peers->mask) {
		uint32_t home = peers->slots[i].hash & peers->mask;
		if (((i - home) & peers->mask) < ((i - gap) & peers->mask))
			continue;
		peers->slots[gap] = peers->slots[i];
		gap = i;
	}
	peers->slots[gap] = (struct peer_slot){ 0 };
	slab_give(&peers->slab, peer->handle);
}
