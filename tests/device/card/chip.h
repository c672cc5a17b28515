/* What the simulated card is made of: for the files of this folder only. */
#ifndef CARD_CHIP_H
#define CARD_CHIP_H

#include "apdu.h"
#include "card.h"
#include "gathering.h"
#include "registry.h"
#include "secure_channel.h"
#include "status_words.h"

#define COMMAND_DATA_MAX 255
#define PACKET_KEY_SETS  0x0F /* versions 01 to 0F are of SCP80 (GPCS UICC configuration) */
#define CHAIN_MAX        4096 /* bytes of one chained command */
#define ANSWER_MAX       65535
#define STORE_DATA_MAX   65535 /* one data structure over all its blocks */

#define TOKEN_IDENTIFIER_MAX 16

/* An INSTALL [for load] and the LOAD commands after it. */
struct load {
	bool is_open;
	struct card_aid load_file, security_domain;
	size_t hash_len; /* 0: none was announced */
	uint8_t hash[DIGEST_SIZE_MAX];
	size_t token_identifier_len; /* of the load token */
	uint8_t token_identifier[TOKEN_IDENTIFIER_MAX];
	uint32_t code_bytes_max; /* of the load parameters, 0: not told */
	unsigned next_block;
	struct gathering file;
};

#define KEY_ORDERS_MAX 16

/* A key that DGI 00B9 announced and DGI 8113 brings. */
struct key_order {
	uint8_t version, id, type;
	size_t len;
	uint8_t check_value[3];
	struct secret value;
};

/* STORE DATA: to whom and how far. */
struct personalization {
	struct card_aid target; /* len 0: the security domain itself */
	unsigned next_block;
	uint8_t format;           /* P1 b7 to b4 of the first block */
	struct gathering pending; /* a structure whose rest is still to come */
	struct key_order orders[KEY_ORDERS_MAX];
	size_t order_count, orders_filled;
	uint8_t key_reference[2]; /* KID and KVN of a CRT (A6) whose certificates are to follow */
	bool has_key_reference;
};

/* GET STATUS [next occurrence] goes on here. */
struct status_cursor {
	uint8_t p1;
	size_t reported;
	bool is_open;
	uint8_t criteria[COMMAND_DATA_MAX];
	size_t criteria_len;
};

/* SCP11: who showed its certificates and may agree on keys next. */
struct peer {
	bool has_issuer; /* a chain has begun */
	struct ec_point issuer;
	enum ec_curve issuer_curve;
	bool has_key, is_owner;
	struct ec_point key;
};

struct channel {
	bool is_open;
	struct card_aid selected;
	struct session session;
	struct peer peer;
	struct load load;
	struct personalization personalization;
	struct status_cursor cursor;
	struct command chain; /* header of the chained command that `chained` gathers */
	struct gathering chained;
	bool is_remote;          /* of packets: names are selected among the files */
	uint16_t directory;      /* of the files, as file_system.h has it */
	uint16_t file;           /* 0: none is selected */
	bool is_holder_verified; /* by PIN */
	struct gathering answer; /* what GET RESPONSE will fetch, from `answered` on */
	size_t answered;
	uint16_t answer_sw;
};

/* The short messages of one packet, so far. */
struct assembly {
	uint8_t reference, count, next;
	struct gathering bytes;
};

struct card {
	struct card_settings settings; /* its borrowed bytes are gone after card_open */
	uint8_t atr[33];
	size_t atr_len;
	char *state_path;

	struct registry registry;
	uint8_t *image; /* the registry as it is durable */
	size_t image_len;
	bool has_no_power;
	unsigned write_count, writes_to_cut;

	struct channel channels[CARD_CHANNELS_MAX];
	struct channel remote_channels[2]; /* of packets: for application management, and for files */
	struct assembly assembly;
	uint32_t chain_tar_next; /* the application whose chain of scripts may go on, + 1; 0: none */
	struct arena *scratch; /* for one command */
};

/* A command on its way through the selected application. */
struct call {
	struct card *card;
	struct channel *channel;
	struct command command;
	struct entry *selected;
	struct builder *answer;
	uint8_t answer_level; /* of the session that verified the command; its answer is protected likewise */
};

/* Answers the status word; what it built in call->answer counts only with 9000, 62xx and 63xx. */
typedef uint16_t command_function(struct call *call);

/* channels.c */
void card_power_up(struct card *card);
void card_power_down(struct card *card);
command_function select_application, manage_channel;
/* Keeps what does not fit the command's Le for GET RESPONSE. */
MUST_CHECK enum err answer_deliver(struct channel *channel, const struct command *command,
				   struct arena *arena, struct bytes answer, uint16_t sw,
				   struct bytes *ret_response);
/* GET RESPONSE: fills the response itself. */
MUST_CHECK enum err answer_continue(struct channel *channel, const struct command *command,
				    struct arena *arena, struct bytes *ret_response);

/* For the commands of a packet: the ISD, or anew the MF, is selected on it. */
struct channel *remote_channel_open(struct card *card, bool is_files, bool is_continued);

/* dispatch.c: a command on a channel, its plain answer and status word. ERR_UNAVAILABLE when the power went. */
MUST_CHECK enum err command_run(struct card *card, struct channel *channel, const struct command *command,
				struct bytes *ret_answer, uint16_t *ret_sw);

/* short_message.c */
command_function envelope;

/* secure_channel.c */
command_function initialize_update, external_authenticate;
/* A command whose C-MAC opens a session of SCP02 with implicit initiation; verifies it, and cuts it off the data. */
bool is_implicit_start(const struct call *call);
uint16_t implicit_start(struct call *call);

/* rmac_session.c */
command_function begin_rmac_session, end_rmac_session;

/* Of the key set that INITIALIZE UPDATE takes without a version; false when there is none. */
bool default_sequence_counter(const struct registry *registry, const struct entry *security_domain,
			      uint32_t *ret_counter, bool *ret_is_scp02);
/* A whole key set of its own. */
bool has_key_set(const struct entry *security_domain);

/* scp11.c */
command_function perform_security_operation, mutual_authenticate, internal_authenticate, get_certificates;
void build_scp11_keys(const struct call *call, struct builder *b);
void peer_forget(struct peer *peer);
/* KIDs that Amd F 5.1 gives to the keys of SCP11. */
bool is_scp11_key(uint8_t id);
/* Such a key, as PUT KEY brings it: SW_SUCCESS when it can be used. */
uint16_t scp11_key_check(const struct call *call, uint8_t id, const struct key_component *components);
/* STORE DATA of certificates (7.8): the CRT, then the store. */
uint16_t certificate_store_refer(struct call *call, struct entry *security_domain, struct bytes crt);
uint16_t certificate_store_put(struct call *call, struct entry *security_domain, struct bytes certificates);
/* Goes with the key when that is deleted or replaced. */
void certificate_store_remove(struct entry *security_domain, uint8_t id, uint8_t version);

/* delegation.c */
struct token {
	struct bytes fields; /* of the command, without the token */
	struct bytes reference; /* the content of its B6 */
	struct bytes signature; /* empty: there is none */
};
/* What a receipt signs after the confirmation data. */
struct receipt_fields {
	struct bytes token_identifier;
	struct bytes at[4];
	size_t count;
	bool has_parameters;
	struct bytes parameters;
};
/* Has Delegated Management, and not Authorized Management, with which it needs nobody's leave. */
bool is_delegated(const struct entry *security_domain);
/* Whether the selected security domain may make this change: it has the token that it needs, or none. */
uint16_t token_check(struct call *call, const struct token *token);
/* Of a load file data block that goes with a load token. */
size_t token_digest_size(const struct registry *registry);
/* The confirmation of a change that is in the registry; empty where none is due. Counts. */
MUST_CHECK enum err confirmation_make(struct call *call, const struct receipt_fields *fields,
				      struct bytes *ret_confirmation);
/* Makes the change durable and answers with its confirmation. Nothing of it is left on failure. */
uint16_t change_end(struct call *call, const struct receipt_fields *fields);

/* content_dap.c */
/* The load file data block of a whole load file, deciphered, that all who must agree to it have agreed to. */
uint16_t load_file_open(struct call *call, const struct load *load, struct bytes *ret_block);

/* content_install.c, content_load.c, content_delete.c */
command_function install_content, load_block, delete_content;
void load_end(struct load *load);
bool card_has_room(const struct card *card, uint32_t nonvolatile_bytes, uint32_t volatile_bytes);
/* Authorized or Delegated Management, and for a supplementary security domain the state PERSONALIZED. */
bool may_manage_content(const struct registry *registry, const struct entry *security_domain);
bool is_selected_anywhere(const struct card *card, const struct entry *entry);
/* 9.4.2.1: OPEN, or the selected security domain, may not do one of the functions any more (table 11-53). */
bool is_restricted(const struct call *call, uint8_t functions);

/* content_update.c */
/* Policies of a security domain, as tags in C9 of its installation; what single bits of them mean was not seen, so 00
 * refuses and all else accepts. [code] of hosts and profiles */
#define POLICY_ACCEPTS_EXTRADITION 0x82 /* to it */
#define POLICY_ACCEPTS_DELETION    0x83 /* by others, of what is associated with it */
#define POLICY_RELEASES            0x87 /* by others, to another security domain */
bool security_domain_accepts(const struct entry *security_domain, uint32_t policy);

/* upgrade.c */
command_function manage_upgrade;

/* status.c, life_cycle.c */
command_function get_status, set_status;

/* data.c, store_data.c, applet.c */
command_function get_data, store_data;
void personalization_end(struct personalization *personalization);
/* A whole data structure for an application: SW_SUCCESS when it is stored in the registry. */
uint16_t applet_store(struct call *call, struct entry *applet, uint8_t format, uint32_t tag,
		      struct bytes value);

/* keys.c */
command_function put_key;
/* D0 and D2 of DELETE; -1: not given. */
uint16_t delete_keys(struct call *call, int id, int version);
/* DGI 00B9 and 8113 of STORE DATA; the keys are in the registry when the last one came. */
uint16_t keys_announce(struct call *call, struct bytes templates);
uint16_t keys_bring(struct call *call, struct entry *security_domain, struct bytes ciphered);

/* files.c */
struct file;
command_function select_file, read_binary, update_binary, read_record, update_record, verify_pin;
/* The elementary file that is selected. */
bool file_selected(const struct call *call, struct file *ret_file);
/* Makes a change of it durable. */
uint16_t file_commit(struct call *call, const struct file *file);
/* Whoever is at the other end has authenticated. */
bool is_administrator(const struct call *call);
/* It is the PKCS #15 application, or the USIM. */
bool has_files(const struct entry *entry);
/* Gives the application, an instance from `load_file`, the files of the settings in place of those it has; false when there
 * is no memory. */
bool files_install(struct registry *registry, const struct card_settings *settings,
		   const struct card_aid *load_file, bool *ret_is_changed);
/* Of a file, or of the application itself (NULL). */
void build_file_control_parameters(struct builder *b, const struct entry *entry,
				   const struct file *file);

/* file_management.c */
command_function create_file, delete_file, resize_file, activate_file, deactivate_file;

/* state_file.c */
/* Makes the registry durable, or takes it back to what is durable. Pointers into the registry are gone
 * afterwards. */
MUST_CHECK uint16_t state_commit(struct card *card);
/* From the file, if there is one: ERR_NOT_FOUND when there is none. */
MUST_CHECK enum err state_load(struct card *card, struct fault *fault);
/* Reads the durable image again. */
MUST_CHECK enum err state_restore(struct card *card, struct fault *fault);
void state_forget(struct card *card);

#endif
