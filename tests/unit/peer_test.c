#include "peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PEERS 3000

static struct route route_of(unsigned i)
{
	struct route route = { .key = { .port = htons((uint16_t)(1000 + i % 7)) } };

	route.key.ip.s6_addr[10] = route.key.ip.s6_addr[11] = 0xFF;
	route.key.ip.s6_addr[14] = (uint8_t)(i >> 8);
	route.key.ip.s6_addr[15] = (uint8_t)i;
	return route;
}

static void peers_are_found_while_others_come_and_go(void **state)
{
	struct peers peers;
	static uint64_t handles[PEERS];

	assert_int_equal(peers_create(PEERS, &peers), ERR_NONE);
	srand(1);
	for (unsigned step = 0; step < 20 * PEERS; step++) {
		const unsigned i = (unsigned)rand() % PEERS;
		const struct route route = route_of(i);
		struct peer *peer = peers_find(&peers, &route.key);
		assert_true((peer != NULL) == (handles[i] != 0));
		assert_ptr_equal(peer, handles[i] != 0 ? peers_by_handle(&peers, handles[i]) : NULL);
		if (peer == NULL) {
			peer = peers_add(&peers, &route);
			assert_non_null(peer);
			handles[i] = peer->handle;
		} else {
			peers_remove(&peers, peer);
			assert_null(peers_by_handle(&peers, handles[i]));
			handles[i] = 0;
		}
	}
	for (unsigned i = 0; i < PEERS; i++) {
		const struct route route = route_of(i);
		assert_ptr_equal(peers_find(&peers, &route.key), peers_by_handle(&peers, handles[i]));
	}
	peers_end(&peers);
}

static void no_more_than_the_limit_come_in(void **state)
{
	struct peers peers;

	assert_int_equal(peers_create(3, &peers), ERR_NONE);
	for (unsigned i = 0; i < 4; i++) {
		const struct route route = route_of(i);
		assert_true((peers_add(&peers, &route) != NULL) == (i < 3));
	}
	assert_int_equal(peers.slab.used, 3);
	peers_end(&peers);
}

static void same_address_at_another_socket_is_another_peer(void **state)
{
	struct peers peers;
	struct route route = route_of(1);

	assert_int_equal(peers_create(10, &peers), ERR_NONE);
	struct peer *peer = peers_add(&peers, &route);
	route.key.socket = 1;
	assert_null(peers_find(&peers, &route.key));
	route.key.socket = 0;
	route.key.is_secure = 1;
	assert_null(peers_find(&peers, &route.key));
	route.key.is_secure = 0;
	assert_ptr_equal(peers_find(&peers, &route.key), peer);
	peers_end(&peers);
}

/* ---- slab ---- */

static void handle_turns_void_with_its_item(void **state)
{
	struct slab slab = slab_of(sizeof(int), 2);
	uint64_t first, second;

	int *item = slab_take(&slab, &first);
	assert_non_null(item);
	*item = 7;
	assert_ptr_equal(slab_find(&slab, first), item);
	slab_give(&slab, first);
	assert_null(slab_find(&slab, first));
	int *again = slab_take(&slab, &second);
	assert_ptr_equal(again, item); /* the same place */
	assert_int_equal(*again, 0);
	assert_int_not_equal(first, second);
	assert_null(slab_find(&slab, first));
	assert_ptr_equal(slab_find(&slab, second), again);
	slab_end(&slab);
}

static void handles_that_never_were_find_nothing(void **state)
{
	struct slab slab = slab_of(1, 2);

	assert_null(slab_find(&slab, 0));
	assert_null(slab_find(&slab, UINT64_MAX));
	assert_null(slab_find(&slab, UINT64_C(1) << 32));
	slab_end(&slab);
}

static void walk_meets_every_item_in_use(void **state)
{
	struct slab slab = slab_of(sizeof(unsigned), 1000);
	uint64_t handles[700];
	unsigned met = 0;

	for (unsigned i = 0; i < 700; i++)
		*(unsigned *)slab_take(&slab, &handles[i]) = i;
	for (unsigned i = 0; i < 700; i += 3)
		slab_give(&slab, handles[i]);
	unsigned *item;
	for (uint32_t i = 0; (item = slab_next(&slab, &i)) != NULL; i++) {
		assert_int_not_equal(*item % 3, 0);
		met++;
	}
	assert_int_equal(met, slab.used);
	slab_end(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_are_found_while_others_come_and_go),
		cmocka_unit_test(no_more_than_the_limit_come_in),
		cmocka_unit_test(same_address_at_another_socket_is_another_peer),
		cmocka_unit_test(handle_turns_void_with_its_item),
		cmocka_unit_test(handles_that_never_were_find_nothing),
		cmocka_unit_test(walk_meets_every_item_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
