/* An endpoint whose handlers answer as the input says, for the targets that feed it datagrams and pieces of streams. */
#ifndef FUZZED_ENDPOINT_H
#define FUZZED_ENDPOINT_H

#include "endpoint.h"
#include "exchange.h"
#include "fuzz.h"
#include "loop.h"

struct fuzzed {
	struct loop *loop;
	struct endpoint *endpoint;
	bool is_late;          /* a request is answered when the next one comes */
	bool is_wanted;        /* notifications and observations are known */
	size_t answer_bytes;   /* at most 3000 */
	uint64_t late;
	unsigned started, done, lost;
};

/* Once for all inputs: sockets are dear. */
void fuzzed_open(struct fuzzed *fuzzed, const struct endpoint_settings *settings);
/* For the next input. */
void fuzzed_begin(struct fuzzed *fuzzed);
/* A request to the peer; its end is counted. */
void fuzzed_ask(struct fuzzed *fuzzed, const struct route *to);

#endif
