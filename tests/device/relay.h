/* The radio: a relay on loopback between a line and the network. It loses, doubles, delays and breaks
 * datagrams as misbehave.c decides, and while the device sleeps it lets nothing through. */
#ifndef DEVICE_RELAY_H
#define DEVICE_RELAY_H

#include "misbehave.h"
#include "transport.h"

struct relay;

/* ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err relay_create(struct loop *loop, struct misbehaviour *misbehaviour,
				 const struct address *server, struct relay **ret_relay);
void relay_free(struct relay *relay); /* accepts NULL */

/* Where the line connects to instead of the server. */
struct address relay_address(const struct relay *relay);

/* Off: whatever comes from either side is lost. */
void relay_switch(struct relay *relay, bool is_on);

#endif
