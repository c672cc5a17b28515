#include "udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

#define BATCH            64
#define BATCHES_PER_TURN 16 /* then timers and other sockets have their turn */
#define SLOT_BYTES                                                                                           \
	(UDP_DATAGRAM_MAX + 64) /* no power of two: the heads of all slots would share one cache set */
#define KERNEL_BUFFER_BYTES (4 << 20)

struct udp_slot {
	struct iovec at;
	struct sockaddr_in6 address;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	uint8_t bytes[SLOT_BYTES];
};

struct udp_socket {
	struct loop *loop;
	struct watch *watch;
	struct udp_settings settings;
	struct coap_address bound;
	int fd;
	sa_family_t family;
	bool is_wildcard; /* has more than one address: which one a peer speaks to is asked per datagram */
	bool is_receiving, waits_for_write;
	unsigned queued;
	uint64_t sent;
	struct mmsghdr in[BATCH], out[BATCH];
	struct udp_slot in_slots[BATCH], out_slots[BATCH];
	uint8_t overflow[SLOT_BYTES];
};

/* ---- out ---- */

static void wait_for_write(struct udp_socket *udp, bool waits)
{
	if (udp->waits_for_write == waits)
		return;
	if (loop_watch_events(udp->watch, waits ? EPOLLIN | EPOLLOUT : EPOLLIN) == ERR_NONE)
		udp->waits_for_write = waits;
}

/* What the kernel cannot take now stays queued. */
static void udp_flush(struct udp_socket *udp)
{
	unsigned done = 0;
	while (done < udp->queued) {
		int count = sendmmsg(udp->fd, &udp->out[done], udp->queued - done, MSG_DONTWAIT);
		if (count > 0) {
			done += (unsigned)count;
			udp->sent += (unsigned)count;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			break;
		} else if (errno != EINTR) {
			done++; /* this destination cannot be reached; retransmission decides about it */
		}
	}
	if (done > 0 && done < udp->queued) {
		/* Rare: slots and headers stay paired, so the rest moves down by copying. */
		for (unsigned i = done; i < udp->queued; i++) {
			struct udp_slot *from = &udp->out_slots[i], *to = &udp->out_slots[i - done];
			memcpy(to->bytes, from->bytes, from->at.iov_len);
			to->at.iov_len = from->at.iov_len;
			to->address = from->address;
			memcpy(to->control, from->control, sizeof(to->control));
			udp->out[i - done].msg_hdr.msg_namelen = udp->out[i].msg_hdr.msg_namelen;
			udp->out[i - done].msg_hdr.msg_controllen = udp->out[i].msg_hdr.msg_controllen;
		}
	}
	udp->queued -= done;
	wait_for_write(udp, udp->queued > 0);
}

uint8_t *udp_begin(struct udp_socket *udp)
{
	if (udp->queued == BATCH)
		udp_flush(udp);
	return udp->queued < BATCH ? udp->out_slots[udp->queued].bytes : udp->overflow;
}

static size_t write_control(struct udp_slot *slot, sa_family_t family, const struct route *to)
{
	struct cmsghdr *header = (void *)slot->control;
	if (family == AF_INET) {
		struct in_pktinfo info = { 0 };
		memcpy(&info.ipi_spec_dst, &to->local.s6_addr[12], sizeof(info.ipi_spec_dst));
		header->cmsg_level = IPPROTO_IP;
		header->cmsg_type = IP_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(header), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	struct in6_pktinfo info = { .ipi6_addr = to->local, .ipi6_ifindex = to->key.scope };
	header->cmsg_level = IPPROTO_IPV6;
	header->cmsg_type = IPV6_PKTINFO;
	header->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(header), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

void udp_end(struct udp_socket *udp, const struct route *to, size_t len)
{
	if (udp->queued == BATCH || (udp->family == AF_INET && !IN6_IS_ADDR_V4MAPPED(&to->key.ip)))
		return; /* as if lost on the way */
	struct udp_slot *slot = &udp->out_slots[udp->queued];
	struct msghdr *header = &udp->out[udp->queued].msg_hdr;

	slot->at.iov_len = len;
	header->msg_namelen = peer_key_to_sockaddr(&to->key, udp->family, &slot->address);
	header->msg_controllen = 0;
	if (udp->is_wildcard && !IN6_IS_ADDR_UNSPECIFIED(&to->local))
		header->msg_controllen = write_control(slot, udp->family, to);
	header->msg_control = header->msg_controllen > 0 ? slot->control : NULL;
	udp->queued++;
	if (!udp->is_receiving)
		wait_for_write(udp, true);
}

/* ---- in ---- */

static struct in6_addr read_control(struct msghdr *header)
{
	struct in6_addr local = in6addr_any;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
	     control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(control), sizeof(info));
			local.s6_addr[10] = local.s6_addr[11] = 0xFF;
			memcpy(&local.s6_addr[12], &info.ipi_addr, sizeof(info.ipi_addr));
		} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(control), sizeof(info));
			local = info.ipi6_addr;
		}
	}
	/* Nothing may be sent from a multicast address. */
	return IN6_IS_ADDR_MULTICAST(&local) ? in6addr_any : local;
}

static void receive_batch(struct udp_socket *udp, size_t count)
{
	const struct udp_receiver *receiver = &udp->settings.receiver;
	struct route from[BATCH];
	const struct peer_key *keys[BATCH];

	for (size_t i = 0; i < count; i++) {
		from[i] = (struct route){ .key = { .socket = udp->bound.socket,
						   .is_secure = udp->bound.is_secure } };
		peer_key_from_sockaddr((const struct sockaddr *)&udp->in_slots[i].address, &from[i].key);
		keys[i] = &from[i].key;
	}
	receiver->coming(receiver->self, keys, count);
	for (size_t i = 0; i < count; i++) {
		if (udp->is_wildcard)
			from[i].local = read_control(&udp->in[i].msg_hdr);
		if ((udp->in[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			receiver->truncated(receiver->self);
		else if (from[i].key.port != 0)
			receiver->received(receiver->self, &from[i],
					   bytes_of(udp->in_slots[i].bytes, udp->in[i].msg_len));
	}
}

static void udp_ready(void *self, uint32_t events)
{
	struct udp_socket *udp = self;
	if (events & EPOLLOUT)
		udp_flush(udp);

	udp->is_receiving = true;
	for (unsigned batch = 0; batch < BATCHES_PER_TURN; batch++) {
		for (unsigned i = 0; i < BATCH; i++) {
			udp->in[i].msg_hdr.msg_namelen = sizeof(udp->in_slots[i].address);
			if (udp->is_wildcard)
				udp->in[i].msg_hdr.msg_controllen = sizeof(udp->in_slots[i].control);
		}
		int count = recvmmsg(udp->fd, udp->in, BATCH, MSG_DONTWAIT, NULL);
		if (count > 0)
			receive_batch(udp, (size_t)count);
		if (udp->queued > 0)
			udp_flush(udp);
		if (count < BATCH)
			break;
	}
	udp->is_receiving = false;
}

/* ---- open ---- */

/* SO_REUSEPORT would let a second server take half of the datagrams in silence, so one socket asks without
 * it. */
static enum err probe_port(const struct coap_address *listen, socklen_t size)
{
	int fd = socket(listen->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_IO;
	int bound = bind(fd, &listen->any, size), failure = errno;
	close(fd);
	errno = failure;
	if (bound == 0)
		return ERR_NONE;
	return failure == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
}

static bool set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_options(struct udp_socket *udp)
{
	bool is_good = set_option(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	/* Only wishes: the system bounds them. */
	(void)set_option(udp->fd, SOL_SOCKET, SO_RCVBUF, KERNEL_BUFFER_BYTES);
	(void)set_option(udp->fd, SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER_BYTES);
	if (udp->family == AF_INET)
		return is_good && (!udp->is_wildcard || set_option(udp->fd, IPPROTO_IP, IP_PKTINFO, 1));
	return is_good && set_option(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) &&
	       (!udp->is_wildcard || set_option(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
}

static void point_slots(struct udp_socket *udp)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct udp_slot *in = &udp->in_slots[i], *out = &udp->out_slots[i];
		in->at = (struct iovec){ in->bytes, UDP_DATAGRAM_MAX };
		out->at = (struct iovec){ out->bytes, 0 };
		udp->in[i].msg_hdr =
			(struct msghdr){ .msg_name = &in->address, .msg_iov = &in->at, .msg_iovlen = 1 };
		if (udp->is_wildcard)
			udp->in[i].msg_hdr.msg_control = in->control;
		udp->out[i].msg_hdr =
			(struct msghdr){ .msg_name = &out->address, .msg_iov = &out->at, .msg_iovlen = 1 };
	}
}

static enum err open_and_bind(struct udp_socket *udp, socklen_t size)
{
	struct coap_address *bound = &udp->bound;
	socklen_t bound_size = sizeof(bound->v6);
	udp->fd = socket(udp->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (udp->fd < 0 || !set_options(udp) || bind(udp->fd, &bound->any, size) != 0 ||
	    getsockname(udp->fd, &bound->any, &bound_size) != 0)
		return ERR_IO;
	return ERR_NONE;
}

enum err udp_open(struct loop *loop, const struct udp_settings *settings, struct udp_socket **ret_socket,
		  struct fault *fault)
{
	const struct coap_address address = address_to_listen_at(&settings->listen), *listen = &address;
	const socklen_t size = address_size(listen);
	char text[COAP_ADDRESS_TEXT_SIZE];

	struct udp_socket *udp = calloc(1, sizeof(*udp));
	if (udp == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for a socket");
	udp->loop = loop;
	udp->settings = *settings;
	udp->bound = *listen;
	udp->fd = -1;
	udp->family = listen->any.sa_family;
	udp->is_wildcard = address_is_any(listen);
	point_slots(udp);

	enum err err = probe_port(listen, size);
	if (err == ERR_NONE)
		err = open_and_bind(udp, size);
	if (err != ERR_NONE) {
		err = fault_set(fault, err, "%s: %s", coap_address_print(listen, text), strerror(errno));
		goto out;
	}
	err = loop_watch(loop, udp->fd, EPOLLIN, udp_ready, udp, &udp->watch);
	if (err != ERR_NONE) {
		(void)fault_set(fault, err, "%s: cannot be watched", coap_address_print(listen, text));
		goto out;
	}
	*ret_socket = udp;
	return ERR_NONE;
out:
	udp_close(udp);
	return err;
}

void udp_close(struct udp_socket *udp)
{
	if (udp == NULL)
		return;
	if (udp->watch != NULL)
		udp_flush(udp);
	loop_unwatch(udp->watch);
	if (udp->fd >= 0)
		close(udp->fd);
	free(udp);
}

struct coap_address udp_bound(const struct udp_socket *udp)
{
	return udp->bound;
}

uint64_t udp_sent(const struct udp_socket *udp)
{
	return udp->sent;
}
