/* Many devices that register once and then update as fast as the server answers.
 *
 *   bench_load [-p peers] [-s seconds] [-r rounds] [-w window] [-e] [-c pid] PORT
 *
 * Device i is the address 127.1.0.0 + i: one socket sends from all of them (IP_PKTINFO), so that the server
 * sees as many peers while we need one file descriptor. At most `window` requests are under way, one per
 * device. With -e the other side only echoes: nothing registers, and what comes back counts as its answer.
 *
 * Prints one line: updates per second, what was lost, and how long an answer took. */
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

#define BATCH        64
#define DATAGRAM_MAX 512
#define FIRST_DEVICE 0x7F010000u
#define LOCATION_MAX 26
#define TIMEOUT_S    2.0
#define TRIES_MAX    4
#define PEERS_MAX    1000000u
#define ROUNDS_MAX   99

struct device {
	double sent;
	uint16_t mid, sequence;
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
	bool registers, echoes;
	uint64_t answered, refused, lost, resent;
	uint64_t histogram[64 * 16]; /* of the time to an answer, 16 steps per power of two microseconds */
	struct batch in, out;
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

static void send_request(struct load *load, uint32_t i, bool again)
{
	struct device *device = &load->devices[i];

	if (load->out.count == BATCH)
		flush(load);
	if (!again) {
		device->mid++;
		device->sequence++;
		device->tries = 0;
		device->sent = now();
	}
	device->is_busy = true;
	struct in_pktinfo from = { .ipi_spec_dst.s_addr = htonl(FIRST_DEVICE + i) };
	memcpy(CMSG_DATA((struct cmsghdr *)load->out.control[load->out.count]), &from, sizeof(from));

	/* The token tells the device and which of its requests. */
	uint8_t *start = load->out.bytes[load->out.count], *at = start;
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
	if (load->registers) {
		at = put_registration(at, i);
	} else {
		memcpy(at, device->location, device->location_len);
		at += device->location_len;
	}
	load->out.parts[load->out.count++].iov_len = (size_t)(at - start);
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

static void take_answer(struct load *load, const uint8_t *at, size_t len, double time)
{
	if (len < 10 || (at[0] & 15) != 6 || (at[1] >> 5 == 0 && !load->echoes))
		return;
	uint32_t i = (uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7];
	if (i >= load->peers)
		return;
	struct device *device = &load->devices[i];
	if (!device->is_busy || device->sequence != (at[8] << 8 | at[9]))
		return;
	device->is_busy = false;
	load->under_way--;
	load->waiting[(load->waiting_first + load->waiting_count++) % load->peers] = i;
	note_time(load, time - device->sent);
	load->answered++;
	if (at[1] >> 5 > 2)
		load->refused++;
	if (load->registers && at[1] == (2 << 5 | 1))
		keep_location(device, at + 10, at + len);
}

static void receive(struct load *load, int wait_ms)
{
	struct pollfd ready = { .fd = load->socket, .events = POLLIN };

	if (wait_ms > 0 && poll(&ready, 1, wait_ms) <= 0)
		return;
	int count = recvmmsg(load->socket, load->in.headers, BATCH, MSG_DONTWAIT, NULL);
	double time = now();
	for (int i = 0; i < count; i++)
		take_answer(load, load->in.bytes[i], load->in.headers[i].msg_len, time);
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

static void drain(struct load *load)
{
	for (double begin = now(); load->under_way > 0 && now() - begin < 5;)
		receive(load, 20);
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
		if (is_out) {
			batch->headers[i].msg_hdr.msg_name = &load->server;
			batch->headers[i].msg_hdr.msg_namelen = sizeof(load->server);
			batch->headers[i].msg_hdr.msg_control = control;
			batch->headers[i].msg_hdr.msg_controllen = sizeof(batch->control[i]);
		}
	}
}

static void open_load(struct load *load, uint16_t port)
{
	const int buffer = 4 << 20;
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
	if (load->socket < 0 || bind(load->socket, (const void *)&any, sizeof(any)) != 0)
		die("socket");
	point(load, &load->in, false);
	point(load, &load->out, true);
}

/* ---- the measurement ---- */

struct round {
	double updates_per_s, cpu_ns, median_us, slow_us;
};

/* What the process has used so far, in seconds (proc(5)). */
static double cpu_of(long pid)
{
	char path[64];
	unsigned long user = 0, system = 0;

	if (pid == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				   &user, &system) != 2)
		die(path);
	fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int by_updates(const void *a, const void *b)
{
	const struct round *left = a, *right = b;

	return (left->updates_per_s > right->updates_per_s) - (left->updates_per_s < right->updates_per_s);
}

/* The median of the rounds. False when a round was not good. */
static bool measure(struct load *load, unsigned rounds, double seconds, long pid, struct round *ret_median)
{
	struct round all[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		double cpu = cpu_of(pid), took = run(load, seconds);
		all[i] = (struct round){
			.updates_per_s = (double)load->answered / took,
			.cpu_ns = (cpu_of(pid) - cpu) / (double)load->answered * 1e9,
			.median_us = time_us(load, 0.5),
			.slow_us = time_us(load, 0.99),
		};
		if (load->answered == 0 || load->refused > 0 || load->lost > 0) {
			fprintf(stderr, "answered %lu, refused %lu, lost %lu, resent %lu\n",
				(unsigned long)load->answered, (unsigned long)load->refused,
				(unsigned long)load->lost, (unsigned long)load->resent);
			return false;
		}
	}
	qsort(all, rounds, sizeof(all[0]), by_updates);
	*ret_median = all[rounds / 2];
	return true;
}

static bool register_all(struct load *load)
{
	load->registers = true;
	run(load, 0);
	load->registers = false;
	if (load->answered - load->refused == load->peers)
		return true;
	fprintf(stderr, "only %lu of %u devices could register\n",
		(unsigned long)(load->answered - load->refused), load->peers);
	return false;
}

int main(int argc, char **argv)
{
	struct load *load = calloc(1, sizeof(*load));
	double seconds = 1;
	unsigned rounds = 1;
	long pid = 0;
	struct round median;
	int option;

	if (load == NULL)
		die("memory");
	load->peers = 100;
	load->window = 64;
	while ((option = getopt(argc, argv, "p:s:r:w:c:e")) != -1) {
		if (option == 'p')
			load->peers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			seconds = strtod(optarg, NULL);
		else if (option == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'w')
			load->window = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'c')
			pid = strtol(optarg, NULL, 10);
		else if (option == 'e')
			load->echoes = true;
		else
			return EXIT_FAILURE;
	}
	if (optind + 1 != argc || load->peers == 0 || load->peers > PEERS_MAX || load->window == 0 ||
	    rounds == 0 || rounds > ROUNDS_MAX || seconds <= 0) {
		fprintf(stderr,
			"usage: %s [-p peers] [-s seconds] [-r rounds] [-w window] [-e] [-c pid] PORT\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	open_load(load, (uint16_t)strtoul(argv[optind], NULL, 10));
	bool is_good = (load->echoes || register_all(load)) && measure(load, rounds, seconds, pid, &median);
	if (is_good)
		printf("updates_per_s=%.0f cpu_ns=%.0f median_us=%.0f slow_us=%.0f\n", median.updates_per_s,
		       median.cpu_ns, median.median_us, median.slow_us);
	drain(load);
	free(load->devices);
	free(load->waiting);
	free(load);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
