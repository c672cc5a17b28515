/* draft-ietf-opsawg-pcapng, 3 and 4; RFC 791, 3.1; RFC 768 */
#include "pcapng.h"

#include <string.h>

enum block_type { BLOCK_SECTION = 0x0A0D0D0A, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum option { OPTION_END = 0, OPTION_COMMENT = 1, OPTION_NAME = 2, OPTION_TIME_RESOLUTION = 9 };

#define BYTE_ORDER_MAGIC 0x1A2B3C4Du
#define LENGTH_UNKNOWN   UINT64_MAX
#define LINK_TYPE_IPV4   228
#define BLOCK_FRAME_SIZE 12 /* type, length, length again */
#define IPV4_HEADER_SIZE 20
#define UDP_HEADER_SIZE  8
#define UDP_PAYLOAD_MAX  (65535 - IPV4_HEADER_SIZE - UDP_HEADER_SIZE)
#define PROTOCOL_UDP     17
#define TTL              64
#define COMMENT_MAX      1024

static void build_padding(struct builder *b, size_t length)
{
	build_zeros(b, (4 - length % 4) % 4);
}

static void build_option(struct builder *b, enum option option, struct bytes value)
{
	build_u16(b, option);
	build_u16(b, (uint16_t)value.len);
	build_bytes(b, value);
	build_padding(b, value.len);
}

static void build_text_option(struct builder *b, enum option option, const char *text)
{
	if (text != NULL && text[0] != 0)
		build_option(b, option, bytes_first(bytes_of_text(text), COMMENT_MAX));
}

/* The body is whole words. */
static void build_block(struct builder *b, enum block_type type, const struct builder *body)
{
	uint32_t length = (uint32_t)body->len + BLOCK_FRAME_SIZE;

	build_u32(b, type);
	build_u32(b, length);
	build_bytes(b, bytes_of(body->at, body->len));
	build_u32(b, length);
	b->bad = b->bad || body->bad;
}

void pcapng_begin(struct builder *b, const char *comment)
{
	struct builder body = builder_in(b->arena);

	build_u32(&body, BYTE_ORDER_MAGIC);
	build_u16(&body, 1);
	build_u16(&body, 0);
	build_u64(&body, LENGTH_UNKNOWN);
	build_text_option(&body, OPTION_COMMENT, comment);
	build_u32(&body, OPTION_END);
	build_block(b, BLOCK_SECTION, &body);
}

void pcapng_interface(struct builder *b, const char *name)
{
	static const uint8_t milliseconds[] = { 3 };
	struct builder body = builder_in(b->arena);

	build_u16(&body, LINK_TYPE_IPV4);
	build_u16(&body, 0);
	build_u32(&body, 0); /* packets are of any length */
	build_text_option(&body, OPTION_NAME, name);
	build_option(&body, OPTION_TIME_RESOLUTION, bytes_of(milliseconds, sizeof milliseconds));
	build_u32(&body, OPTION_END);
	build_block(b, BLOCK_INTERFACE, &body);
}

/* RFC 1071 over whole words. */
static uint16_t checksum(struct bytes header)
{
	struct reader r = reader_of(header);
	uint32_t sum = 0;

	while (reader_left(&r) > 0)
		sum += read_u16(&r);
	while (sum > UINT16_MAX)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)~sum;
}

static void build_ipv4_header(struct builder *b, const struct pcapng_datagram *datagram, size_t length,
			      uint16_t header_checksum)
{
	build_u8(b, 0x45); /* version 4, five words */
	build_u8(b, 0);
	build_u16(b, (uint16_t)(IPV4_HEADER_SIZE + UDP_HEADER_SIZE + length));
	build_u32(b, 0); /* not a fragment */
	build_u8(b, TTL);
	build_u8(b, PROTOCOL_UDP);
	build_u16(b, header_checksum);
	build_u32(b, datagram->from.address);
	build_u32(b, datagram->to.address);
}

static void build_datagram(struct builder *b, const struct pcapng_datagram *datagram, struct bytes payload)
{
	struct builder header = builder_in(b->arena);
	struct bytes bytes = bytes_of(NULL, 0);

	build_ipv4_header(&header, datagram, payload.len, 0);
	b->bad = b->bad || builder_bytes(&header, &bytes) != ERR_NONE;
	build_ipv4_header(b, datagram, payload.len, checksum(bytes));
	build_u16(b, datagram->from.port);
	build_u16(b, datagram->to.port);
	build_u16(b, (uint16_t)(UDP_HEADER_SIZE + payload.len));
	build_u16(b, 0); /* no checksum, as IPv4 allows */
	build_bytes(b, payload);
}

void pcapng_datagram(struct builder *b, const struct pcapng_datagram *datagram)
{
	struct bytes payload = bytes_first(datagram->payload, UDP_PAYLOAD_MAX);
	size_t length = IPV4_HEADER_SIZE + UDP_HEADER_SIZE + payload.len;
	struct builder body = builder_in(b->arena);

	build_u32(&body, datagram->interface);
	build_u64(&body, (uint64_t)datagram->at_ms);
	build_u32(&body, (uint32_t)length);
	build_u32(&body, (uint32_t)(length + datagram->payload.len - payload.len));
	build_datagram(&body, datagram, payload);
	build_padding(&body, length);
	build_text_option(&body, OPTION_COMMENT, datagram->comment);
	build_u32(&body, OPTION_END);
	build_block(b, BLOCK_PACKET, &body);
}
