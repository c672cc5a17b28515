/* ISO 7816-3, 8.2 answer to reset; ISO 7816-4, 8.1.1.2.7 card capabilities */
#include "inventory/atr.h"

#define COUNT_BITS          0x07
#define HOST_ASSIGNS        0x08
#define CARD_ASSIGNS        0x10
#define TAG_CAPABILITIES    0x7
#define CATEGORY_PLAIN      0x80 /* compact objects, no status bytes after them */
#define CATEGORY_STATUS     0x00 /* three status bytes after them */
#define STATUS_SIZE         3
#define CAPABILITY_CHANNELS 2 /* the third table of software functions */

static unsigned count_bits(unsigned value)
{
	unsigned count = 0;

	for (; value != 0; value &= value - 1)
		count++;
	return count;
}

/* T0 says how many historical bytes there are and which interface bytes come first; the last of these says
 * whether more come. */
static struct bytes historical_bytes(struct bytes atr)
{
	struct reader r = reader_of(atr);
	unsigned convention = read_u8(&r), format = read_u8(&r);
	const size_t count = format & 0x0F;

	if (convention != 0x3B && convention != 0x3F)
		return bytes_of(NULL, 0);
	while ((format & 0xF0) != 0 && !r.bad) {
		const bool has_more = (format & 0x80) != 0;
		read_bytes(&r, count_bits(format & 0x70));
		format = has_more ? read_u8(&r) : 0;
	}
	struct bytes historical = read_bytes(&r, count);
	return r.bad ? bytes_of(NULL, 0) : historical;
}

static enum err find_capabilities(struct bytes historical, struct bytes *ret_value)
{
	struct reader r = reader_of(historical);
	const uint8_t category = read_u8(&r);

	if (category == CATEGORY_STATUS && historical.len > STATUS_SIZE)
		r = reader_of(bytes_from(bytes_first(historical, historical.len - STATUS_SIZE), 1));
	else if (category != CATEGORY_PLAIN)
		return ERR_NOT_FOUND;
	while (reader_left(&r) > 0) {
		const uint8_t head = read_u8(&r);
		struct bytes value = read_bytes(&r, head & 0x0F);
		if (!r.bad && head >> 4 == TAG_CAPABILITIES) {
			*ret_value = value;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

enum err atr_channels(struct bytes atr, struct atr_channels *ret_channels)
{
	struct bytes historical = historical_bytes(atr), capabilities;

	if (historical.at == NULL)
		return ERR_MALFORMED;
	enum err err = find_capabilities(historical, &capabilities);
	if (err != ERR_NONE || capabilities.len <= CAPABILITY_CHANNELS)
		return ERR_NOT_FOUND;
	const uint8_t channels = capabilities.at[CAPABILITY_CHANNELS];
	*ret_channels = (struct atr_channels){ .count = 1 + (channels & COUNT_BITS),
					       .is_at_least = (channels & COUNT_BITS) == COUNT_BITS,
					       .card_assigns = (channels & CARD_ASSIGNS) != 0,
					       .host_assigns = (channels & HOST_ASSIGNS) != 0 };
	return ERR_NONE;
}
