#include "coap.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"

static void prints_what_it_reads(void **state)
{
	static const char *const texts[] = {
		"127.0.0.1:5683",      "0.0.0.0:0",        "[::]:5684",
		"[2001:db8::1]:65535", "[fe80::1%1]:5683", "[::1]:1",
	};
	char text[COAP_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct coap_address address;
		assert_int_equal(coap_address_parse(texts[i], &address), ERR_NONE);
		assert_string_equal(coap_address_print(&address, text), texts[i]);
		assert_int_equal(address.socket, 0);
		assert_false(address.is_secure);
	}
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"127.0.0.1",
		"127.0.0.1:",
		":5683",
		"127.0.0.1:65536",
		"127.0.0.1:+1",
		"127.0.0.1: 1",
		"127.0.0.1:1x",
		"256.0.0.1:1",
		"::1:5683",
		"[::1]",
		"[::1]5683",
		"[::1:5683",
		"::1]:5683",
		"[]:1",
		"[127.0.0.1]:1",
		"[::g]:1",
		"[fe80::1%]:1",
		"[fe80::1%nosuchlink]:1",
		"host.example:5683",
		"[2001:0db8:0000:0000:0000:0000:0000:0001%a-name-that-is-far-too-long]:5683",
	};
	struct coap_address address = { .socket = 7 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(coap_address_parse(texts[i], &address), ERR_MALFORMED);
	assert_int_equal(address.socket, 7);
}

static struct coap_address parsed(const char *text)
{
	struct coap_address address;

	assert_int_equal(coap_address_parse(text, &address), ERR_NONE);
	return address;
}

static void equal_addresses_agree_in_all_parts(void **state)
{
	struct coap_address a = parsed("[2001:db8::1]:5683"), b = a;

	assert_true(coap_address_equal(&a, &b));
	b.v6.sin6_flowinfo = 77; /* no part of who it is */
	assert_true(coap_address_equal(&a, &b));
	b = parsed("[2001:db8::1]:5684");
	assert_false(coap_address_equal(&a, &b));
	b = parsed("[2001:db8::2]:5683");
	assert_false(coap_address_equal(&a, &b));
	b = a;
	b.socket = 1;
	assert_false(coap_address_equal(&a, &b));
	b = a;
	b.is_secure = true;
	assert_false(coap_address_equal(&a, &b));
	a = parsed("[fe80::1%1]:1");
	b = parsed("[fe80::1%2]:1");
	assert_false(coap_address_equal(&a, &b));
}

static void mapped_ipv4_is_ipv4(void **state)
{
	const struct coap_address mapped = parsed("[::ffff:192.0.2.1]:5683"),
				  plain = parsed("192.0.2.1:5683");
	const struct peer_key key = peer_key_of(&mapped);
	const struct coap_address again = peer_key_address(&key);
	char text[COAP_ADDRESS_TEXT_SIZE];

	assert_true(coap_address_equal(&mapped, &plain));
	assert_int_equal(again.any.sa_family, AF_INET);
	assert_string_equal(coap_address_print(&mapped, text), "192.0.2.1:5683");
}

static void key_goes_to_a_socket_of_either_family(void **state)
{
	const struct coap_address address = parsed("192.0.2.1:5683");
	const struct peer_key key = peer_key_of(&address);
	struct sockaddr_in6 to;
	struct sockaddr_in v4;

	assert_int_equal(peer_key_to_sockaddr(&key, AF_INET, &to), sizeof(v4));
	memcpy(&v4, &to, sizeof(v4));
	assert_int_equal(v4.sin_family, AF_INET);
	assert_int_equal(ntohl(v4.sin_addr.s_addr), 0xC0000201);
	assert_int_equal(ntohs(v4.sin_port), 5683);
	assert_int_equal(peer_key_to_sockaddr(&key, AF_INET6, &to), sizeof(to));
	assert_true(IN6_IS_ADDR_V4MAPPED(&to.sin6_addr));
	assert_int_equal(ntohs(to.sin6_port), 5683);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_it_reads),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(equal_addresses_agree_in_all_parts),
		cmocka_unit_test(mapped_ipv4_is_ipv4),
		cmocka_unit_test(key_goes_to_a_socket_of_either_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
