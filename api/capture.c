/* GSMTAP: Osmocom's header around what is not IP (gsmtap.h); its SIM payload is a command as T=0 carries it,
 * with its answer right behind */
#include "capture.h"

#include <cardea/plugin.h>
#include <string.h>

#include "pcapng.h"

enum { INTERFACE_COAP, INTERFACE_APDU, INTERFACE_CLEAR };

/* Documentation addresses (RFC 5737): which way each message went, not where a device was. */
static const struct pcapng_end server_coap = { 0xC0000201, 5683 }, device_coap = { 0xC0000202, 5683 };
static const struct pcapng_end device_gsmtap = { 0xC0000202, 4729 }, card_gsmtap = { 0xC0000203, 4729 };

#define GSMTAP_VERSION      2
#define GSMTAP_HEADER_WORDS 4
#define GSMTAP_TYPE_SIM     4

/* A command, its answer, and both in clear; NULL where there is none. */
struct pair {
	const struct trace_row *command, *answer, *clear_command, *clear_answer;
};

struct pairing {
	struct pair *pairs;
	struct pair **of_line; /* the pair that a line completes */
	size_t count, first_open;
	const struct trace_row *clear_command; /* of the command that comes next */
};

static bool is_command(const struct trace_row *line)
{
	return strcmp(line->direction, "command") == 0;
}

static bool is_of(const struct trace_row *line, const char *layer)
{
	return strcmp(line->layer, layer) == 0;
}

/* ---- which answer belongs to which command ---- */

/* The commands of a script come first, then its answers in the same order. Those of an earlier step that have
 * none by now will never have one. */
static void pair_command(struct pairing *pairing, const struct trace_row *line)
{
	if (pairing->first_open < pairing->count &&
	    pairing->pairs[pairing->count - 1].command->step != line->step)
		pairing->first_open = pairing->count;
	pairing->pairs[pairing->count++] =
		(struct pair){ .command = line, .clear_command = pairing->clear_command };
	pairing->clear_command = NULL;
}

static void pair_line(struct pairing *pairing, const struct trace_row *line, size_t i)
{
	bool has_answered = pairing->first_open > 0;

	if (is_of(line, CARDEA_LAYER_GP) && is_command(line)) {
		pairing->clear_command = line;
	} else if (is_of(line, CARDEA_LAYER_GP) && has_answered) {
		pairing->pairs[pairing->first_open - 1].clear_answer = line;
	} else if (is_of(line, CARDEA_LAYER_APDU) && is_command(line)) {
		pair_command(pairing, line);
		pairing->of_line[i] = &pairing->pairs[pairing->count - 1];
	} else if (is_of(line, CARDEA_LAYER_APDU) && pairing->first_open < pairing->count) {
		pairing->of_line[i] = &pairing->pairs[pairing->first_open++];
		pairing->of_line[i]->answer = line;
	}
}

/* ---- datagrams ---- */

/* T=0 has no Le behind data (ISO/IEC 7816-3, 10.3.2). */
static struct bytes without_le(struct bytes command)
{
	const size_t header = 5;

	return command.len > header && command.len == header + command.at[header - 1] + 1u
		       ? bytes_first(command, command.len - 1)
		       : command;
}

static void build_gsmtap(struct builder *b, struct bytes command, struct bytes answer)
{
	build_u8(b, GSMTAP_VERSION);
	build_u8(b, GSMTAP_HEADER_WORDS);
	build_u8(b, GSMTAP_TYPE_SIM);
	build_zeros(b, GSMTAP_HEADER_WORDS * 4 - 3); /* nothing of it was on the air */
	build_bytes(b, without_le(command));
	build_bytes(b, answer);
}

static void add_apdu(struct builder *b, uint32_t interface, const struct trace_row *command,
		     const struct trace_row *answer)
{
	struct builder payload = builder_in(b->arena), comment = builder_in(b->arena);
	struct bytes bytes, text;

	build_gsmtap(&payload, command->raw, answer != NULL ? answer->raw : bytes_of(NULL, 0));
	build_text(&comment, command->text);
	if (answer != NULL)
		build_printf(&comment, ": %s", answer->text);
	build_u8(&comment, 0);
	if (builder_bytes(&payload, &bytes) != ERR_NONE || builder_bytes(&comment, &text) != ERR_NONE) {
		b->bad = true;
		return;
	}
	pcapng_datagram(b,
			&(struct pcapng_datagram){ .interface = interface,
						   .at_ms = answer != NULL ? answer->at_ms : command->at_ms,
						   .from = device_gsmtap,
						   .to = card_gsmtap,
						   .payload = bytes,
						   .comment = (const char *)text.at });
}

static void add_pair(struct builder *b, const struct pair *pair)
{
	add_apdu(b, INTERFACE_APDU, pair->command, pair->answer);
	if (pair->clear_command != NULL)
		add_apdu(b, INTERFACE_CLEAR, pair->clear_command,
			 pair->clear_answer != NULL ? pair->clear_answer : pair->answer);
}

static void add_coap(struct builder *b, const struct trace_row *line)
{
	pcapng_datagram(b, &(struct pcapng_datagram){ .interface = INTERFACE_COAP,
						      .at_ms = line->at_ms,
						      .from = is_command(line) ? server_coap : device_coap,
						      .to = is_command(line) ? device_coap : server_coap,
						      .payload = line->raw,
						      .comment = line->text });
}

/* ---- the file ---- */

static void begin(struct builder *b, const struct job_row *job)
{
	const char *comment =
		arena_printf(b->arena,
			     "Job %llu: %s on %s. Whole CoAP messages, as they are before blocks "
			     "and security; addresses stand for server, device and card.",
			     (unsigned long long)job->id, job->operation, job->endpoint);

	pcapng_begin(b, comment);
	pcapng_interface(b, "coap");
	pcapng_interface(b, "apdu");
	pcapng_interface(b, "apdu-in-clear");
}

enum err capture_build(struct builder *b, const struct job_row *job, const struct trace_row *lines,
		       size_t count)
{
	struct pairing pairing = { .pairs = arena_alloc_array(b->arena, count + 1, sizeof(struct pair)),
				   .of_line = arena_alloc_array(b->arena, count + 1, sizeof(struct pair *)) };

	if (pairing.pairs == NULL || pairing.of_line == NULL)
		return ERR_NOMEM;
	begin(b, job);
	for (size_t i = 0; i < count; i++)
		pair_line(&pairing, &lines[i], i);
	for (size_t i = 0; i < count; i++) {
		const struct pair *pair = pairing.of_line[i];
		if (is_of(&lines[i], CARDEA_LAYER_COAP))
			add_coap(b, &lines[i]);
		else if (pair != NULL && (pair->answer == &lines[i] || pair->answer == NULL))
			add_pair(b, pair);
	}
	return b->bad ? ERR_NOMEM : ERR_NONE;
}
