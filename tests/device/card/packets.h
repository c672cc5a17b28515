/* The card as a receiver of secured packets (ETSI TS 102 225), and of the remote commands in them (TS 102 226). */
#ifndef CARD_PACKETS_H
#define CARD_PACKETS_H

#include "chip.h"

/* short_message.c */
void packets_forget(struct card *card);

/* packets.c: a whole command packet. What it builds into the answer is the response packet. */
uint16_t packet_receive(struct call *call, struct bytes packet);

/* An application that packets are for. */
struct packet_target {
	uint32_t tar;
	bool is_files;        /* remote file management; else application management by the ISD */
	bool takes_expanded;
};

/* remote_script.c: runs the commands of a packet; its answer has at most `room` bytes. ERR_NOMEM, ERR_UNAVAILABLE. */
MUST_CHECK enum err remote_script_run(struct card *card, const struct packet_target *target, struct bytes script,
				      const struct secret *key_encryption_key, size_t room, struct bytes *ret_answer);

#endif
