/* A UDP echo in batches: what the machine and the load generator allow, whatever a server does. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH        64
#define DATAGRAM_MAX 2048

int main(int argc, char **argv)
{
	static struct mmsghdr headers[BATCH];
	static struct iovec parts[BATCH];
	static struct sockaddr_in peers[BATCH];
	static uint8_t bytes[BATCH][DATAGRAM_MAX + 64];
	const int buffer = 4 << 20;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (argc != 2) {
		fprintf(stderr, "usage: %s PORT\n", argv[0]);
		return EXIT_FAILURE;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	int server = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(server, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	if (server < 0 || bind(server, (const void *)&address, sizeof(address)) != 0) {
		perror("socket");
		return EXIT_FAILURE;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		for (int i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){ bytes[i], DATAGRAM_MAX };
			headers[i].msg_hdr = (struct msghdr){
				.msg_name = &peers[i],
				.msg_namelen = sizeof(peers[i]),
				.msg_iov = &parts[i],
				.msg_iovlen = 1,
			};
		}
		int count = recvmmsg(server, headers, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < count; i++)
			parts[i].iov_len = headers[i].msg_len;
		for (int done = 0, sent = 0; done < count; done += sent) {
			sent = sendmmsg(server, headers + done, (unsigned)(count - done), 0);
			if (sent <= 0)
				break;
		}
	}
}
