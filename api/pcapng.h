/* Captures in the pcapng format (draft-ietf-opsawg-pcapng), as Wireshark opens them: datagrams of IPv4 and UDP that were
 * never sent as such, made of what is known of an exchange. */
#ifndef CARDEA_API_PCAPNG_H
#define CARDEA_API_PCAPNG_H

#include <cardea/bytes.h>

struct pcapng_end {                     /* of a datagram */
	uint32_t address;
	uint16_t port;
};

struct pcapng_datagram {
	uint32_t interface;             /* in the order of pcapng_interface, from 0 */
	int64_t at_ms;                  /* since 1970 */
	struct pcapng_end from, to;
	struct bytes payload;           /* more than a datagram can carry is cut */
	const char *comment;            /* for people; NULL for none */
};

/* The section that everything is in. */
void pcapng_begin(struct builder *b, const char *comment);
void pcapng_interface(struct builder *b, const char *name);
void pcapng_datagram(struct builder *b, const struct pcapng_datagram *datagram);

#endif
