/* GPC Amendment B 1.1: administration session parameters, as public implementations have them */
#include "seram/seram_parameters.h"

#include <cardea/tlv.h>

enum {
	TAG_TRIGGER = 0x81,
	TAG_SESSION = 0x83,
	TAG_CONNECTION = 0x84,
	TAG_SECURITY = 0x85,
	TAG_EXTENDED_SECURITY = 0xA5,
	TAG_RETRY = 0x86,
	TAG_HTTP = 0x89,
	TAG_HOST = 0x8A,
	TAG_AGENT = 0x8B,
	TAG_URI = 0x8C,
	TAG_DNS = 0xB3,
};

#define KEY_REFERENCE_SIZE 2

/* Identity, then version and identifier of the key. A length of 0 means that the card chooses. */
static bool read_security(struct bytes value, struct session_parameters *p)
{
	struct reader r = reader_of(value);

	p->has_security = true;
	p->psk_identity = read_lv(&r);
	struct reader key = reader_of(read_lv(&r));
	p->key_version = reader_left(&key) > 0 ? read_u8(&key) : 0;
	p->key_id = reader_left(&key) > 0 ? read_u8(&key) : 0;
	read_rest(&r); /* kind of digest, where it is told */
	return !r.bad && !key.bad;
}

static bool read_http(struct bytes value, struct session_parameters *p)
{
	struct reader r = reader_of(value);
	struct bytes text;
	uint32_t tag;

	p->has_http = true;
	while (read_tlv(&r, &tag, &text)) {
		if (text.len > 0 && !bytes_are_utf8(text))
			return false;
		if (tag == TAG_HOST)
			p->host = text;
		else if (tag == TAG_AGENT)
			p->agent = text;
		else if (tag == TAG_URI)
			p->uri = text;
		else
			return false;
	}
	return reader_done(&r);
}

static enum err take_element(uint32_t tag, struct bytes value, struct session_parameters *p,
			     struct fault *fault)
{
	const struct {
		uint32_t tag;
		struct bytes *at;
	} rows[] = {
		{ TAG_CONNECTION, &p->connection },
		{ TAG_EXTENDED_SECURITY, &p->extended_security },
		{ TAG_RETRY, &p->retry },
		{ TAG_DNS, &p->dns },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].tag == tag) {
			*rows[i].at = value;
			return ERR_NONE;
		}
	}
	if (tag == TAG_SECURITY && !read_security(value, p))
		return fault_set(fault, ERR_MALFORMED, "security parameters (85) are cut short");
	if (tag == TAG_HTTP && !read_http(value, p))
		return fault_set(fault, ERR_MALFORMED, "HTTP parameters (89) are not host, agent and URI");
	if (tag != TAG_SECURITY && tag != TAG_HTTP)
		return fault_set(fault, ERR_MALFORMED, "unknown session parameter %X", (unsigned)tag);
	return ERR_NONE;
}

enum err session_parameters_parse(struct bytes elements, struct session_parameters *ret_parameters,
				  struct fault *fault)
{
	struct session_parameters parameters = { 0 };
	struct reader r = reader_of(elements);
	struct bytes value;
	uint32_t tag;

	while (read_tlv(&r, &tag, &value)) {
		const bool is_around = tag == TAG_TRIGGER || tag == TAG_SESSION;
		if (is_around && reader_left(&r) > 0)
			return fault_set(fault, ERR_MALFORMED, "%zu bytes after element %X", reader_left(&r),
					 (unsigned)tag);
		if (is_around) {
			r = reader_of(value);
			continue;
		}
		enum err err = take_element(tag, value, &parameters, fault);
		if (err != ERR_NONE)
			return err;
	}
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "a session parameter runs past its end");
	*ret_parameters = parameters;
	return ERR_NONE;
}

/* ---- building ---- */

static void build_optional(struct builder *b, uint32_t tag, struct bytes value)
{
	if (value.at != NULL)
		build_tlv(b, tag, value);
}

enum err session_parameters_build(struct arena *arena, const struct session_parameters *p, bool is_trigger,
				  struct bytes *ret_elements)
{
	struct builder b = builder_in(arena);
	size_t trigger = is_trigger ? build_open(&b, TAG_TRIGGER) : 0;
	size_t session = is_trigger ? build_open(&b, TAG_SESSION) : 0;

	build_optional(&b, TAG_CONNECTION, p->connection);
	if (p->has_security) {
		const uint8_t key[KEY_REFERENCE_SIZE] = { p->key_version, p->key_id };
		size_t security = build_open(&b, TAG_SECURITY);
		build_lv(&b, p->psk_identity);
		build_lv(&b, bytes_of(key, sizeof(key)));
		build_close(&b, security);
	}
	build_optional(&b, TAG_EXTENDED_SECURITY, p->extended_security);
	build_optional(&b, TAG_RETRY, p->retry);
	if (p->has_http) {
		size_t http = build_open(&b, TAG_HTTP);
		build_tlv(&b, TAG_HOST, p->host);
		build_tlv(&b, TAG_AGENT, p->agent);
		build_tlv(&b, TAG_URI, p->uri);
		build_close(&b, http);
	}
	build_optional(&b, TAG_DNS, p->dns);
	if (is_trigger) {
		build_close(&b, session);
		build_close(&b, trigger);
	}
	return builder_bytes(&b, ret_elements);
}
