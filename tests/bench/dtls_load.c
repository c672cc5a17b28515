/* Many devices that make a DTLS session each, register, and then update as fast as the server answers.
 *
 *   bench_dtls_load [-p peers] [-s seconds] [-w window] PORT
 *
 * As in load.c device i is the address 127.1.0.0 + i; its identity is urn:imei:<15 digits of i>, its key
 * 0123456789abcdef. Prints one line of key=value: handshakes with a registration per second, then updates. */
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

#define DATAGRAM_MAX 2048
#define FIRST_DEVICE 0x7F010000u
#define GIVE_UP_S    20.0
#define KEY          "0123456789abcdef"
#define SUITE        "PSK-AES128-CCM8:@SECLEVEL=0"

struct load;

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
	bool is_registered, is_busy;
};

struct load {
	int socket;
	struct sockaddr_in server;
	SSL_CTX *context;
	BIO_METHOD *method;
	struct device *devices;
	uint32_t peers, window, under_way, registered;
	unsigned long answered, lost;
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
	uint8_t message[128] = { 0x42, 2 };
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

static void advance(struct device *device)
{
	uint8_t message[DATAGRAM_MAX];
	struct load *load = device->load;

	if (!SSL_is_init_finished(device->ssl)) {
		int result = SSL_do_handshake(device->ssl);
		if (result != 1 && SSL_get_error(device->ssl, result) != SSL_ERROR_WANT_READ)
			die("a handshake failed");
		if (result == 1) {
			char rest[64];
			/* Uri-Path rd, Uri-Query of 13 + 14 characters */
			size_t len = (size_t)sprintf(rest,
						     "\xB2rd\x4D\x0E"
						     "ep=urn:imei:%015u",
						     device->index);
			post(device, rest, len);
		}
		return;
	}
	int len = SSL_read(device->ssl, message, sizeof(message));
	if (len < 6 || !device->is_busy || (message[4] << 8 | message[5]) != device->mid ||
	    message[1] >> 5 != 2)
		return;
	device->is_busy = false;
	load->under_way--;
	load->answered++;
	if (!device->is_registered)
		load->registered++;
	device->is_registered = true;
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

static double register_all(struct load *load)
{
	double begin = now(), checked = begin;
	uint32_t next = 0;

	while (load->registered < load->peers) {
		while (load->under_way < load->window && next < load->peers)
			start(load, next++);
		wait_and_receive(load);
		if (now() - checked < 0.5)
			continue;
		checked = now();
		for (uint32_t i = 0; i < next; i++) {
			struct device *device = &load->devices[i];
			if (!device->is_registered && checked - device->began > GIVE_UP_S)
				die("a device could not register");
			if (!SSL_is_init_finished(device->ssl))
				(void)DTLSv1_handle_timeout(device->ssl);
		}
	}
	return now() - begin;
}

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
			post(device, "\xB2rd\x01x\xFF", 5);
		}
		wait_and_receive(load);
		if (now() - checked < 1)
			continue;
		checked = now();
		for (uint32_t i = 0; i < load->peers; i++)
			if (load->devices[i].is_busy && checked - load->devices[i].began > 2) {
				load->devices[i].is_busy = false;
				load->under_way--;
				load->lost++;
			}
	}
	return now() - begin;
}

int main(int argc, char **argv)
{
	struct load load = { .peers = 100, .window = 32 };
	const int one = 1, buffer = 4 << 20;
	const struct sockaddr_in any = { .sin_family = AF_INET };
	double seconds = 3;
	int option;

	while ((option = getopt(argc, argv, "p:s:w:")) != -1) {
		if (option == 'p')
			load.peers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			seconds = strtod(optarg, NULL);
		else if (option == 'w')
			load.window = (uint32_t)strtoul(optarg, NULL, 10);
		else
			return EXIT_FAILURE;
	}
	if (optind + 1 != argc || load.peers == 0 || load.peers > 100000 || load.window == 0 ||
	    seconds <= 0) {
		fprintf(stderr, "usage: %s [-p peers] [-s seconds] [-w window] PORT\n", argv[0]);
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
	if (load.devices == NULL || load.context == NULL || load.method == NULL ||
	    bind(load.socket, (const void *)&any, sizeof(any)) != 0 ||
	    SSL_CTX_set_cipher_list(load.context, SUITE) != 1)
		die("cannot begin");
	SSL_CTX_set_mode(load.context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_psk_client_callback(load.context, find_key);
	BIO_meth_set_read(load.method, bio_read);
	BIO_meth_set_write(load.method, bio_write);
	BIO_meth_set_ctrl(load.method, bio_ctrl);

	double registering = register_all(&load), updating = update(&load, seconds);
	printf("handshakes_per_s=%.0f updates_per_s=%.0f lost=%lu\n", load.peers / registering,
	       (double)load.answered / updating, load.lost);
	for (uint32_t i = 0; i < load.peers; i++)
		SSL_free(load.devices[i].ssl);
	SSL_CTX_free(load.context);
	BIO_meth_free(load.method);
	free(load.devices);
	return load.answered > 0 && load.lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
