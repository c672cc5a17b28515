/* Secured packets (ETSI TS 102 225, in the form of 3GPP TS 31.115 for SMS): a command for an application of a UICC,
 * ciphered and with a checksum, counted against replay; and the proof of receipt that comes back. */
#ifndef SE_SCP80_H
#define SE_SCP80_H

#include <cardea/crypto.h>

#define SCP80_LAYER       "scp80" /* of traces */
#define SCP80_TAR_SIZE    3
#define SCP80_MAX_COUNTER 0xFFFFFFFFFFu

/* SPI as one number, its first byte on top. */
enum {
	SPI_CHECKSUM = 0x0300,       /* 0 none, 1 redundancy check, 2 cryptographic checksum, 3 signature */
	SPI_CHECKSUM_RC = 0x0100,
	SPI_CHECKSUM_CC = 0x0200,
	SPI_CIPHERED = 0x0400,
	SPI_COUNTER = 0x1800,        /* 0 none, 1 present, 2 must be higher, 3 must be one higher */
	SPI_COUNTER_HIGHER = 0x1000,
	SPI_RECEIPT = 0x0003,        /* 0 none, 1 always, 2 on errors */
	SPI_RECEIPT_ALWAYS = 0x0001,
	SPI_RECEIPT_CHECKSUM = 0x000C,
	SPI_RECEIPT_RC = 0x0004,
	SPI_RECEIPT_CC = 0x0008,
	SPI_RECEIPT_CIPHERED = 0x0010,
};

struct scp80_channel {
	uint16_t spi;
	uint8_t kic, kid; /* key set number, algorithm */
	uint8_t tar[SCP80_TAR_SIZE];
	struct secret cipher_key, mac_key; /* empty where SPI needs none */
};

/* The counter must have been stored before the packet leaves. ERR_UNSUPPORTED: an algorithm that we do not have;
 * ERR_MALFORMED: a key that does not fit its algorithm; ERR_LIMIT: too long. */
MUST_CHECK enum err scp80_command_build(struct arena *arena, const struct scp80_channel *channel, uint64_t counter,
					struct bytes data, struct bytes *ret_packet, struct fault *fault);

enum scp80_status {
	SCP80_OK = 0x00,
	SCP80_CHECKSUM_FAILED = 0x01,
	SCP80_COUNTER_LOW = 0x02,
	SCP80_COUNTER_HIGH = 0x03,
	SCP80_COUNTER_BLOCKED = 0x04,
	SCP80_CIPHERING_ERROR = 0x05,
	SCP80_SECURITY_ERROR = 0x06,
	SCP80_NO_MEMORY = 0x07,
	SCP80_MORE_TIME = 0x08,
	SCP80_UNKNOWN_TAR = 0x09,
	SCP80_TOO_WEAK = 0x0A,
	SCP80_BY_SUBMIT = 0x0B,
	SCP80_BY_USSD = 0x0C,
};
const char *scp80_status_text(uint8_t status); /* never NULL */

struct scp80_receipt {
	uint64_t counter;
	uint8_t status;
	struct bytes data;
	/* as they were in the packet, for who looks closer */
	uint16_t length;
	uint8_t header_length, padding;
	struct bytes tar, checksum;
};

/* A response packet with its user data header 027100. ERR_DENIED: the checksum does not fit, or the packet is of
 * another application. */
MUST_CHECK enum err scp80_receipt_parse(struct bytes packet, const struct scp80_channel *channel, struct arena *arena,
					struct scp80_receipt *ret_receipt, struct fault *fault);

#endif
