/* The download of a firmware package that a server has named (LwM2M Core TS 1.1, E.6: Package URI). */
#ifndef DEVICE_DOWNLOAD_H
#define DEVICE_DOWNLOAD_H

#include "place.h"
#include "transport.h"

struct client;
struct device;

struct download {
	struct line *line; /* its own; NULL while it uses that of a registration */
	unsigned number;   /* as in struct firmware; 0: none */
	const struct line *over; /* the line of a registration that it uses instead */
	bool is_running, has_answer;
	uint8_t code;     /* of the answer; 0: none came */
	uint32_t retries; /* in a row, of a server that was busy */
	int64_t due_ms;   /* of the next one */
};

/* While the device is awake: begins, repeats or gives up what the device wants. Answers when to call
 * again, -1: not before something happens. */
int64_t download_step(struct client *client, int64_t now_ms);
/* The answer to line_fetch over the line of a registration. */
void download_answered(struct client *client, uint8_t code, struct bytes content);
/* The line of a registration is about to be closed. */
void download_lose_line(struct client *client, const struct line *line);
/* Forgets everything. */
void download_end(struct client *client);

#endif
