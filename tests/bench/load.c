/* Many devices that register, update, send, notify and are read as fast as the server goes.
 *
 *   bench_load [-p peers] [-s seconds] [-w window] -o OPERATION[,OPERATION...] PORT COMMAND [ARGUMENT...]
 *
 * COMMAND is the server: it is started here, says "ready", and ends with its standard input; a pid that
 * answers is what the processor time and the memory are taken of. Device i is the address 127.1.0.0 + i: one
 * socket sends from all of them (IP_PKTINFO), so that the server sees as many peers while we need one file
 * descriptor. At most `window` requests are under way, one per device.
 *
 * Prints a line of key=value for each operation, which are done in the order given: the rows of operations[].
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

#define BATCH        64
#define DATAGRAM_MAX 512
#define FIRST_DEVICE 0x7F010000u
#define LOCATION_MAX 26
#define TIMEOUT_S    2.0
#define TRIES_MAX    4
#define PEERS_MAX    1000000u
#define TOKEN_BYTES  8

enum kind { ECHO, REGISTER, UPDATE, SEND, NOTIFY };

struct device {
	double sent;
	uint32_t observe;
	uint16_t mid, sequence;
	uint8_t token[TOKEN_BYTES]; /* of the observation */
	bool is_busy;
	uint8_t tries, location_len;
	uint8_t location[LOCATION_MAX]; /* Uri-Path options of an update, as its registration was answered */
};

struct batch {
	struct mmsghdr headers[BATCH];
	struct iovec parts[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
	uint8_t bytes[BATCH][DATAGRAM_MAX];
	unsigned count;
};

struct load {
	int socket;
	struct sockaddr_in server;
	struct device *devices;
	uint32_t peers, window, under_way;
	uint32_t *waiting; /* a ring of devices that may send */
	uint32_t waiting_first, waiting_count;
	enum kind kind;
	uint64_t answered, refused, lost, resent;
	uint64_t histogram[64 * 16]; /* of the time to an answer, 16 steps per power of two microseconds */
	struct batch in, out;
	struct child server_process;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* ---- times ---- */

static void note_time(struct load *load, double seconds)
{
	uint64_t us = (uint64_t)(seconds * 1e6) + 1;
	unsigned power = 63 - (unsigned)__builtin_clzll(us);
	uint64_t step = power >= 4 ? us >> (power - 4) & 15 : us << (4 - power) & 15;

	load->histogram[power * 16 + step]++;
}

static double time_us(const struct load *load, double share)
{
	uint64_t total = 0, seen = 0;

	for (size_t i = 0; i < 64 * 16; i++)
		total += load->histogram[i];
	for (size_t i = 0; i < 64 * 16 && total > 0; i++) {
		seen += load->histogram[i];
		if ((double)seen >= share * (double)total)
			return (double)(UINT64_C(1) << i / 16) * (1 + (double)(i % 16) / 16);
	}
	return 0;
}

/* ---- out ---- */

static void flush(struct load *load)
{
	unsigned done = 0;

	while (done < load->out.count) {
		int sent = sendmmsg(load->socket, &load->out.headers[done], load->out.count - done, 0);
		if (sent > 0) {
			done += (unsigned)sent;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			struct pollfd ready = { .fd = load->socket, .events = POLLOUT };
			poll(&ready, 1, 10);
		} else {
			die("sendmmsg");
		}
	}
	load->out.count = 0;
}

static uint8_t *put_option(uint8_t *at, unsigned *last, unsigned number, const void *value, size_t len)
{
	unsigned delta = number - *last;
	uint8_t *head = at++;

	*last = number;
	*head = (uint8_t)((delta < 13 ? delta : 13) << 4 | (len < 13 ? len : 13));
	if (delta >= 13)
		*at++ = (uint8_t)(delta - 13);
	if (len >= 13)
		*at++ = (uint8_t)(len - 13);
	memcpy(at, value, len);
	return at + len;
}

static uint8_t *put_registration(uint8_t *at, uint32_t i)
{
	static const char links[] =
		"</>;rt=\"oma.lwm2m\";ct=11542,</1/0>,</3/0>,</3303/0>,</3304/0>,</3305/0>";
	unsigned last = 0;
	char endpoint[32];

	at = put_option(at, &last, 11, "rd", 2);
	at = put_option(at, &last, 12, "\x28", 1);
	at = put_option(at, &last, 15, endpoint, (size_t)sprintf(endpoint, "ep=urn:imei:%015u", i));
	at = put_option(at, &last, 15, "lt=86400", 8);
	at = put_option(at, &last, 15, "lwm2m=1.1", 9);
	at = put_option(at, &last, 15, "b=U", 3);
	*at++ = 0xFF;
	memcpy(at, links, sizeof(links) - 1);
	return at + sizeof(links) - 1;
}

/* Where the next message of a device is built; end_message sends it. */
static uint8_t *begin_message(struct load *load, uint32_t i)
{
	const struct in_pktinfo from = { .ipi_spec_dst.s_addr = htonl(FIRST_DEVICE + i) };

	if (load->out.count == BATCH)
		flush(load);
	memcpy(CMSG_DATA((struct cmsghdr *)load->out.control[load->out.count]), &from, sizeof(from));
	return load->out.bytes[load->out.count];
}

static void end_message(struct load *load, const uint8_t *end)
{
	const uint8_t *start = load->out.bytes[load->out.count];

	load->out.parts[load->out.count++].iov_len = (size_t)(end - start);
}

/* Uri-Path dp, Content-Format SenML CBOR: [{0: "/3/0/9", 2: 100}] */
static uint8_t *put_send(uint8_t *at)
{
	static const uint8_t pack[] = {
		0xFF, 0x81, 0xA2, 0, 0x66, '/', '3', '/', '0', '/', '9', 2, 0x18, 100
	};
	unsigned last = 0;

	at = put_option(at, &last, 11, "dp", 2);
	at = put_option(at, &last, 12, "\x70", 1);
	memcpy(at, pack, sizeof(pack));
	return at + sizeof(pack);
}

/* Observe (NULL: without), Content-Format TLV: resource 9 is 100. */
static uint8_t *put_value(uint8_t *at, const uint8_t observe[3])
{
	static const uint8_t pack[] = { 0xFF, 0xC1, 9, 100 };
	unsigned last = 0;

	if (observe != NULL)
		at = put_option(at, &last, 6, observe, 3);
	at = put_option(at, &last, 12, "\x2D\x16", 2);
	memcpy(at, pack, sizeof(pack));
	return at + sizeof(pack);
}

static uint8_t *put_notification(uint8_t *at, struct device *device)
{
	const uint32_t n = device->observe;
	const uint8_t observe[] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	const uint8_t head[] = { 0x48, 2 << 5 | 5, (uint8_t)(device->mid >> 8), (uint8_t)device->mid };

	memcpy(at, head, sizeof(head));
	memcpy(at + sizeof(head), device->token, TOKEN_BYTES);
	return put_value(at + sizeof(head) + TOKEN_BYTES, observe);
}

static void send_request(struct load *load, uint32_t i, bool again)
{
	struct device *device = &load->devices[i];

	if (!again) {
		device->mid++;
		device->sequence++;
		device->tries = 0;
		device->sent = now();
	}
	device->is_busy = true;
	uint8_t *at = begin_message(load, i);
	if (load->kind == NOTIFY) {
		device->observe += !again;
		end_message(load, put_notification(at, device));
		return;
	}
	/* The token tells the device and which of its requests. */
	const uint8_t head[] = { 0x46,
				 2,
				 (uint8_t)(device->mid >> 8),
				 (uint8_t)device->mid,
				 (uint8_t)(i >> 24),
				 (uint8_t)(i >> 16),
				 (uint8_t)(i >> 8),
				 (uint8_t)i,
				 (uint8_t)(device->sequence >> 8),
				 (uint8_t)device->sequence };
	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	if (load->kind == REGISTER) {
		at = put_registration(at, i);
	} else if (load->kind == SEND) {
		at = put_send(at);
	} else {
		memcpy(at, device->location, device->location_len);
		at += device->location_len;
	}
	end_message(load, at);
}

/* ---- in ---- */

/* Location-Path of an answer becomes Uri-Path of the updates. The server is ours: its options are trusted to
 * be short. */
static void keep_location(struct device *device, const uint8_t *at, const uint8_t *end)
{
	unsigned number = 0, last = 0;
	uint8_t *to = device->location;

	while (at < end && *at != 0xFF) {
		unsigned delta = *at >> 4, len = *at & 15;
		at++;
		if (delta == 13)
			delta = 13u + *at++;
		if (len == 13)
			len = 13u + *at++;
		number += delta;
		if (number == 8 && to + len + 2 <= device->location + LOCATION_MAX)
			to = put_option(to, &last, 11, at, len);
		at += len;
	}
	device->location_len = (uint8_t)(to - device->location);
}

/* The request of the device that was under way has ended. */
static void end_request(struct load *load, uint32_t i, double time)
{
	struct device *device = &load->devices[i];

	device->is_busy = false;
	load->under_way--;
	load->waiting[(load->waiting_first + load->waiting_count++) % load->peers] = i;
	note_time(load, time - device->sent);
	load->answered++;
}

/* A GET of the server: with Observe, which comes as the first option, its token is the observation. */
static void answer_server(struct load *load, uint32_t i, const uint8_t *at, size_t len)
{
	static const uint8_t observe[3] = { 0 };
	struct device *device = &load->devices[i];
	const bool observes = len > 4 + TOKEN_BYTES && at[4 + TOKEN_BYTES] >> 4 == 6;
	uint8_t *to = begin_message(load, i);

	to[0] = 0x68;
	to[1] = 2 << 5 | 5;
	memcpy(to + 2, at + 2, 2 + TOKEN_BYTES);
	if (observes)
		memcpy(device->token, at + 4, TOKEN_BYTES);
	end_message(load, put_value(to + 4 + TOKEN_BYTES, observes ? observe : NULL));
}

static void take_message(struct load *load, uint32_t i, const uint8_t *at, size_t len, double time)
{
	struct device *device = &load->devices[i];

	if (len >= 4 + TOKEN_BYTES && at[0] == 0x48 && at[1] == 1) {
		answer_server(load, i, at, len);
		return;
	}
	if (len == 4 && load->kind == NOTIFY && device->is_busy && device->mid == (at[2] << 8 | at[3])) {
		load->refused += at[0] != 0x60;
		end_request(load, i, time);
		return;
	}
	if (len < 10 || (at[0] & 15) != 6 || (at[1] >> 5 == 0 && load->kind != ECHO) || !device->is_busy ||
	    device->sequence != (at[8] << 8 | at[9]))
		return;
	end_request(load, i, time);
	if (at[1] >> 5 > 2)
		load->refused++;
	if (load->kind == REGISTER && at[1] == (2 << 5 | 1))
		keep_location(device, at + 10, at + len);
}

static void receive(struct load *load, int wait_ms)
{
	struct pollfd ready = { .fd = load->socket, .events = POLLIN };

	if (wait_ms > 0 && poll(&ready, 1, wait_ms) <= 0)
		return;
	for (unsigned i = 0; i < BATCH; i++)
		load->in.headers[i].msg_hdr.msg_controllen = sizeof(load->in.control[i]);
	int count = recvmmsg(load->socket, load->in.headers, BATCH, MSG_DONTWAIT, NULL);
	double time = now();
	for (int i = 0; i < count; i++) {
		struct in_pktinfo to;
		memcpy(&to, CMSG_DATA((struct cmsghdr *)load->in.control[i]), sizeof(to));
		uint32_t device = ntohl(to.ipi_addr.s_addr) - FIRST_DEVICE;
		if (device < load->peers)
			take_message(load, device, load->in.bytes[i], load->in.headers[i].msg_len, time);
	}
}

static void resend_overdue(struct load *load, double time)
{
	for (uint32_t i = 0; i < load->peers; i++) {
		struct device *device = &load->devices[i];
		if (!device->is_busy || time - device->sent < TIMEOUT_S * (1 << device->tries))
			continue;
		if (++device->tries < TRIES_MAX) {
			load->resent++;
			send_request(load, i, true);
			continue;
		}
		load->lost++;
		load->under_way--;
		device->is_busy = false;
		load->waiting[(load->waiting_first + load->waiting_count++) % load->peers] = i;
	}
}

/* ---- phases ---- */

/* Every device once (seconds 0), or as often as it goes. Answers how long it took. */
static double run(struct load *load, double seconds)
{
	uint32_t to_begin = load->peers;
	double begin = now(), time = begin, checked = begin;

	load->answered = load->refused = load->lost = load->resent = 0;
	memset(load->histogram, 0, sizeof(load->histogram));
	while (seconds > 0 ? time - begin < seconds : to_begin > 0 || load->under_way > 0) {
		while (load->under_way < load->window && load->waiting_count > 0 &&
		       (seconds > 0 || to_begin > 0)) {
			uint32_t i = load->waiting[load->waiting_first];
			load->waiting_first = (load->waiting_first + 1) % load->peers;
			load->waiting_count--;
			load->under_way++;
			to_begin -= seconds > 0 ? 0 : 1;
			send_request(load, i, false);
		}
		flush(load);
		receive(load, 20);
		time = now();
		if (time - checked > 0.25) {
			checked = time;
			resend_overdue(load, time);
		}
	}
	return time - begin;
}

static void point(struct load *load, struct batch *batch, bool is_out)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct cmsghdr *control = (void *)batch->control[i];
		*control = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)),
			.cmsg_level = IPPROTO_IP,
			.cmsg_type = IP_PKTINFO,
		};
		batch->parts[i] = (struct iovec){ batch->bytes[i], DATAGRAM_MAX };
		batch->headers[i].msg_hdr = (struct msghdr){ .msg_iov = &batch->parts[i], .msg_iovlen = 1 };
		batch->headers[i].msg_hdr.msg_control = control;
		batch->headers[i].msg_hdr.msg_controllen = sizeof(batch->control[i]);
		if (is_out) {
			batch->headers[i].msg_hdr.msg_name = &load->server;
			batch->headers[i].msg_hdr.msg_namelen = sizeof(load->server);
		}
	}
}

static void open_load(struct load *load, uint16_t port)
{
	const int buffer = 4 << 20, one = 1;
	const struct sockaddr_in any = { .sin_family = AF_INET };

	load->devices = calloc(load->peers, sizeof(*load->devices));
	load->waiting = calloc(load->peers, sizeof(*load->waiting));
	if (load->devices == NULL || load->waiting == NULL)
		die("memory");
	for (uint32_t i = 0; i < load->peers; i++) {
		load->devices[i].mid = (uint16_t)(i * 7919); /* as if each had begun somewhere */
		load->waiting[i] = i;
	}
	load->waiting_count = load->peers;
	load->server = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	load->socket = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(load->socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(load->socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(load->socket, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	if (load->socket < 0 || bind(load->socket, (const void *)&any, sizeof(any)) != 0)
		die("socket");
	point(load, &load->in, false);
	point(load, &load->out, true);
}

/* ---- operations ---- */

struct operation {
	const char *name;
	enum kind kind;
	bool is_once;        /* each device once, else for `seconds` */
	const char *command; /* NULL: the devices act; else the server, told so */
};

static const struct operation operations[] = {
	{ "echo", ECHO, false, NULL },
	{ "first", REGISTER, true, NULL },     /* devices that were never seen */
	{ "register", REGISTER, false, NULL }, /* again */
	{ "update", UPDATE, false, NULL },
	{ "send", SEND, false, NULL },
	{ "observe", UPDATE, true, "observe" },
	{ "notify", NOTIFY, false, NULL },
	{ "read", UPDATE, false, "read" },
};

static bool devices_act(struct load *load, const struct operation *operation, double seconds)
{
	load->kind = operation->kind;
	double cpu_s = child_cpu_s(&load->server_process), took = run(load, operation->is_once ? 0 : seconds);
	printf("op=%s per_s=%.0f cpu_ns=%.0f median_us=%.0f slow_us=%.0f\n", operation->name,
	       (double)load->answered / took,
	       (child_cpu_s(&load->server_process) - cpu_s) / (double)load->answered * 1e9,
	       time_us(load, 0.5), time_us(load, 0.99));
	uint64_t answered = load->answered, refused = load->refused, lost = load->lost;
	for (double begin = now(); load->under_way > 0 && now() - begin < 5;)
		receive(load, 20);
	if (answered > 0 && refused == 0 && lost == 0 && load->under_way == 0)
		return true;
	fprintf(stderr, "%s: answered %lu, refused %lu, lost %lu, resent %lu\n", operation->name,
		(unsigned long)answered, (unsigned long)refused, (unsigned long)lost,
		(unsigned long)load->resent);
	return false;
}

static bool server_acts(struct load *load, const struct operation *operation, double seconds)
{
	struct pollfd ready = { .fd = fileno(load->server_process.results), .events = POLLIN };
	unsigned long answered = 0, failed = 0, us = 1;
	double cpu_s = child_cpu_s(&load->server_process);
	char line[128] = "";

	load->kind = operation->kind;
	fprintf(load->server_process.commands, "%s %u %.0f\n", operation->command, load->peers,
		operation->is_once ? 0 : seconds * 1000);
	fflush(load->server_process.commands);
	while (poll(&ready, 1, 0) == 0) {
		receive(load, 5);
		flush(load);
	}
	if (fgets(line, sizeof(line), load->server_process.results) == NULL ||
	    sscanf(line, "answered=%lu failed=%lu us=%lu", &answered, &failed, &us) != 3 || answered == 0 ||
	    failed > 0) {
		fprintf(stderr, "%s: %s\n", operation->name, line);
		return false;
	}
	printf("op=%s per_s=%.0f cpu_ns=%.0f\n", operation->name, (double)answered / (double)us * 1e6,
	       (child_cpu_s(&load->server_process) - cpu_s) / (double)answered * 1e9);
	return true;
}

static bool do_operation(struct load *load, const char *name, double seconds, double kib_before)
{
	if (strcmp(name, "memory") == 0 || strcmp(name, "busy") == 0) {
		printf("op=%s bytes=%.0f peak_bytes=%.0f\n", name,
		       (child_kib(&load->server_process, "VmRSS:") - kib_before) * 1024 / load->peers,
		       (child_kib(&load->server_process, "VmHWM:") - kib_before) * 1024 / load->peers);
		return true;
	}
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(name, operations[i].name) == 0)
			return (operations[i].command != NULL ? server_acts
							      : devices_act)(load, &operations[i], seconds);
	fprintf(stderr, "no operation %s\n", name);
	return false;
}

int main(int argc, char **argv)
{
	struct load *load = calloc(1, sizeof(*load));
	char *names = NULL, *name;
	double seconds = 1;
	bool is_good = true;
	int option;

	if (load == NULL)
		die("memory");
	load->peers = 100;
	load->window = 64;
	while ((option = getopt(argc, argv, "+p:s:w:o:")) != -1) {
		if (option == 'p')
			load->peers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			seconds = strtod(optarg, NULL);
		else if (option == 'w')
			load->window = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'o')
			names = optarg;
		else
			return EXIT_FAILURE;
	}
	if (optind + 2 > argc || names == NULL || load->peers == 0 || load->peers > PEERS_MAX ||
	    load->window == 0 || seconds <= 0) {
		fprintf(stderr,
			"usage: %s [-p peers] [-s seconds] [-w window] -o OPERATION[,...] PORT COMMAND...\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	open_load(load, (uint16_t)strtoul(argv[optind], NULL, 10));
	load->server_process = child_start(argv + optind + 1);
	const double kib_before = child_kib(&load->server_process, "VmRSS:");
	while (is_good && (name = strsep(&names, ",")) != NULL)
		is_good = do_operation(load, name, seconds, kib_before);
	is_good = child_end(&load->server_process) && is_good;
	free(load->devices);
	free(load->waiting);
	free(load);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
