#include "signaling.h"

#include <coap3/coap.h>

#include "pdu.h"

#define PAYLOAD_MARKER 0xFF
#define TEXT_BYTES_MAX 120

static void set_max_bytes(struct signal *signal, uint32_t value)
{
	signal->has_max_bytes = true;
	signal->max_bytes = value;
}

static void set_block_wise(struct signal *signal, uint32_t value)
{
	signal->has_block_wise = true;
}

static void set_custody(struct signal *signal, uint32_t value)
{
	signal->has_custody = true;
}

static void set_nothing(struct signal *signal, uint32_t value)
{
}

static void set_hold_off(struct signal *signal, uint32_t value)
{
	signal->has_hold_off = true;
	signal->hold_off_s = value;
}

static void set_bad_option(struct signal *signal, uint32_t value)
{
	signal->has_bad_option = true;
	signal->bad_option = (uint16_t)value;
}

/* clang-format off */
/* Option numbers have a meaning per code (RFC 8323 5.2). */
static const struct signal_option {
	uint8_t code;
	uint16_t number, max;           /* length */
	void (*set)(struct signal *signal, uint32_t value);
} signal_options[] = {
	{ SIGNAL_CSM,     2,   4, set_max_bytes },
	{ SIGNAL_CSM,     4,   0, set_block_wise },
	{ SIGNAL_PING,    2,   0, set_custody },
	{ SIGNAL_PONG,    2,   0, set_custody },
	{ SIGNAL_RELEASE, 2, 255, set_nothing },        /* another address of theirs: devices come to us */
	{ SIGNAL_RELEASE, 4,   3, set_hold_off },
	{ SIGNAL_ABORT,   2,   2, set_bad_option },
};
/* clang-format on */

static const struct signal_option *option_find(uint8_t code, uint32_t number)
{
	for (size_t i = 0; i < sizeof(signal_options) / sizeof(signal_options[0]); i++)
		if (signal_options[i].code == code && signal_options[i].number == number)
			return &signal_options[i];
	return NULL;
}

static enum signal_verdict read_options(struct reader *r, struct signal *signal, uint16_t *ret_bad_option)
{
	enum signal_verdict verdict = SIGNAL_GOOD;
	uint32_t number = 0;

	while (reader_left(r) > 0 && peek_u8(r) != PAYLOAD_MARKER) {
		coap_option_t option;
		size_t size = coap_opt_parse(r->at, reader_left(r), &option);
		if (size == 0)
			return SIGNAL_MALFORMED;
		(void)read_bytes(r, size);
		number += option.delta;
		if (number > UINT16_MAX)
			return SIGNAL_MALFORMED;
		const struct signal_option *known = option_find(signal->code, number);
		if (known != NULL && option.length <= known->max) {
			known->set(signal, option.length <= 4
						   ? coap_decode_var_bytes(option.value, option.length)
						   : 0);
		} else if ((number & 1) == 1 && verdict == SIGNAL_GOOD) {
			verdict = SIGNAL_BAD_OPTION;
			*ret_bad_option = (uint16_t)number;
		}
	}
	return verdict;
}

enum signal_verdict signal_read(const struct frame *frame, struct signal *ret_signal,
				uint16_t *ret_bad_option)
{
	struct reader r = reader_of(frame->rest);
	struct signal signal = { .code = frame->code, .token = frame->token };

	if (signal.code < SIGNAL_CSM || signal.code > SIGNAL_ABORT)
		return SIGNAL_UNKNOWN;
	enum signal_verdict verdict = read_options(&r, &signal, ret_bad_option);
	if (verdict != SIGNAL_MALFORMED && read_if(&r, PAYLOAD_MARKER)) {
		signal.text = read_rest(&r);
		if (signal.text.len == 0)
			return SIGNAL_MALFORMED;
	}
	*ret_signal = signal;
	return verdict;
}

/* ---- writing ---- */

struct writer {
	uint8_t at[SIGNAL_BYTES_MAX];
	size_t len;
	uint16_t last;
};

static void write_option(struct writer *w, bool is_present, uint16_t number, bool has_value, uint32_t value)
{
	uint8_t bytes[4];

	if (!is_present)
		return;
	w->len += coap_opt_encode(w->at + w->len, sizeof(w->at) - w->len, (uint16_t)(number - w->last), bytes,
				  has_value ? coap_encode_var_safe(bytes, sizeof(bytes), value) : 0);
	w->last = number;
}

size_t signal_write(const struct signal *signal, uint8_t ret_at[static SIGNAL_BYTES_MAX])
{
	const struct bytes text = bytes_first(signal->text, TEXT_BYTES_MAX);
	struct writer w = { 0 };

	write_option(&w, signal->has_max_bytes, 2, true, signal->max_bytes);
	write_option(&w, signal->has_block_wise, 4, false, 0);
	write_option(&w, signal->has_custody, 2, false, 0);
	write_option(&w, signal->has_bad_option, 2, true, signal->bad_option);
	write_option(&w, signal->has_hold_off, 4, true, signal->hold_off_s);
	if (text.len > 0) {
		w.at[w.len++] = PAYLOAD_MARKER;
		memcpy(w.at + w.len, text.at, text.len);
		w.len += text.len;
	}
	size_t len = frame_write_header(signal->code, (uint8_t)signal->token.len, w.len, ret_at);
	if (signal->token.len > 0)
		memcpy(ret_at + len, signal->token.at, signal->token.len);
	len += signal->token.len;
	memcpy(ret_at + len, w.at, w.len);
	return len + w.len;
}
