/* SCP80: the commands of a script in one secured packet (ETSI TS 102 225), as a remote command script of TS
 * 102 226; its parts go to the card in ENVELOPEs, its proof of receipt comes back in the answer to the last.
 *
 * A packet is counted before it is sent, and no number is used for two packets: the same packet may be sent
 * again, at most one of its copies is taken by the card. Only a receipt that verifies and has the packet's
 * number says what was done. */
#include "channel/channel.h"

#include <inttypes.h>
#include <stdlib.h>

#include "channel/envelope.h"
#include "channel/scp80_keys.h"

/* [memory] TS 31.111 7.1.1.1: what a card may answer to an ENVELOPE, its header 027100 included. */
#define RECEIPT_MAX      128
#define RECEIPT_CLEAR    9  /* 027100, RPL, RHL, TAR */
#define RECEIPT_FIXED    15 /* counter, padding, status, checksum */
#define ANSWERS_OVERHEAD 6  /* AB, its length in up to two bytes, number of executed commands */
#define COMPACT_OVERHEAD 1
#define COMMAND_OVERHEAD 40 /* header with checksum, padding */
#define DEFAULT_PARTS    8
#define SMALLEST_BLOCK   8
#define DEFAULT_TAR      "000000" /* the issuer security domain (TS 101 220, annex D) */

/* [memory] TS 101 220, annex D: remote file management by expanded scripts; all others take the compact form
 * at least. */
static const struct {
	uint32_t first, last;
} expanded_tars[] = { { 0xB00120, 0xB0013F } };

/* ---- parameters ---- */

static uint32_t tar_of(const struct task *task)
{
	return (uint32_t)strtoul(task_text(task, "tarHex", DEFAULT_TAR), NULL, 16);
}

static bool is_compact(const struct task *task)
{
	const char *format = task_text(task, "scriptFormat", "auto");
	const uint32_t tar = tar_of(task);

	if (strcmp(format, "auto") != 0)
		return strcmp(format, "compact") == 0;
	for (size_t i = 0; i < sizeof(expanded_tars) / sizeof(expanded_tars[0]); i++) {
		if (tar >= expanded_tars[i].first && tar <= expanded_tars[i].last)
			return false;
	}
	return true;
}

static uint16_t spi_of(const struct task *task)
{
	static const struct {
		uint8_t level;
		uint16_t spi;
	} rows[] = {
		{ LEVEL_C_MAC, SPI_CHECKSUM_CC },
		{ LEVEL_C_DEC, SPI_CIPHERED },
		{ LEVEL_R_MAC, SPI_RECEIPT_CC },
		{ LEVEL_R_ENC, SPI_RECEIPT_CIPHERED },
	};
	const bool is_exact = strcmp(task_text(task, "counterMode", "higher"), "next") == 0;
	uint16_t spi = SPI_RECEIPT_ALWAYS | (is_exact ? SPI_COUNTER : SPI_COUNTER_HIGHER);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		spi |= (task->kept.level & rows[i].level) != 0 ? rows[i].spi : 0;
	return spi;
}

static enum err read_keys(struct task *task, struct scp80_channel *ret_channel, struct fault *fault)
{
	struct scp80_keyset keyset;
	const uint32_t tar = tar_of(task);
	enum err err = scp80_keyset_read(task, task->kept.key_version, &keyset, fault);

	if (err != ERR_NONE)
		return err;
	*ret_channel =
		(struct scp80_channel){ .spi = spi_of(task),
					.kic = keyset.kic,
					.kid = keyset.kid,
					.tar = { (uint8_t)(tar >> 16), (uint8_t)(tar >> 8), (uint8_t)tar },
					.cipher_key = keyset.cipher_key,
					.mac_key = keyset.mac_key };
	scp80_keyset_wipe(&keyset);
	return ERR_NONE;
}

static void forget_keys(struct scp80_channel *channel)
{
	secret_wipe(&channel->cipher_key);
	secret_wipe(&channel->mac_key);
}

/* ---- the channel ---- */

static void prepare(struct task *task)
{
	struct kept *kept = &task->kept;
	const uint8_t version = channel_wanted_version(task);
	struct scp80_keyset keyset;
	struct fault fault = { 0 };

	if (scp80_keyset_read(task, version, &keyset, &fault) != ERR_NONE) {
		task_break(task, ERR_NOT_FOUND, "%s", fault.text);
		return;
	}
	kept->key_version = keyset.version;
	scp80_keyset_wipe(&keyset);
	kept->level = task->wanted_level != 0 ? task->wanted_level
					      : LEVEL_C_MAC | LEVEL_C_DEC | LEVEL_R_MAC | LEVEL_R_ENC;
	kept->channel = CHANNEL_OPEN;
}

static void number(struct task *task)
{
	const struct cardea_host_api *api = task->plugin->api;
	struct scp80_keyset keyset;
	struct fault fault = { 0 };
	uint64_t value;

	if (api->size < offsetof(struct cardea_host_api, next_counter) + sizeof(api->next_counter)) {
		task_break(task, ERR_UNSUPPORTED, "this server keeps no counters for packets");
		return;
	}
	enum err err = scp80_keyset_read(task, task->kept.key_version, &keyset, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "%s", fault.text);
		return;
	}
	const char *name = scp80_counter_name(task, &keyset);
	err = name == NULL ? ERR_NOMEM : api->next_counter(task->out, name, keyset.counter, &value);
	scp80_keyset_wipe(&keyset);
	if (!task_is_good(task, err))
		return;
	if (value > SCP80_MAX_COUNTER)
		task_break(task, ERR_LIMIT, "the counter of SCP80 key set %02X is used up",
			   task->kept.key_version);
	else
		task->kept.packet_number = (int64_t)value;
}

/* ---- how much fits ---- */

static size_t max_parts(const struct task *task)
{
	return (size_t)task_number(task, "maxMessages", DEFAULT_PARTS);
}

static size_t script_size(const struct task *task, size_t command_bytes)
{
	const size_t packet = SCRIPT_OVERHEAD + COMMAND_OVERHEAD + command_bytes,
		     parts = envelope_count(packet);

	return parts > max_parts(task) ? SIZE_MAX : SCRIPT_OVERHEAD + packet + parts * ENVELOPE_OVERHEAD;
}

static size_t answer_room(const struct task *task)
{
	const size_t ciphered = RECEIPT_MAX - RECEIPT_CLEAR;
	const size_t whole_blocks = ciphered / AES_BLOCK * AES_BLOCK;

	return whole_blocks - RECEIPT_FIXED - (is_compact(task) ? COMPACT_OVERHEAD : ANSWERS_OVERHEAD);
}

/* ---- command packets ---- */

static enum err trace_packet(struct task *task, const char *direction, const char *text, struct bytes packet)
{
	return text == NULL ? ERR_NOMEM
			    : task->plugin->api->trace(task->out, SCP80_LAYER, direction, text, packet);
}

static enum err build_script(const struct batch *batch, struct bytes *ret_script, struct fault *fault)
{
	struct arena *arena = batch->task->arena;
	struct bytes commands[BATCH_MAX_COMMANDS];

	for (size_t i = 0; i < batch->count; i++) {
		struct builder b = builder_in(arena);
		build_command(&b, &batch->planned[i].plain);
		enum err err = builder_bytes(&b, &commands[i]);
		if (err != ERR_NONE)
			return err;
	}
	if (is_compact(batch->task))
		return script_compact_build(arena, commands, batch->count, ret_script, fault);
	return script_build(arena, commands, batch->count, batch->actions, batch->action_count, false,
			    ret_script, fault);
}

static enum err build_packet(const struct batch *batch, struct bytes *ret_packet, struct fault *fault)
{
	struct task *task = batch->task;
	struct scp80_channel channel;
	struct bytes script;
	enum err err = build_script(batch, &script, fault);

	if (err == ERR_NONE)
		err = read_keys(task, &channel, fault);
	if (err != ERR_NONE)
		return err;
	err = scp80_command_build(task->arena, &channel, (uint64_t)task->kept.packet_number, script,
				  ret_packet, fault);
	forget_keys(&channel);
	return err;
}

static void build_fetch(const struct task *task, struct command *ret_command)
{
	*ret_command = (struct command){ .ins = INS_GET_RESPONSE,
					 .has_le = true,
					 .le = (uint8_t)(task->kept.fetch - 1) };
}

static enum err seal(const struct batch *batch, struct command ret_commands[static BATCH_MAX_COMMANDS],
		     size_t *ret_count, struct fault *fault)
{
	struct task *task = batch->task;
	struct bytes packet;

	if (task->kept.fetch != 0) {
		build_fetch(task, &ret_commands[0]);
		*ret_count = 1;
		return ERR_NONE;
	}
	enum err err = build_packet(batch, &packet, fault);
	if (err == ERR_NONE)
		err = envelope_build(task->arena, packet, (uint8_t)task->kept.packet_number, ret_commands,
				     ret_count);
	if (err == ERR_LIMIT)
		return fault_set(fault, err, "the packet takes more short messages than may be concatenated");
	return err;
}

static void trace_sent(const struct batch *batch)
{
	struct task *task = batch->task;
	struct bytes packet;

	if (task->kept.fetch != 0 || !task_is_good(task, build_packet(batch, &packet, NULL)))
		return;
	task_is_good(task, trace_packet(task, "command",
					arena_printf(task->arena, "packet %" PRId64 " for %06X, %zu commands",
						     task->kept.packet_number, (unsigned)tar_of(task),
						     batch->count),
					packet));
}

/* ---- receipts ---- */

/* What the answers to compact commands say of all: those before the last succeeded, else the last would not
 * have run. */
static enum err expand_compact(struct task *task, const struct batch *batch, struct bytes data,
			       struct body_response *ret_answers, struct fault *fault)
{
	struct compact_response compact;
	struct response *responses = arena_alloc_array(task->arena, batch->count + 1, sizeof(*responses));
	enum err err = script_compact_parse(data, &compact, fault);

	if (responses == NULL)
		return ERR_NOMEM;
	if (err != ERR_NONE)
		return err;
	/* GET RESPONSE after the last one counts, too */
	size_t count = compact.executed_count < batch->count ? compact.executed_count : batch->count;
	for (size_t i = 0; i < count; i++)
		responses[i] = i + 1 < count ? (struct response){ .sw = SW_OK } : compact.last;
	*ret_answers = (struct body_response){ .responses = responses, .count = count };
	return ERR_NONE;
}

static void take_status(struct task *task, uint8_t status)
{
	static const struct {
		uint8_t status;
		enum err kind;
		const char *advice;
	} rows[] = {
		{ SCP80_COUNTER_LOW, ERR_CONFLICT,
		  "; others have sent packets with these keys, or the database is an older one: store the "
		  "key set "
		  "with `counter`" },
		{ SCP80_COUNTER_HIGH, ERR_CONFLICT, "; the card wants the next number: store new keys" },
		{ SCP80_NO_MEMORY, ERR_LIMIT, "" },
		{ SCP80_UNKNOWN_TAR, ERR_NOT_FOUND, "" },
		{ SCP80_MORE_TIME, ERR_UNAVAILABLE, "" },
		{ SCP80_BY_SUBMIT, ERR_UNAVAILABLE, ", where nobody listens" },
		{ SCP80_BY_USSD, ERR_UNAVAILABLE, ", where nobody listens" },
	};
	enum err kind = ERR_DENIED;
	const char *advice = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].status == status) {
			kind = rows[i].kind;
			advice = rows[i].advice;
		}
	}
	task_break(task, kind, "packet %" PRId64 ": the card says %02X, %s%s", task->kept.packet_number,
		   status, scp80_status_text(status), advice);
}

static enum err expand_script(struct task *task, struct bytes data, struct body_response *ret_answers,
			      struct fault *fault)
{
	struct script_response script;
	enum err err = script_response_parse(data, task->arena, &script, fault);

	if (err == ERR_NONE)
		*ret_answers = (struct body_response){ .responses = script.responses,
						       .count = script.response_count,
						       .refusal = script_refusal_text(&script) };
	return err;
}

/* What the receipt carries: answers of a script of either form. What the agent says of its own script stays.
 */
static enum packet_end take_answers(const struct batch *batch, struct bytes data,
				    struct body_response *answers)
{
	struct task *task = batch->task;
	struct body_response inner = { 0 };
	struct fault fault = { 0 };
	enum err err = is_compact(task) ? expand_compact(task, batch, data, &inner, &fault)
					: expand_script(task, data, &inner, &fault);

	if (err == ERR_NONE && inner.count > batch->count)
		err = fault_set(&fault, ERR_MALFORMED, "%zu answers to %zu commands", inner.count,
				batch->count);
	if (err != ERR_NONE) {
		task_break(task, err, "the proof of receipt: %s", fault.text);
		return PACKET_ENDED;
	}
	answers->responses = inner.responses;
	answers->count = inner.count;
	answers->refusal = inner.refusal;
	return PACKET_ANSWERED;
}

static enum packet_end take_receipt(const struct batch *batch, struct bytes packet,
				    struct body_response *answers)
{
	struct task *task = batch->task;
	struct scp80_channel channel;
	struct scp80_receipt receipt;
	struct fault fault = { 0 };
	enum err err = read_keys(task, &channel, &fault);

	if (err == ERR_NONE) {
		err = scp80_receipt_parse(packet, &channel, task->arena, &receipt, &fault);
		forget_keys(&channel);
	}
	if (err == ERR_NONE && receipt.counter != (uint64_t)task->kept.packet_number)
		err = fault_set(&fault, ERR_DENIED, "the proof of receipt is of packet %" PRIu64,
				receipt.counter);
	task_is_good(task,
		     trace_packet(task, "answer",
				  err == ERR_NONE ? scp80_status_text(receipt.status) : fault.text, packet));
	if (err != ERR_NONE) {
		task_break(task, err, "packet %" PRId64 ": %s", task->kept.packet_number, fault.text);
		return PACKET_ENDED;
	}
	if (receipt.status != SCP80_OK) {
		take_status(task, receipt.status);
		return PACKET_ENDED;
	}
	return take_answers(batch, receipt.data, answers);
}

static size_t sent_count(const struct batch *batch)
{
	struct bytes packet;

	if (batch->task->kept.fetch != 0)
		return 1;
	return build_packet(batch, &packet, NULL) == ERR_NONE ? envelope_count(packet.len) : SIZE_MAX;
}

/* What the card said to each of its parts. */
static void trace_wire(struct task *task, const struct body_response *answers)
{
	for (size_t i = 0; i < answers->count; i++) {
		const struct response *response = &answers->responses[i];
		struct builder b = builder_in(task->arena);
		struct bytes raw;
		build_bytes(&b, response->data);
		build_u16(&b, response->sw);
		const char *text = response_text(task->arena, response);
		enum err err = text == NULL ? ERR_NOMEM : builder_bytes(&b, &raw);
		if (task_is_good(task, err))
			task_is_good(task, task->plugin->api->trace(task->out, CARDEA_LAYER_APDU, "answer",
								    text, raw));
	}
}

static enum packet_end open(const struct batch *batch, struct body_response *answers)
{
	struct task *task = batch->task;
	const size_t count = answers->count;
	uint8_t fetch_le = 0;

	if (count == 0)
		return PACKET_UNSENT;
	trace_wire(task, answers);
	const struct response *last = &answers->responses[count - 1];
	switch (envelope_end_of(last, &fetch_le)) {
	case ENVELOPE_BUSY:
		return PACKET_BUSY;
	case ENVELOPE_REFUSED:
		task_break(task, sw_kind(last->sw), "ENVELOPE: %04X %s", last->sw, sw_text(last->sw));
		return PACKET_ENDED;
	case ENVELOPE_FETCH:
		if (task->kept.fetch != 0)
			break;
		task->kept.fetch = fetch_le + 1u;
		return PACKET_WAITING;
	case ENVELOPE_TAKEN:
		break;
	}
	if (count < sent_count(batch))
		return PACKET_UNSENT;
	task->kept.fetch = 0;
	if (last->data.len > 0)
		return take_receipt(batch, last->data, answers);
	task_break(task, ERR_UNAVAILABLE, "packet %" PRId64 ": the card gives no proof of receipt (%04X)",
		   task->kept.packet_number, last->sw);
	return PACKET_ENDED;
}

static const struct packets packets = {
	.script_size = script_size,
	.answer_room = answer_room,
	.tells_last_only = is_compact,
	.number = number,
	.seal = seal,
	.trace = trace_sent,
	.open = open,
};

const struct protocol scp80_protocol = {
	.name = "SCP80",
	.kind = SCP80_KIND,
	.number = 0x80,
	.key_type = KEY_TYPE_AES,
	.prepare = prepare,
	.restore = restore_nothing,
	.wrapped_data_size = plain_data_size,
	.wrap = wrap_nothing,
	.unwrap = unwrap_nothing,
	.packets = &packets,
};
