/* A simulated GlobalPlatform card (GPCS 2.3.1, SCP02 of its appendix E, SCP03 of Amendment D): the Secure Element of the reference
 * device.
 *
 * It shares nothing with the server's own composing of APDUs, so that one mistake cannot cancel the other. It
 * is as strict as a real card: what is not right is refused with the status word of the specification.
 *
 * Everything durable is one image, written whole (temporary file, fsync, rename) before the answer that it
 * belongs to leaves the card; a card killed at any instant finds the image before or after a command, never
 * in between. */
#ifndef CARD_CARD_H
#define CARD_CARD_H

#include <cardea/bytes.h>
#include <cardea/crypto.h>
#include <cardea/crypto_ec.h>

#define CARD_AID_MAX       16
#define CARD_CHANNELS_MAX  20 /* 0 to 3 in the first coding of CLA, 4 to 19 in the second */
#define CARD_CHALLENGE_MAX 16

/* SCP03 options, the `i` parameter (Amd D 5.1) */
#define CARD_I_S16           0x01 /* 16-byte challenges, cryptograms and MACs instead of 8 */
#define CARD_I_PSEUDO_RANDOM 0x10 /* card challenge computed from the sequence counter; else random */
#define CARD_I_RMAC          0x20
#define CARD_I_RENC          0x40 /* only together with CARD_I_RMAC */
/* SCP02 options (GPCS table E-1) */
#define CARD_SCP02_THREE_KEYS     0x01 /* else the first key of a set is the base key of all */
#define CARD_SCP02_UNMODIFIED     0x02 /* C-MAC over the command as it was */
#define CARD_SCP02_EXPLICIT       0x04
#define CARD_SCP02_ICV_OVER_AID   0x08
#define CARD_SCP02_ICV_ENCRYPTION 0x10
#define CARD_SCP02_RMAC           0x20
#define CARD_SCP02_PSEUDO_RANDOM  0x40

struct card;

struct card_aid {
	uint8_t at[CARD_AID_MAX];
	size_t len; /* 5 to 16; 0 where the settings' comment allows none */
};

/* A key set: KID 01, 02, 03. Of SCP03: AES keys of 16, 24 or 32 bytes, all of one length; of SCP02: 16 bytes each. */
struct card_key_set {
	uint8_t version;
	struct secret enc, mac, dek;
};

/* A file of the PKCS #15 application, under its identifier. */
struct card_file {
	uint16_t id;
	struct bytes content;
};

#define CARD_FILE_MAX 32768
#define CARD_PIN_MAX  8

/* SCP11 options (Amd F table 4-1) */
#define CARD_SCP11_A      0x01
#define CARD_SCP11_B      0x02
#define CARD_SCP11_CHAINS 0x08
#define CARD_SCP11_C      0x10
#define CARD_SCP11_S16    0x40

#define CARD_CERTIFICATES_MAX 2048

/* SCP11 of the issuer security domain: one static key for all variants (KID 11, 13, 15). Off-card entities are known
 * by certificates of the authority, and the one whose subject is the card's IIN owns the domain. */
struct card_scp11 {
	uint8_t options; /* CARD_SCP11_...; 0: the card has no SCP11 */
	enum ec_curve curve;
	uint8_t key_version;
	uint8_t private[EC_SIZE_MAX];
	uint8_t certificates[CARD_CERTIFICATES_MAX]; /* of the static key, from the one below its authority on */
	size_t certificates_len;
	uint8_t authority_version, authority_id;
	struct ec_point authority; /* who signs the certificates of off-card entities */
};

/* A security domain that the card has from the factory on, PERSONALIZED, below the ISD. */
struct card_domain {
	struct card_aid aid;
	uint32_t privileges;
	struct card_key_set keys; /* version 0: none of its own */
};

#define CARD_KEY_COMPONENTS 2

/* A further key of a security domain: types as in GPCS table 11-16. */
struct card_extra_key {
	struct card_aid domain; /* len 0: the ISD */
	uint8_t version, id;
	struct {
		uint8_t type;
		struct bytes value;
	} components[CARD_KEY_COMPONENTS]; /* type 0: none */
};

/* What the card does wrong on request. All zero: nothing. */
struct card_misbehaviour {
	bool is_mute;            /* no answer to anything: card_transmit gives ERR_TIMEOUT */
	uint16_t install_status; /* every INSTALL answers this status word; 0: as it should */
	bool refuses_load;       /* the LOAD of block `load_block` answers `load_status` */
	uint8_t load_block;
	uint16_t load_status;
	bool is_out_of_memory;      /* whatever needs memory answers 6A84 */
	bool has_wrong_cryptogram;  /* INITIALIZE UPDATE answers a card cryptogram with one bit flipped, and SCP11
				       a receipt */
	bool corrupts_response_mac; /* one bit of every R-MAC is flipped */
	bool has_wrong_receipt;     /* one bit of every receipt is flipped ... */
	bool repeats_receipts;      /* ... or their counter stands still */
	unsigned busy_times;       /* so many ENVELOPEs answer 9300 */
	bool withholds_receipts;   /* a secured packet is obeyed and not answered */
	bool is_before_102221;     /* the answer to ENVELOPE is announced with 9Fxx or 9Exx */
	bool refuses_authentication; /* EXTERNAL AUTHENTICATE finds every host cryptogram wrong, and counts it */
};

/* How a card leaves the factory (kept in the state file from then on) and how it behaves (taken anew at each
 * open). */
struct card_settings {
	/* factory: used only when the state file does not exist yet */
	struct card_aid isd_aid;
	struct card_key_set keys;
	uint8_t diversification_data[10];
	uint8_t life_cycle;    /* of the card: 01 OP_READY, 07 INITIALIZED, 0F SECURED */
	struct bytes iin, cin; /* values of the data objects 42 and 45; borrowed until card_open returns */
	struct bytes cplc;     /* 42 bytes, or empty: no CPLC on this card */
	const struct card_domain *domains; /* borrowed until card_open returns, as the keys */
	size_t domain_count;
	bool has_uicc;            /* MF and the USIM, and applications that manage their files */
	uint8_t minimum_security; /* the first byte of SPI that secured packets need at least */
	const struct card_extra_key *extra_keys;
	size_t extra_key_count;

	/* behaviour */
	uint8_t scp03_options; /* CARD_I_... */
	uint8_t scp02_options; /* the factory key set is for SCP02, and the card announces it; 0: for SCP03 */
	struct card_scp11 scp11;
	struct bytes atr;                           /* copied */
	unsigned channel_count;                     /* 1 to CARD_CHANNELS_MAX, the basic one included */
	uint32_t nonvolatile_bytes, volatile_bytes; /* memory for content */
	size_t status_answer_bytes;    /* plain bytes of one GET STATUS answer (more: 6310), 64 to 239 */
	unsigned authentication_tries; /* wrong EXTERNAL AUTHENTICATEs in a row that block a key set; 0: any number
					*/
	const struct card_file *files; /* of the PKCS #15 application, in place of those it has, which stay when there
					  are none; borrowed until card_open returns */
	size_t file_count;
	char pin[CARD_PIN_MAX + 1]; /* that reading the file `pin_file` takes; "": none */
	uint16_t pin_file;
	bool wants_secure_channel; /* reading any file takes SCP03 with level 33 */
	struct card_misbehaviour misbehaviour;

	/* The card challenge of INITIALIZE UPDATE, for tests with known answers; NULL: as scp03_options say.
	 * Fills `len` (8 or 16) bytes. */
	void (*make_challenge)(void *arg, uint8_t *ret_at, size_t len);
	void *make_challenge_arg;
};

/* ISD A000000151000000, key set 30 with 404142..4F three times, i = 70 (S8, pseudo-random, R-MAC and R-ENC),
 * SECURED, 4 channels, 92 KiB non-volatile and 2 KiB volatile memory, 10 tries per key set, with ATR, IIN, CIN and CPLC. */
struct card_settings card_settings_default(void);

/* `state_path` NULL: everything in memory, gone with card_close. ERR_MALFORMED for settings out of their
 * range or a damaged state file, ERR_IO, ERR_NOMEM. The card comes up reset. */
MUST_CHECK enum err card_open(const char *state_path, const struct card_settings *settings,
			      struct card **ret_card, struct fault *fault);
void card_close(struct card *card); /* accepts NULL */

/* Power cycle: channels closed, secure channel sessions gone, a partial load forgotten, the default
 * application selected on channel 0. Ends the effect of card_cut_power_after. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err card_reset(struct card *card);

struct bytes card_atr(const struct card *card);

/* One command APDU (short lengths) in, one response APDU with its status word out, allocated in `arena`.
 * Whatever is wrong with the command is said by the status word; the error is about the card: ERR_TIMEOUT
 * when it is mute, ERR_UNAVAILABLE when its power was cut, ERR_NOMEM. An answer that did not fit comes with
 * 61xx and is fetched with GET RESPONSE, as is the answer to a command without Le. */
MUST_CHECK enum err card_transmit(struct card *card, struct arena *arena, struct bytes command,
				  struct bytes *ret_response);

/* From the next command on. */
void card_misbehave(struct card *card, const struct card_misbehaviour *misbehaviour);

/* ---- for tests: what the card holds, without asking it by APDU ---- */

enum card_object_kind {
	CARD_APPLICATION,
	CARD_SECURITY_DOMAIN, /* the ISD too */
	CARD_LOAD_FILE
};

struct card_object {
	enum card_object_kind kind;
	uint8_t life_cycle;
	uint32_t privileges;               /* 24 bits, byte 1 on top */
	struct card_aid security_domain;   /* that it is associated with; the ISD: itself */
	struct card_aid load_file;         /* of an application; len 0 for the ISD and load files */
	uint8_t block_sha256[SHA256_SIZE]; /* load file: of the load file data block; zero for files of the
					      mask */
	struct bytes services;             /* global services; valid until the next command */
	uint8_t restrictions;              /* of a security domain; of the ISD: of the whole card */
};

/* False when nothing on the card has this AID. `ret_object` may be NULL. */
bool card_find(const struct card *card, struct bytes aid, struct card_object *ret_object);

/* Of all kinds; load files of the mask and the ISD count. */
size_t card_object_count(const struct card *card, enum card_object_kind kind);

/* Data object `tag` that STORE DATA left in an application or security domain; valid until the next command.
 */
bool card_stored_data(const struct card *card, struct bytes aid, uint32_t tag, struct bytes *ret_value);

/* SCP03 sequence counter of a key set; false when the security domain has no such set. */
bool card_sequence_counter(const struct card *card, struct bytes security_domain, uint8_t key_version,
			   uint32_t *ret_counter);

/* The n-th durable write from now on (1: the next) does not happen and the power is gone: card_transmit gives
 * ERR_UNAVAILABLE until card_reset. 0 takes the order back. */
void card_cut_power_after(struct card *card, unsigned writes);

/* Durable writes since card_open, for loops over all of them. */
unsigned card_write_count(const struct card *card);

#endif
