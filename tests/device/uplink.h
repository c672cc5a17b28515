/* A line to a server, with the radio between when there is to be one: what is sent over it may be lost, and
 * while the device sleeps it hears nothing. */
#ifndef DEVICE_UPLINK_H
#define DEVICE_UPLINK_H

#include "relay.h"
#include "transport.h"

struct client;

struct uplink {
	struct line *line;   /* NULL: none is open */
	struct relay *relay; /* NULL: the line talks to the server directly */
	struct address relay_to;
	struct address server; /* at the end of the line, behind the relay */
};

/* In place of the line that was open. ERR_UNAVAILABLE, ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err uplink_open(struct uplink *uplink, const struct client *client,
				const struct line_settings *to, const struct line_events *events, void *arg);
void uplink_close(struct uplink *uplink);                /* the line alone: the radio stays */
void uplink_free(struct uplink *uplink);                 /* both */
void uplink_switch(const struct uplink *uplink, bool is_on); /* the radio */

#endif
