/* ETSI TS 102 225, 5: a secured packet of either direction, as far as it can be read without its keys */
#include <inttypes.h>

#include "channel/scp80.h"
#include "explain/explain.h"

#define COUNTER_SIZE    5
#define COMMAND_FIXED   13
#define RESPONSE_FIXED  10
#define RESPONSE_HEADER 0x027100

/* What bits of SPI mean, its first byte on top. A row without text says nothing. */
static const struct spi_row {
	uint16_t mask, value;
	const char *text;
} spi_rows[] = {
	{ SPI_CHECKSUM, 0, "no checksum" },
	{ SPI_CHECKSUM, SPI_CHECKSUM_RC, "redundancy check" },
	{ SPI_CHECKSUM, SPI_CHECKSUM_CC, "cryptographic checksum" },
	{ SPI_CHECKSUM, SPI_CHECKSUM, "digital signature" },
	{ SPI_CIPHERED, 0, "not ciphered" },
	{ SPI_CIPHERED, SPI_CIPHERED, "ciphered" },
	{ SPI_COUNTER, 0, "no counter" },
	{ SPI_COUNTER, 0x0800, "counter is not checked" },
	{ SPI_COUNTER, SPI_COUNTER_HIGHER, "counter must be higher than the last" },
	{ SPI_COUNTER, SPI_COUNTER, "counter must be one higher than the last" },
	{ SPI_RECEIPT, 0, "no proof of receipt" },
	{ SPI_RECEIPT, SPI_RECEIPT_ALWAYS, "proof of receipt" },
	{ SPI_RECEIPT, 2, "proof of receipt when there is an error" },
	{ SPI_RECEIPT_CHECKSUM, SPI_RECEIPT_RC, "receipt with redundancy check" },
	{ SPI_RECEIPT_CHECKSUM, SPI_RECEIPT_CC, "receipt with cryptographic checksum" },
	{ SPI_RECEIPT_CHECKSUM, SPI_RECEIPT_CHECKSUM, "receipt with digital signature" },
	{ SPI_RECEIPT_CIPHERED, SPI_RECEIPT_CIPHERED, "receipt ciphered" },
	{ 0x0020, 0x0020, "receipt by SMS-SUBMIT" },
};

/* [memory] of those that no vector shows. */
static const struct algorithm_row {
	uint8_t nibble;
	const char *text;
} algorithms[] = {
	{ 0x0, "known to both sides" },
	{ 0x1, "DES" },
	{ 0x2, "AES" },
	{ 0x3, "proprietary" },
	{ 0x5, "triple DES with two keys" },
	{ 0x9, "triple DES with three keys" },
	{ 0xD, "DES-ECB" },
};

/* [memory] TS 101 220, annex D */
static const struct tar_row {
	uint32_t first, last;
	const char *text;
} tars[] = {
	{ 0x000000, 0x000000, "issuer security domain" },
	{ 0xB00000, 0xB0011F, "remote file management" },
	{ 0xB00120, 0xB0013F, "remote file management, expanded scripts" },
};

static void explain_spi(struct explanation *e, uint16_t spi)
{
	explain_line(e, "SPI  %04X", spi);
	e->depth++;
	for (size_t i = 0; i < sizeof(spi_rows) / sizeof(spi_rows[0]); i++) {
		if ((spi & spi_rows[i].mask) == spi_rows[i].value)
			explain_line(e, "%s", spi_rows[i].text);
	}
	e->depth--;
}

static void explain_key(struct explanation *e, const char *name, uint8_t key)
{
	const char *algorithm = "unknown algorithm";

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (algorithms[i].nibble == (key & 0x0F))
			algorithm = algorithms[i].text;
	}
	explain_line(e, "%s  %02X key set %u, %s", name, key, key >> 4, algorithm);
}

static void explain_tar(struct explanation *e, uint32_t tar)
{
	const char *text = "";

	for (size_t i = 0; i < sizeof(tars) / sizeof(tars[0]); i++) {
		if (tar >= tars[i].first && tar <= tars[i].last)
			text = tars[i].text;
	}
	explain_line(e, "TAR  %06X%s%s", (unsigned)tar, text[0] != 0 ? " " : "", text);
}

static enum err explain_data(struct explanation *e, struct bytes data)
{
	const uint8_t first = data.len > 0 ? data.at[0] : 0;

	if (first == 0xAA || first == 0xAB || first == 0xAE || first == 0xAF)
		return explain_script_at(e, data);
	explain_bytes(e, "compact script", data);
	return ERR_NONE;
}

/* From the counter on, in clear; `has_status` in responses. */
static enum err explain_secured(struct explanation *e, struct bytes secured, size_t checksum_size,
				bool has_status)
{
	struct reader r = reader_of(secured);
	const uint64_t counter = read_uint(&r, COUNTER_SIZE);
	const uint8_t padding = read_u8(&r);
	const uint8_t status = has_status ? read_u8(&r) : 0;
	const struct bytes checksum = read_bytes(&r, checksum_size), rest = read_rest(&r);

	if (r.bad || padding > rest.len)
		return fault_set(e->fault, ERR_MALFORMED, "the packet is cut short");
	explain_line(e, "counter  %" PRIu64, counter);
	if (has_status)
		explain_line(e, "status  %02X %s", status, scp80_status_text(status));
	if (checksum.len > 0)
		explain_bytes(e, "checksum", checksum);
	const struct bytes data = bytes_first(rest, rest.len - padding);
	return data.len > 0 ? explain_data(e, data) : ERR_NONE;
}

static enum err check_length(struct explanation *e, const struct reader *r, uint16_t length)
{
	return reader_left(r) == length
		       ? ERR_NONE
		       : fault_set(e->fault, ERR_MALFORMED, "%u bytes are announced, %zu follow", length,
				   reader_left(r));
}

static enum err explain_command_packet(struct explanation *e, struct reader *r)
{
	const uint16_t length = read_u16(r);
	enum err err = check_length(e, r, length);

	if (err != ERR_NONE)
		return err;
	const uint8_t header = read_u8(r);
	const uint16_t spi = read_u16(r);
	explain_line(e, "command packet, %u bytes", length + 2u);
	e->depth++;
	explain_spi(e, spi);
	explain_key(e, "KIc", read_u8(r));
	explain_key(e, "KID", read_u8(r));
	explain_tar(e, read_u24(r));
	const struct bytes secured = read_rest(r);
	if (r->bad || header < COMMAND_FIXED)
		return fault_set(e->fault, ERR_MALFORMED, "the header of the packet has %u bytes", header);
	if ((spi & SPI_CIPHERED) == 0)
		return explain_secured(e, secured, header - COMMAND_FIXED, false);
	explain_bytes(e, "ciphered counter, checksum and script", secured);
	return ERR_NONE;
}

/* Whether it is ciphered is not said: a packet in clear has a status that exists, and less padding than a
 * block. */
static bool seems_clear(struct bytes secured)
{
	struct reader r = reader_of(secured);

	read_bytes(&r, COUNTER_SIZE);
	const uint8_t padding = read_u8(&r), status = read_u8(&r);
	return !r.bad && padding < 16 && status <= SCP80_BY_USSD;
}

static enum err explain_response_packet(struct explanation *e, struct reader *r)
{
	const uint16_t length = read_u16(r);
	enum err err = check_length(e, r, length);

	if (err != ERR_NONE)
		return err;
	const uint8_t header = read_u8(r);
	explain_line(e, "response packet, %u bytes", length + 5u);
	e->depth++;
	explain_tar(e, read_u24(r));
	const struct bytes secured = read_rest(r);
	if (r->bad || header < RESPONSE_FIXED)
		return fault_set(e->fault, ERR_MALFORMED, "the header of the packet has %u bytes", header);
	if (seems_clear(secured))
		return explain_secured(e, secured, header - RESPONSE_FIXED, true);
	explain_bytes(e, "ciphered counter, status, checksum and answers", secured);
	return ERR_NONE;
}

/* With its user data header (027000, 027100) or, of a command, without. */
enum err explain_scp80(struct bytes content, struct builder *text, struct fault *fault)
{
	struct explanation e = { .text = text, .fault = fault };
	struct reader r = reader_of(content), header = r;
	const uint32_t first = read_u24(&header);

	if (!header.bad && first == RESPONSE_HEADER)
		return explain_response_packet(&e, &header);
	return explain_command_packet(&e, !header.bad && first == 0x027000 ? &header : &r);
}
