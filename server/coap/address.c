#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct in6_addr mapped_ipv4(struct in_addr ipv4)
{
	struct in6_addr ip = { .s6_addr = { [10] = 0xFF, [11] = 0xFF } };
	memcpy(&ip.s6_addr[12], &ipv4, sizeof(ipv4));
	return ip;
}

void peer_key_from_sockaddr(const struct sockaddr *from, struct peer_key *ret_key)
{
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)from;
		ret_key->ip = mapped_ipv4(v4->sin_addr);
		ret_key->scope = 0;
		ret_key->port = v4->sin_port;
		return;
	}
	const struct sockaddr_in6 *v6 = (const void *)from;
	ret_key->ip = v6->sin6_addr;
	ret_key->scope = IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? v6->sin6_scope_id : 0;
	ret_key->port = v6->sin6_port;
}

socklen_t peer_key_to_sockaddr(const struct peer_key *key, sa_family_t family, struct sockaddr_in6 *ret_to)
{
	if (family == AF_INET) {
		struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = key->port };
		memcpy(&v4.sin_addr, &key->ip.s6_addr[12], sizeof(v4.sin_addr));
		memcpy(ret_to, &v4, sizeof(v4));
		return sizeof(v4);
	}
	*ret_to = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = key->port,
		.sin6_addr = key->ip,
		.sin6_scope_id = key->scope,
	};
	return sizeof(*ret_to);
}

struct peer_key peer_key_of(const struct coap_address *address)
{
	struct peer_key key = {
		.socket = address->socket,
		.is_secure = address->is_secure,
		.is_stream = address->is_stream,
	};
	peer_key_from_sockaddr(&address->any, &key);
	return key;
}

struct coap_address peer_key_address(const struct peer_key *key)
{
	struct coap_address address = {
		.socket = key->socket,
		.is_secure = key->is_secure,
		.is_stream = key->is_stream,
	};
	struct sockaddr_in6 to;
	bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&key->ip);
	socklen_t size = peer_key_to_sockaddr(key, is_ipv4 ? AF_INET : AF_INET6, &to);
	memcpy(&address.v6, &to, size);
	return address;
}

bool coap_address_equal(const struct coap_address *a, const struct coap_address *b)
{
	struct peer_key key_a = peer_key_of(a), key_b = peer_key_of(b);
	return memcmp(&key_a, &key_b, sizeof(key_a)) == 0;
}

const char *coap_address_print(const struct coap_address *address, char to[static COAP_ADDRESS_TEXT_SIZE])
{
	struct peer_key key = peer_key_of(address);
	char ip[INET6_ADDRSTRLEN] = "", scope[12] = "";

	if (IN6_IS_ADDR_V4MAPPED(&key.ip)) {
		inet_ntop(AF_INET, &key.ip.s6_addr[12], ip, sizeof(ip));
		snprintf(to, COAP_ADDRESS_TEXT_SIZE, "%s:%u", ip, ntohs(key.port));
		return to;
	}
	inet_ntop(AF_INET6, &key.ip, ip, sizeof(ip));
	if (key.scope != 0)
		snprintf(scope, sizeof(scope), "%%%u", key.scope);
	snprintf(to, COAP_ADDRESS_TEXT_SIZE, "[%s%s]:%u", ip, scope, ntohs(key.port));
	return to;
}

const char *coap_address_scheme(const struct coap_address *address)
{
	static const char *const schemes[2][2] = { { "coap", "coaps" }, { "coap+tcp", "coaps+tcp" } };

	return schemes[address->is_stream][address->is_secure];
}

/* A decimal number and nothing else. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	unsigned long number = strtoul(text, &end, 10);
	if (*end != 0 || number > max)
		return false;
	*ret_number = number;
	return true;
}

/* The host without brackets, cut at its scope. */
static bool parse_host(char *host, bool is_ipv6, struct coap_address *ret_address)
{
	if (!is_ipv6) {
		ret_address->v4.sin_family = AF_INET;
		return inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1;
	}
	char *scope = strchr(host, '%');
	if (scope != NULL) {
		unsigned long number;
		*scope++ = 0;
		if (!parse_number(scope, UINT32_MAX, &number))
			number = if_nametoindex(scope);
		if (number == 0)
			return false;
		ret_address->v6.sin6_scope_id = (uint32_t)number;
	}
	ret_address->v6.sin6_family = AF_INET6;
	return inet_pton(AF_INET6, host, &ret_address->v6.sin6_addr) == 1;
}

enum err coap_address_parse(const char *text, struct coap_address *ret_address)
{
	struct coap_address address = { 0 };
	char copy[COAP_ADDRESS_TEXT_SIZE];
	unsigned long port;

	if (strlen(text) >= sizeof(copy))
		return ERR_MALFORMED;
	strcpy(copy, text);
	char *colon = strrchr(copy, ':');
	if (colon == NULL || colon == copy || !parse_number(colon + 1, UINT16_MAX, &port))
		return ERR_MALFORMED;
	*colon = 0;

	bool is_ipv6 = copy[0] == '[';
	if (is_ipv6) {
		if (colon[-1] != ']')
			return ERR_MALFORMED;
		colon[-1] = 0;
	}
	if (!parse_host(is_ipv6 ? copy + 1 : copy, is_ipv6, &address))
		return ERR_MALFORMED;
	if (is_ipv6)
		address.v6.sin6_port = htons((uint16_t)port);
	else
		address.v4.sin_port = htons((uint16_t)port);
	*ret_address = address;
	return ERR_NONE;
}

/* ---- listening ---- */

bool address_is_any(const struct coap_address *address)
{
	return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)
						  : address->v4.sin_addr.s_addr == INADDR_ANY;
}

socklen_t address_size(const struct coap_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	close(fd);
	return true;
}

struct coap_address address_to_listen_at(const struct coap_address *listen)
{
	struct coap_address address = *listen;

	if (listen->any.sa_family == AF_INET6 && address_is_any(listen) && !has_ipv6())
		address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = listen->v6.sin6_port };
	return address;
}
