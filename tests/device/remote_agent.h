/* What an agent that speaks SERAM over HTTP instead of LwM2M has, whatever form of it: its server, its secure elements,
 * and the running of their scripts. */
#ifndef DEVICE_REMOTE_AGENT_H
#define DEVICE_REMOTE_AGENT_H

#include "device.h"
#include "http_client.h"
#include "misbehave.h"

#define REMOTE_URI_SIZE 512

struct remote_agent {
	const struct options *options;
	bool (*is_over)(void);
	struct misbehaviour misbehaviour;
	struct device *device;
	struct http_client *client;
	struct arena *arena; /* of one request */
	char host[256], port[8];
	char origin[REMOTE_URI_SIZE]; /* "https://host:port" */
	char path[REMOTE_URI_SIZE];   /* and query, where a dialog with this server begins */
};

/* Until `is_over` says so. ERR_MALFORMED: the server does what it must not; ERR_DENIED: it refuses us. */
MUST_CHECK enum err remote_agent_run(const struct options *options, bool (*is_over)(void), struct fault *fault);

/* Another server, or another way to begin with the same one. ERR_MALFORMED. */
MUST_CHECK enum err remote_agent_go_to(struct remote_agent *remote, const char *uri, struct fault *fault);

/* Sends `message` and waits for the response, in remote->arena. */
MUST_CHECK enum err remote_agent_ask(struct remote_agent *remote, struct bytes message,
				     struct http_response *ret_response, struct fault *fault);

/* Gives a secure element a script, and lets it run to its end. */
struct remote_script {
	enum body_format format;
	struct bytes target; /* "//aid/<RID>/<PIX>"; none for an order, which selects by itself */
	struct bytes script;
	bool is_report_required;
};
MUST_CHECK enum err remote_agent_start(struct agent *element, const struct remote_script *script, struct fault *fault);
void remote_agent_finish(struct remote_agent *remote, const struct agent *element);

/* A failure that passes, as a lost connection does. */
bool remote_agent_may_pass(enum err err);
void remote_agent_pause(int64_t ms);
/* Whatever the elements have is given up. */
MUST_CHECK enum err remote_agent_end_session(struct remote_agent *remote);

#endif
