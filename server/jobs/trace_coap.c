#include "trace_coap.h"

#include <stdio.h>

#include "log.h"
#include "path.h"
#include "pdu.h"

#define PAYLOAD_MAX 16384 /* [ours] a script fits, a firmware package does not */
#define OPTIONS_MAX 2048
#define TEXT_SIZE   160
#define TOKEN_SIZE  6

static const char *const method_names[] = {
	[COAP_GET] = "GET",     [COAP_POST] = "POST",   [COAP_PUT] = "PUT",       [COAP_DELETE] = "DELETE",
	[COAP_FETCH] = "FETCH", [COAP_PATCH] = "PATCH", [COAP_IPATCH] = "iPATCH",
};

static struct pdu pdu_of(const struct job *job, const struct coap_message *message, struct lwm2m_path path)
{
	struct pdu pdu = { .type = message->code >> 5 == 0 ? PDU_CON : PDU_ACK,
			   .code = message->code,
			   .mid = (uint16_t)job->steps,
			   .token_len = TOKEN_SIZE };
	const uint16_t ids[] = { path.object, path.instance, path.resource };

	if (message->code >> 5 != 0 && message->has_observe)
		pdu.type = PDU_CON; /* a notification */
	for (size_t i = 0; i < TOKEN_SIZE; i++)
		pdu.token[i] = (uint8_t)(ids[i / 2] >> (i % 2 == 0 ? 8 : 0));
	return pdu;
}

static enum err encode(const struct job *job, const struct coap_message *message, struct lwm2m_path path,
		       struct bytes payload, struct bytes *ret_raw)
{
	const struct pdu pdu = pdu_of(job, message, path);
	size_t size = OPTIONS_MAX + payload.len;
	uint8_t *at = arena_alloc(job->step_arena, size);

	if (at == NULL)
		return ERR_NOMEM;
	*ret_raw = bytes_of(at, pdu_write(&pdu, message, payload, at, size));
	return ERR_NONE;
}

void job_trace_coap(struct job *job, const char *direction, const struct coap_message *message,
		    struct lwm2m_path path, bool is_hidden)
{
	bool is_kept = !is_hidden && message->payload.len <= PAYLOAD_MAX;
	struct bytes raw;
	char text[TEXT_SIZE], path_text[PATH_TEXT_SIZE];
	size_t method = message->code;

	if (method < sizeof method_names / sizeof method_names[0])
		snprintf(text, sizeof text, "%s %s, %zu bytes%s", method_names[method],
			 path_print(path, path_text), message->payload.len, is_kept ? "" : ", not kept");
	else
		snprintf(text, sizeof text, "%u.%02u, %zu bytes%s", message->code >> 5, message->code & 31u,
			 message->payload.len, is_kept ? "" : ", not kept");
	enum err err = encode(job, message, path, is_kept ? message->payload : bytes_of(NULL, 0), &raw);
	if (err == ERR_NONE)
		err = step_out_trace(&job->out, CARDEA_LAYER_COAP, direction, text, raw);
	if (err != ERR_NONE)
		log_warn("job.trace_lost", "id=%llu", (unsigned long long)job->id);
}
