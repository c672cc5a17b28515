#include "kept.h"

#define FORM 1 /* changes with any change below */

static void build_flags(struct builder *b, const bool *const *flags, size_t count)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < count; i++)
		bits |= (uint32_t)*flags[i] << i;
	build_u32(b, bits);
}

static void read_flags(struct reader *r, bool *const *flags, size_t count)
{
	uint32_t bits = read_u32(r);

	for (size_t i = 0; i < count; i++)
		*flags[i] = (bits >> i & 1) != 0;
	if (count < 32 && bits >> count != 0)
		r->bad = true;
}

static void build_string(struct builder *b, const char *text)
{
	build_u16(b, (uint16_t)strlen(text));
	build_text(b, text);
}

static void read_string(struct reader *r, char *to, size_t size)
{
	struct bytes text = read_bytes(r, read_u16(r));

	if (text.len >= size) {
		r->bad = true;
		return;
	}
	if (text.len > 0)
		memcpy(to, text.at, text.len);
	to[text.len] = '\0';
}

/* A number below `count`. */
static uint8_t read_choice(struct reader *r, uint8_t count)
{
	uint8_t number = read_u8(r);

	if (number >= count) {
		r->bad = true;
		return 0;
	}
	return number;
}

/* clang-format off */
#define FLAGS(kept) { \
	&(kept)->has_begun, &(kept)->is_observing, &(kept)->cannot_observe, &(kept)->is_reset, \
	&(kept)->severity_written, &(kept)->max_defer_written, &(kept)->delivery_asked, &(kept)->delivery_answered, \
	&(kept)->update_asked, &(kept)->view.has_object, &(kept)->view.has_severity, &(kept)->view.has_max_defer, \
}
/* clang-format on */

enum err kept_build(const struct kept *kept, struct arena *arena, struct bytes *ret_state)
{
	struct builder b = builder_in(arena);
	const bool *const flags[] = FLAGS(kept);

	build_u8(&b, FORM);
	build_u8(&b, kept->phase);
	build_flags(&b, flags, sizeof(flags) / sizeof(flags[0]));
	build_u8(&b, kept->view.state);
	build_u8(&b, kept->view.result);
	build_u8(&b, kept->view.delivery);
	build_u32(&b, kept->view.protocols);
	build_string(&b, kept->view.package_version);
	build_string(&b, kept->view.version);
	build_string(&b, kept->previous_version);
	build_u64(&b, (uint64_t)kept->deadline_ms);
	build_u8(&b, kept->delivery);
	build_u8(&b, kept->deliveries);
	build_u8(&b, kept->updates);
	build_u8(&b, kept->refusal);
	build_u64(&b, (uint64_t)kept->changed_ms);
	build_u32(&b, kept->poll_ms);
	build_u8(&b, kept->ending);
	build_string(&b, kept->reason);
	return builder_bytes(&b, ret_state);
}

enum err kept_parse(struct bytes state, struct kept *ret_kept)
{
	struct reader r = reader_of(state);
	struct kept kept = { 0 };
	bool *const flags[] = FLAGS(&kept);

	if (read_u8(&r) != FORM)
		return ERR_MALFORMED;
	kept.phase = (enum phase)read_choice(&r, PHASE_COUNT);
	read_flags(&r, flags, sizeof(flags) / sizeof(flags[0]));
	kept.view.state = (enum firmware_state)read_choice(&r, STATE_COUNT);
	kept.view.result = read_u8(&r);
	kept.view.delivery = read_choice(&r, DELIVERS_BY_BOTH + 1);
	kept.view.protocols = read_u32(&r);
	read_string(&r, kept.view.package_version, sizeof(kept.view.package_version));
	read_string(&r, kept.view.version, sizeof(kept.view.version));
	read_string(&r, kept.previous_version, sizeof(kept.previous_version));
	kept.deadline_ms = (int64_t)read_u64(&r);
	kept.delivery = (enum delivery)read_choice(&r, DELIVERY_COUNT);
	kept.deliveries = read_u8(&r);
	kept.updates = read_u8(&r);
	kept.refusal = read_u8(&r);
	kept.changed_ms = (int64_t)read_u64(&r);
	kept.poll_ms = read_u32(&r);
	kept.ending = (enum err)read_choice(&r, ERR_COUNT);
	read_string(&r, kept.reason, sizeof(kept.reason));
	if (!reader_done(&r))
		return ERR_MALFORMED;
	*ret_kept = kept;
	return ERR_NONE;
}
