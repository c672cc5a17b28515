/* A socket that takes connections. */
#ifndef CARDEA_COAP_LISTENER_H
#define CARDEA_COAP_LISTENER_H

#include "address.h"

struct loop;
struct listener;

/* A connection, from the address in `from` to the one of ours that it has chosen. */
typedef void listener_accepted(void *self, int take_fd, const struct route *from);

/* socket, is_secure and is_stream of `listen` are those of the keys that it hands out. ERR_CONFLICT: another socket has the
 * port. ERR_IO: said in `fault`. */
MUST_CHECK enum err listener_open(struct loop *loop, const struct coap_address *listen, listener_accepted *accepted,
                                  void *self, struct listener **ret_listener, struct fault *fault);
void listener_close(struct listener *listener);         /* accepts NULL */
struct coap_address listener_bound(const struct listener *listener);

#endif
