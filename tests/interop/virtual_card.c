/* virtual_card: the simulated card behind vpcd, a reader of pcscd without hardware, so that any card tool may use it.
 *
 *   virtual_card FILE [HOST PORT]
 *
 * FILE is the card's image. It says "inserted" once vpcd has it, and goes on until vpcd closes the connection.
 * The protocol is vpcd's: messages with a length of two bytes, those of one byte being about power. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "card.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT "35963"

enum vpcd_control { VPCD_OFF = 0, VPCD_ON = 1, VPCD_RESET = 2, VPCD_ATR = 4 };

static int connect_to(const char *host, const char *port)
{
	struct addrinfo *address = NULL;
	int socket_fd = -1;

	if (getaddrinfo(host, port, &(struct addrinfo){ .ai_socktype = SOCK_STREAM }, &address) != 0)
		return -1;
	socket_fd = socket(address->ai_family, SOCK_STREAM, 0);
	if (socket_fd >= 0 && connect(socket_fd, address->ai_addr, address->ai_addrlen) != 0) {
		close(socket_fd);
		socket_fd = -1;
	}
	freeaddrinfo(address);
	return socket_fd;
}

static bool receive(int socket_fd, uint8_t *at, size_t len)
{
	return len == 0 || recv(socket_fd, at, len, MSG_WAITALL) == (ssize_t)len;
}

static bool send_message(int socket_fd, struct bytes message)
{
	const uint8_t length[] = { (uint8_t)(message.len >> 8), (uint8_t)message.len };

	return send(socket_fd, length, sizeof length, MSG_MORE) == (ssize_t)sizeof length &&
	       send(socket_fd, message.at, message.len, MSG_NOSIGNAL) == (ssize_t)message.len;
}

/* False when the card or the connection is gone. */
static bool control(int socket_fd, struct card *card, uint8_t what)
{
	if (what == VPCD_ATR)
		return send_message(socket_fd, card_atr(card));
	return (what != VPCD_ON && what != VPCD_RESET) || card_reset(card) == ERR_NONE;
}

static bool answer_one(int socket_fd, struct card *card, struct arena *arena)
{
	uint8_t length[2], message[UINT16_MAX];
	struct bytes answer;

	if (!receive(socket_fd, length, sizeof length))
		return false;
	size_t len = (size_t)length[0] << 8 | length[1];
	if (!receive(socket_fd, message, len))
		return false;
	if (len == 1)
		return control(socket_fd, card, message[0]);
	arena_reset(arena);
	return card_transmit(card, arena, bytes_of(message, len), &answer) == ERR_NONE &&
	       send_message(socket_fd, answer);
}

int main(int argc, char **argv)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	struct card *card = NULL;
	struct fault fault = { .kind = ERR_NONE };
	int socket_fd, status = EXIT_FAILURE;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: virtual_card FILE [HOST PORT]\n");
		return EXIT_FAILURE;
	}
	socket_fd = argc == 4 ? connect_to(argv[2], argv[3]) : connect_to(DEFAULT_HOST, DEFAULT_PORT);
	if (socket_fd < 0) {
		perror("virtual_card: vpcd");
	} else if (arena == NULL || card_open(argv[1], &settings, &card, &fault) != ERR_NONE) {
		fprintf(stderr, "virtual_card: %s: %s\n", argv[1], fault.text);
	} else {
		puts("inserted");
		fflush(stdout);
		while (answer_one(socket_fd, card, arena))
			;
		status = EXIT_SUCCESS;
	}
	if (socket_fd >= 0)
		close(socket_fd);
	card_close(card);
	arena_free(arena);
	return status;
}
