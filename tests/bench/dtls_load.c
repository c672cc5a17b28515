/* Many devices that make a DTLS session each, register, and then update as fast as the server answers.
 *
 *   bench_dtls_load [-p peers] [-s seconds] [-w window] [-m MODE] PORT COMMAND [ARGUMENT...]
 *
 * COMMAND is bench_server, started here and given the keys. As in load.c device i is the address 127.1.0.0 +
 * i; its identity is urn:imei:<15 digits of i>. Prints a line of key=value for each thing measured. MODE:
 *
 *   join       handshakes, each with a registration; then updates; then what a session takes with its
 * registration while the device sleeps handshake  handshakes, each with a CoAP ping, after which the device
 * forgets its session; again and again, each device at least once live       what a session takes after a
 * handshake alone, beyond what the server needs once */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

#define DATAGRAM_MAX 2048
#define FIRST_DEVICE 0x7F010000u
#define GIVE_UP_S    20.0
#define KEY          "0123456789abcdef"
#define SUITE        "PSK-AES128-CCM8:@SECLEVEL=0"

struct load;

enum mode { JOIN, HANDSHAKE, LIVE };
static const char *const mode_names[] = { [JOIN] = "join", [HANDSHAKE] = "handshake", [LIVE] = "live" };

struct device {
	struct load *load;
	uint32_t index;
	SSL *ssl;
	struct bytes_in {
		const uint8_t *at;
		size_t len;
	} incoming;
	double began;
	uint16_t mid;
	uint8_t update[32]; /* Uri-Path options, as its registration was answered */
	size_t update_len;
	bool is_busy, is_open;
};

/* Sessions that come before memory is counted: what the server needs once is there then. */
#define WARM_SESSIONS 16

struct load {
	int socket;
	struct sockaddr_in server;
	SSL_CTX *context;
	BIO_METHOD *method;
	struct device *devices;
	struct child server_process;
	uint32_t peers, window, under_way;
	enum mode mode;
	unsigned long opened, answered, lost;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

/* ---- datagrams of a device ---- */

static int bio_read(BIO *bio, char *at, int max)
{
	struct device *device = BIO_get_data(bio);
	const size_t len = device->incoming.len;

	BIO_clear_retry_flags(bio);
	if (len == 0 || len > (size_t)max) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(at, device->incoming.at, len);
	device->incoming.len = 0;
	return (int)len;
}

static int bio_write(BIO *bio, const char *at, int len)
{
	struct device *device = BIO_get_data(bio);
	struct load *load = device->load;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
	const struct in_pktinfo from = { .ipi_spec_dst.s_addr = htonl(FIRST_DEVICE + device->index) };
	struct iovec part = { (void *)at, (size_t)len };
	struct msghdr message = {
		.msg_name = &load->server,
		.msg_namelen = sizeof(load->server),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	memset(control, 0, sizeof(control));
	*(struct cmsghdr *)control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(from)),
		.cmsg_level = IPPROTO_IP,
		.cmsg_type = IP_PKTINFO,
	};
	memcpy(CMSG_DATA((struct cmsghdr *)control), &from, sizeof(from));
	sendmsg(load->socket, &message, 0);
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

static unsigned find_key(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
			 unsigned char *key, unsigned key_size)
{
	const struct device *device = SSL_get_app_data(ssl);

	snprintf(identity, identity_size, "urn:imei:%015u", device->index);
	memcpy(key, KEY, sizeof(KEY) - 1);
	return sizeof(KEY) - 1;
}

/* ---- a device ---- */

static void post(struct device *device, const char *rest, size_t len)
{
	uint8_t message[192] = { 0x42, 2 };
	const uint16_t mid = ++device->mid;

	message[2] = message[4] = (uint8_t)(mid >> 8);
	message[3] = message[5] = (uint8_t)mid;
	memcpy(message + 6, rest, len);
	device->is_busy = true;
	device->began = now();
	if (SSL_write(device->ssl, message, (int)(6 + len)) <= 0)
		die("SSL_write");
}

static void start(struct load *load, uint32_t i)
{
	struct device *device = &load->devices[i];
	BIO *bio = BIO_new(load->method);

	*device = (struct device){ .load = load, .index = i, .began = now(), .ssl = SSL_new(load->context) };
	if (bio == NULL || device->ssl == NULL)
		die("memory");
	BIO_set_data(bio, device);
	BIO_set_init(bio, 1);
	SSL_set_bio(device->ssl, bio, bio);
	SSL_set_app_data(device->ssl, device);
	SSL_set_options(device->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(device->ssl, 1200);
	SSL_set_connect_state(device->ssl);
	(void)SSL_do_handshake(device->ssl);
	load->under_way++;
}

/* Uri-Path rd, Content-Format 40, Uri-Query, the first of 13 + 14 characters */
static void post_register(struct device *device)
{
	char rest[160];

	post(device, rest,
	     (size_t)sprintf(rest,
			     "\xB2rd\x11\x28\x3D\x0E"
			     "ep=urn:imei:%015u\x08lt=86400\x09lwm2m=1.1\xFF"
			     "</>;rt=\"oma.lwm2m\";ct=11542,</1/0>,</3/0>,</3303/0>,</3304/0>,</3305/0>",
			     device->index));
}

static void end_opening(struct device *device)
{
	device->load->under_way--;
	device->load->opened++;
	device->is_open = true;
	if (device->load->mode == HANDSHAKE) {
		SSL_free(device->ssl);
		device->ssl = NULL;
	}
}

/* RFC 7252 4.3: an empty message, answered with a Reset */
static void ping(struct device *device)
{
	static const uint8_t message[] = { 0x40, 0, 0, 1 };

	if (SSL_write(device->ssl, message, sizeof(message)) <= 0)
		die("SSL_write");
}

static void begin_after_handshake(struct device *device)
{
	if (device->load->mode == JOIN)
		post_register(device);
	else if (device->load->mode == HANDSHAKE)
		ping(device);
	else
		end_opening(device);
}

static void advance(struct device *device)
{
	uint8_t message[DATAGRAM_MAX];
	struct load *load = device->load;

	if (!SSL_is_init_finished(device->ssl)) {
		int result = SSL_do_handshake(device->ssl);
		if (result != 1 && SSL_get_error(device->ssl, result) != SSL_ERROR_WANT_READ)
			die("a handshake failed");
		if (result == 1)
			begin_after_handshake(device);
		return;
	}
	int len = SSL_read(device->ssl, message, sizeof(message));
	if (load->mode == HANDSHAKE && len == 4 && message[0] == 0x70 && !device->is_open)
		end_opening(device);
	if (len < 6 || !device->is_busy || (message[4] << 8 | message[5]) != device->mid ||
	    message[1] >> 5 != 2)
		return;
	/* Location-Path of the answer becomes Uri-Path, 3 above: it is its only option, the server is ours.
	 */
	if (message[1] == (2 << 5 | 1) && (size_t)len - 6 <= sizeof(device->update)) {
		device->update_len = (size_t)len - 6;
		memcpy(device->update, message + 6, device->update_len);
		device->update[0] += 0x30;
	}
	device->is_busy = false;
	if (!device->is_open) {
		end_opening(device);
		return;
	}
	load->under_way--;
	load->answered++;
}

/* True when something came. */
static bool receive(struct load *load)
{
	uint8_t bytes[DATAGRAM_MAX];
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(load->socket, &message, MSG_DONTWAIT);
	struct in_pktinfo to;

	if (len <= 0)
		return false;
	memcpy(&to, CMSG_DATA((struct cmsghdr *)control), sizeof(to));
	uint32_t i = ntohl(to.ipi_addr.s_addr) - FIRST_DEVICE;
	if (i < load->peers && load->devices[i].ssl != NULL) {
		load->devices[i].incoming = (struct bytes_in){ bytes, (size_t)len };
		advance(&load->devices[i]);
	}
	return true;
}

static void wait_and_receive(struct load *load)
{
	struct pollfd ready = { .fd = load->socket, .events = POLLIN };

	if (poll(&ready, 1, 20) == 1)
		for (int i = 0; i < 64 && receive(load); i++)
			continue;
}

/* ---- phases ---- */

static void look_after_handshakes(struct load *load)
{
	for (uint32_t i = 0; i < load->peers; i++) {
		struct device *device = &load->devices[i];
		if (device->ssl == NULL || device->is_open)
			continue;
		if (now() - device->began > GIVE_UP_S)
			die("a handshake does not end");
		if (!SSL_is_init_finished(device->ssl))
			(void)DTLSv1_handle_timeout(device->ssl);
		else if (load->mode == HANDSHAKE)
			ping(device);
	}
}

/* Opens the sessions of `count` devices from `first` on, and with HANDSHAKE goes round for the seconds.
 * Answers how long it took. */
static double open_sessions(struct load *load, uint32_t first, uint32_t count, double seconds)
{
	double begin = now(), checked = begin;
	uint32_t begun = 0;

	for (;;) {
		while (load->under_way < load->window && count > 0) {
			struct device *device = &load->devices[first + begun % count];
			bool is_due = begun < count || (load->mode == HANDSHAKE && now() - begin < seconds);
			if (!is_due || device->ssl != NULL)
				break;
			start(load, device->index);
			begun++;
		}
		if (load->under_way == 0)
			return now() - begin;
		wait_and_receive(load);
		if (now() - checked < 0.5)
			continue;
		checked = now();
		look_after_handshakes(load);
	}
}

static void count_lost(struct load *load)
{
	for (uint32_t i = 0; i < load->peers; i++)
		if (load->devices[i].is_busy && now() - load->devices[i].began > 2) {
			load->devices[i].is_busy = false;
			load->under_way--;
			load->lost++;
		}
}

/* As often as it goes. Answers how long it took. */
static double update(struct load *load, double seconds)
{
	double begin = now(), checked = begin;
	uint32_t next = 0;

	load->answered = 0;
	while (now() - begin < seconds) {
		for (uint32_t tried = 0; load->under_way < load->window && tried < load->peers; tried++) {
			struct device *device = &load->devices[next];
			next = (next + 1) % load->peers;
			if (device->is_busy)
				continue;
			load->under_way++;
			post(device, (const char *)device->update, device->update_len);
		}
		wait_and_receive(load);
		if (now() - checked < 1)
			continue;
		checked = now();
		count_lost(load);
	}
	return now() - begin;
}

/* What each of the sessions takes more than the server had before them. */
static void print_memory(const struct load *load, const char *name, double kib_before, uint32_t sessions)
{
	printf("op=%s bytes=%.0f\n", name,
	       (child_kib(&load->server_process, "VmRSS:") - kib_before) * 1024 / sessions);
}

static void give_keys(struct load *load)
{
	char line[64];

	fprintf(load->server_process.commands, "keys %u\n", load->peers);
	fflush(load->server_process.commands);
	if (fgets(line, sizeof(line), load->server_process.results) == NULL || strncmp(line, "keys=", 5) != 0)
		die("the server does not take keys");
}

static void print_rate(const struct load *load, const char *name, unsigned long count, double took,
		       double cpu_s)
{
	printf("op=%s per_s=%.0f cpu_ns=%.0f\n", name, (double)count / took,
	       (child_cpu_s(&load->server_process) - cpu_s) / (double)count * 1e9);
}

static void measure_live(struct load *load)
{
	uint32_t warm = load->peers > WARM_SESSIONS ? WARM_SESSIONS : 0;

	open_sessions(load, 0, warm, 0);
	const double kib_before = child_kib(&load->server_process, "VmRSS:");
	open_sessions(load, warm, load->peers - warm, 0);
	print_memory(load, mode_names[LIVE], kib_before, load->peers - warm);
}

static void measure(struct load *load, double seconds)
{
	give_keys(load);
	if (load->mode == LIVE) {
		measure_live(load);
		return;
	}
	const double kib_before = child_kib(&load->server_process, "VmRSS:");
	double cpu_s = child_cpu_s(&load->server_process),
	       took = open_sessions(load, 0, load->peers, seconds);
	print_rate(load, mode_names[load->mode], load->opened, took, cpu_s);
	if (load->mode == HANDSHAKE)
		return;
	cpu_s = child_cpu_s(&load->server_process);
	took = update(load, seconds);
	print_rate(load, "update", load->answered, took, cpu_s);
	print_memory(load, "asleep", kib_before, load->peers);
}

static enum mode mode_of(const char *name)
{
	for (enum mode mode = JOIN; mode <= LIVE; mode++)
		if (strcmp(name, mode_names[mode]) == 0)
			return mode;
	fprintf(stderr, "no mode %s\n", name);
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct load load = { .peers = 100, .window = 32 };
	const int one = 1, buffer = 4 << 20;
	const struct sockaddr_in any = { .sin_family = AF_INET };
	double seconds = 3;
	int option;

	while ((option = getopt(argc, argv, "+p:s:w:m:")) != -1) {
		if (option == 'p')
			load.peers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			seconds = strtod(optarg, NULL);
		else if (option == 'm')
			load.mode = mode_of(optarg);
		else if (option == 'w')
			load.window = (uint32_t)strtoul(optarg, NULL, 10);
		else
			return EXIT_FAILURE;
	}
	if (optind + 2 > argc || load.peers == 0 || load.peers > 100000 || load.window == 0 || seconds <= 0) {
		fprintf(stderr, "usage: %s [-p peers] [-s seconds] [-w window] [-m mode] PORT COMMAND...\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	load.server = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(argv[optind], NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	load.devices = calloc(load.peers, sizeof(*load.devices));
	load.socket = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(load.socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(load.socket, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	load.context = SSL_CTX_new(DTLS_client_method());
	load.method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "device");
	for (uint32_t i = 0; load.devices != NULL && i < load.peers; i++)
		load.devices[i].index = i;
	if (load.devices == NULL || load.context == NULL || load.method == NULL ||
	    bind(load.socket, (const void *)&any, sizeof(any)) != 0 ||
	    SSL_CTX_set_cipher_list(load.context, SUITE) != 1)
		die("cannot begin");
	SSL_CTX_set_mode(load.context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_psk_client_callback(load.context, find_key);
	BIO_meth_set_read(load.method, bio_read);
	BIO_meth_set_write(load.method, bio_write);
	BIO_meth_set_ctrl(load.method, bio_ctrl);

	load.server_process = child_start(argv + optind + 1);
	measure(&load, seconds);
	bool is_good = child_end(&load.server_process) && load.lost == 0;
	for (uint32_t i = 0; i < load.peers; i++)
		SSL_free(load.devices[i].ssl);
	SSL_CTX_free(load.context);
	BIO_meth_free(load.method);
	free(load.devices);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
