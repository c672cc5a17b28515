/* No bytes pass as a record unless they were sealed with the key: the input is either opened as it is, or
 * sealed first and then opened with one of its bytes changed. */
#include "fuzz.h"

#include "record.h"

#define EPOCH     (UINT64_C(1) << 48)
#define PLAIN_MAX 1024

static unsigned open_all(struct record_state *state, struct bytes datagram)
{
	static uint8_t plain[65536];
	struct reader r = reader_of(datagram);
	struct record record;
	unsigned opened = 0;
	size_t len;

	while (record_read(&r, &record)) {
		require(record.content.len < datagram.len);
		opened += record_open(state, &record, plain, &len);
	}
	return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct record_ciphers *ciphers;
	static const uint16_t suites[] = { 0xC0A8, 0xC0A4, 0x00A8, 0xC0A8 };
	uint8_t sealed[PLAIN_MAX + RECORD_OVERHEAD_MAX];

	if (ciphers == NULL)
		require(record_ciphers_create(&ciphers) == ERR_NONE);
	if (len < 4)
		return 0;
	struct record_state state = {
		.cipher = record_cipher_of(ciphers, suites[at[0] & 3]),
		.next_out = EPOCH,
		.newest_in = EPOCH,
	};
	require(open_all(&state, bytes_of(at + 1, len - 1)) == 0);

	const size_t plain_len = len - 4 < PLAIN_MAX ? len - 4 : PLAIN_MAX;
	size_t sealed_len = record_seal(&state, RECORD_APPLICATION, bytes_of(at + 4, plain_len), sealed);
	require(sealed_len > plain_len);
	const size_t changed = ((size_t)at[1] << 8 | at[2]) % sealed_len;
	sealed[changed] ^= at[3];
	require(open_all(&state, bytes_of(sealed, sealed_len)) == (at[3] == 0));
	return 0;
}
