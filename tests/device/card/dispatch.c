/* GPCS 2.3.1 6.3: the way of one command through the card: chaining, secure messaging, rules, the selected
 * application. */
#include "chip.h"
#include "scp02.h"

/* For whom a command is, and what it takes to be let in. */
enum {
	ISO_CLASS = 0x001,
	GP_CLASS = 0x002,
	DATA = 0x004,             /* a data field must be there ... */
	NO_DATA = 0x008,          /* ... or must not */
	AUTHENTICATED = 0x010,    /* GPCS 2.3.1 table 11-2 */
	CHAINS = 0x020,           /* P1 b8: more of this command follow (11.1.5.1) */
	OPEN_COMMAND = 0x040,     /* processed below the applications and never under secure messaging */
	STARTS_SESSION = 0x080,   /* taken whatever became of the session */
	SECURED = 0x100,          /* class with secure messaging */
	FOR_APPLICATIONS = 0x200, /* else for security domains only */
	WHEN_LOCKED = 0x400,      /* GPCS 2.3.1 table 11-1 */
	WHEN_TERMINATED = 0x800,
	ONCE = 0x10000,      /* not in a session that can be replayed (Amd F 4.6) */
	FOR_FILES = 0x1000,  /* for the application that has files too ... */
	ONLY_FILES = 0x2000, /* ... or for nothing else */
};

/* clang-format off */
static const struct instruction {
	uint8_t ins;
	unsigned rules;
	command_function *run;
} instructions[] = {
	{ 0xA4, ISO_CLASS | OPEN_COMMAND | WHEN_LOCKED | WHEN_TERMINATED,                   select_application    },
	{ 0x70, ISO_CLASS | OPEN_COMMAND | NO_DATA | WHEN_LOCKED | WHEN_TERMINATED,         manage_channel        },
	{ 0xC2, GP_CLASS | OPEN_COMMAND | DATA,                                             envelope              },
	{ 0x50, GP_CLASS | DATA | STARTS_SESSION | WHEN_LOCKED | FOR_FILES,                 initialize_update     },
	{ 0x82, GP_CLASS | DATA | SECURED | WHEN_LOCKED | FOR_FILES,                        external_authenticate },
	{ 0x88, GP_CLASS | DATA | STARTS_SESSION | WHEN_LOCKED,                             internal_authenticate },
	{ 0x2A, GP_CLASS | DATA | CHAINS | WHEN_LOCKED,                                     perform_security_operation },
	{ 0x7A, GP_CLASS | AUTHENTICATED | WHEN_LOCKED | FOR_FILES,                         begin_rmac_session    },
	{ 0x78, GP_CLASS | NO_DATA | AUTHENTICATED | WHEN_LOCKED | FOR_FILES,               end_rmac_session      },
	{ 0xCA, ISO_CLASS | GP_CLASS | FOR_APPLICATIONS | WHEN_LOCKED | WHEN_TERMINATED,    get_data              },
	{ 0xCB, ISO_CLASS | FOR_APPLICATIONS | WHEN_LOCKED | WHEN_TERMINATED,               get_data              },
	{ 0xF2, GP_CLASS | DATA | AUTHENTICATED | WHEN_LOCKED,                              get_status            },
	{ 0xF0, GP_CLASS | AUTHENTICATED | WHEN_LOCKED | ONCE,                              set_status            },
	{ 0xE6, GP_CLASS | DATA | AUTHENTICATED | CHAINS,                                   install_content       },
	{ 0xE8, GP_CLASS | DATA | AUTHENTICATED,                                            load_block            },
	{ 0xEA, GP_CLASS | AUTHENTICATED,                                                   manage_upgrade        },
	{ 0xE4, GP_CLASS | DATA | AUTHENTICATED | CHAINS,                                   delete_content        },
	{ 0xD8, GP_CLASS | DATA | AUTHENTICATED | CHAINS | ONCE,                            put_key               },
	{ 0xE2, GP_CLASS | DATA | AUTHENTICATED,                                            store_data            },
	{ 0x20, ISO_CLASS | ONLY_FILES,                                                     verify_pin            },
	{ 0xB0, ISO_CLASS | NO_DATA | ONLY_FILES,                                           read_binary           },
	{ 0xD6, ISO_CLASS | DATA | ONLY_FILES,                                              update_binary         },
	{ 0xB2, ISO_CLASS | NO_DATA | ONLY_FILES,                                           read_record           },
	{ 0xDC, ISO_CLASS | DATA | ONLY_FILES,                                              update_record         },
	{ 0xE0, ISO_CLASS | DATA | AUTHENTICATED | ONLY_FILES,                              create_file           },
	{ 0xD4, GP_CLASS | DATA | AUTHENTICATED | ONLY_FILES,                               resize_file           },
	{ 0x44, ISO_CLASS | NO_DATA | AUTHENTICATED | ONLY_FILES,                           activate_file         },
	{ 0x04, ISO_CLASS | NO_DATA | AUTHENTICATED | ONLY_FILES,                           deactivate_file       },
}, file_deletion =
	{ 0xE4, ISO_CLASS | DATA | AUTHENTICATED | ONLY_FILES,                              delete_file           },
  file_selection =
	{ 0xA4, ISO_CLASS | DATA | ONLY_FILES,                                              select_file           },
  key_agreement =
	{ 0x82, GP_CLASS | DATA | STARTS_SESSION | WHEN_LOCKED,                             mutual_authenticate   };
/* clang-format on */

#define INS_AUTHENTICATE 0x82
#define INS_DELETE       0xE4
#define INS_SELECT       0xA4
#define INS_GET_RESPONSE 0xC0
#define INS_ENVELOPE     0xC2
#define INS_LOAD         0xE8
#define CHAIN_MORE       0x80
#define SELECT_BY_NAME   0x04

/* Names are selected by the card, whatever is selected already; files by the application that has them. */
static const struct instruction *instruction_find(const struct call *call)
{
	uint8_t ins = call->command.ins;
	const bool is_by_name = call->command.p1 == SELECT_BY_NAME && !call->channel->is_remote;
	if (ins == INS_SELECT && !is_by_name && has_files(call->selected))
		return &file_selection;
	if (ins == INS_DELETE && has_files(call->selected))
		return &file_deletion;
	/* it shares its number with EXTERNAL AUTHENTICATE, which comes under secure messaging */
	if (ins == INS_AUTHENTICATE && !call->command.is_secured)
		return &key_agreement;
	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
		if (instructions[i].ins == ins)
			return &instructions[i];
	}
	return NULL;
}

/* ---- rules ---- */

static uint16_t class_check(const struct command *command, const struct instruction *instruction)
{
	if ((instruction->rules & (command->is_gp ? GP_CLASS : ISO_CLASS)) == 0)
		return SW_NO_CLASS;
	if ((instruction->rules & OPEN_COMMAND) != 0 && command->is_secured)
		return SW_NO_SECURE_MESSAGING;
	if ((instruction->rules & STARTS_SESSION) != 0 && command->is_secured)
		return SW_NO_CLASS;
	if ((instruction->rules & SECURED) != 0 && !command->is_secured)
		return SW_NO_CLASS;
	return SW_SUCCESS;
}

static bool is_for(const struct entry *selected, unsigned rules)
{
	if ((rules & ONLY_FILES) != 0)
		return has_files(selected);
	if (selected->kind != CARD_APPLICATION || (rules & (FOR_APPLICATIONS | OPEN_COMMAND)) != 0)
		return true;
	return (rules & FOR_FILES) != 0 && has_files(selected);
}

static uint16_t rules_check(const struct call *call, const struct instruction *instruction)
{
	const struct session *session = &call->channel->session;
	unsigned rules = instruction->rules;
	uint8_t life_cycle = registry_isd(&call->card->registry)->life_cycle;
	uint16_t sw = class_check(&call->command, instruction);
	if (sw != SW_SUCCESS)
		return sw;
	if (!is_for(call->selected, rules))
		return SW_NO_INSTRUCTION;
	if (life_cycle == CARD_LOCKED && (rules & WHEN_LOCKED) == 0)
		return SW_FUNCTION_NOT_SUPPORTED;
	if (life_cycle == CARD_TERMINATED && (rules & WHEN_TERMINATED) == 0)
		return SW_FUNCTION_NOT_SUPPORTED;
	if ((rules & AUTHENTICATED) != 0 && (session->state != SESSION_OPEN || !session->is_authenticated))
		return SW_SECURITY_STATUS;
	if ((rules & ONCE) != 0 && session->is_replayable)
		return SW_CONDITIONS_OF_USE;
	if ((rules & DATA) != 0 && call->command.data.len == 0)
		return SW_WRONG_LENGTH;
	if ((rules & NO_DATA) != 0 && call->command.data.len != 0)
		return SW_WRONG_LENGTH;
	return SW_SUCCESS;
}

/* ---- command chaining, GPCS 2.3.1 11.1.5.1 ---- */

static bool is_next_of_chain(const struct command *chain, const struct command *command)
{
	return chain->ins == command->ins && ((chain->p1 ^ command->p1) & ~CHAIN_MORE) == 0 &&
	       chain->p2 == command->p2 && chain->is_gp == command->is_gp &&
	       chain->is_secured == command->is_secured;
}

/* Adds a piece; with the last one the command has all of the data. */
static enum err chain_add(struct call *call, bool has_more)
{
	struct channel *channel = call->channel;
	enum err err = gathering_add(&channel->chained, call->command.data, CHAIN_MAX);
	if (err == ERR_NONE && has_more) {
		channel->chain = call->command;
		channel->chain.data = bytes_of(NULL, 0);
		return ERR_NONE;
	}
	if (err == ERR_NONE)
		err = bytes_copy(call->card->scratch, gathering_bytes(&channel->chained),
				 &call->command.data);
	gathering_end(&channel->chained);
	return err;
}

/* True when the command is whole and may go on; else *ret_sw is the answer. */
static bool chain_take(struct call *call, const struct instruction *instruction, uint16_t *ret_sw)
{
	struct channel *channel = call->channel;
	bool is_chained = gathering_is_open(&channel->chained);
	if (is_chained && !is_next_of_chain(&channel->chain, &call->command)) {
		gathering_end(&channel->chained);
		*ret_sw = SW_CONDITIONS_OF_USE;
		return false;
	}
	bool has_more = instruction != NULL && (instruction->rules & CHAINS) != 0 &&
			(call->command.p1 & CHAIN_MORE) != 0;
	if (!is_chained && !has_more)
		return true;
	*ret_sw = rules_check(call, instruction);
	if (*ret_sw != SW_SUCCESS) {
		gathering_end(&channel->chained);
		return false;
	}
	enum err err = chain_add(call, has_more);
	if (err != ERR_NONE)
		*ret_sw = err == ERR_LIMIT ? SW_WRONG_P1P2 : SW_MEMORY_FAILURE;
	return err == ERR_NONE && !has_more;
}

/* ---- one command ---- */

/* EXTERNAL AUTHENTICATE brings its own C-MAC and is verified where it is understood. */
static bool is_verified_by_session(const struct session *session, const struct instruction *instruction)
{
	if (instruction != NULL && (instruction->rules & (OPEN_COMMAND | STARTS_SESSION)) != 0)
		return false;
	return instruction == NULL || (instruction->rules & SECURED) == 0 ||
	       session->state != SESSION_INITIATED;
}

static uint16_t call_run(struct call *call)
{
	const struct instruction *instruction = instruction_find(call);
	struct session *session = &call->channel->session;
	uint16_t sw;
	if (call->command.ins != INS_LOAD)
		load_end(&call->channel->load);
	if (!chain_take(call, instruction, &sw))
		return sw;
	if (is_verified_by_session(session, instruction)) {
		sw = is_implicit_start(call) ? implicit_start(call)
					     : session_unwrap(session, call->card->scratch, &call->command);
		if (sw != SW_SUCCESS)
			return sw;
		call->answer_level = session->state == SESSION_OPEN ? session->level : 0;
	}
	if (instruction == NULL)
		return SW_NO_INSTRUCTION;
	sw = rules_check(call, instruction);
	return sw == SW_SUCCESS ? instruction->run(call) : sw;
}

static bool is_error(uint16_t sw)
{
	return sw != SW_SUCCESS && (sw & 0xFF00) != 0x6200 && (sw & 0xFF00) != 0x6300;
}

/* One bit of the R-MAC, which ends the answer. */
static enum err response_mac_corrupt(uint8_t level, struct arena *arena, struct bytes *data)
{
	if ((level & LEVEL_RMAC) == 0 || data->len == 0)
		return ERR_NONE;
	struct builder b = builder_in(arena);
	build_bytes(&b, bytes_first(*data, data->len - 1));
	build_u8(&b, data->at[data->len - 1] ^ 0x01);
	return builder_bytes(&b, data);
}

/* What it answers is in the call's builder; the call is the caller's. */
static enum err call_make(struct card *card, struct channel *channel, const struct command *command,
			  struct builder *answer, struct call *ret_call, uint16_t *ret_sw)
{
	*ret_call = (struct call){
		.card = card,
		.channel = channel,
		.command = *command,
		.selected = registry_find(&card->registry, aid_bytes(&channel->selected)),
		.answer = answer,
	};
	if (ret_call->selected == NULL)
		return ERR_INTERNAL;
	*ret_sw = call_run(ret_call);
	return card->has_no_power ? ERR_UNAVAILABLE : ERR_NONE;
}

enum err command_run(struct card *card, struct channel *channel, const struct command *command,
		     struct bytes *ret_answer, uint16_t *ret_sw)
{
	struct builder answer = builder_in(card->scratch);
	struct call call;
	enum err err = call_make(card, channel, command, &answer, &call, ret_sw);
	if (err != ERR_NONE)
		return err;
	return is_error(*ret_sw) ? ERR_NONE : builder_bytes(&answer, ret_answer);
}

/* As cards did before TS 102 221: whatever is answered waits. */
static enum err announce_as_before(struct channel *channel, const struct command *command,
				   struct arena *arena, struct bytes data, uint16_t sw,
				   struct bytes *ret_response)
{
	struct command without_le = *command;
	without_le.has_le = false;
	without_le.le = 0;
	enum err err = answer_deliver(channel, &without_le, arena, data, SW_SUCCESS, ret_response);
	if (err != ERR_NONE || data.len == 0)
		return err;
	struct builder b = builder_in(arena);
	build_u8(&b, sw == SW_SUCCESS ? 0x9F : 0x9E);
	build_u8(&b, (uint8_t)data.len);
	return builder_bytes(&b, ret_response);
}

/* Runs the command and protects its answer as the session says. */
static enum err command_process(struct card *card, struct channel *channel, const struct command *command,
				struct arena *arena, struct bytes *ret_response)
{
	struct builder answer = builder_in(card->scratch);
	struct bytes data = bytes_of(NULL, 0);
	struct call call;
	uint16_t sw;
	enum err err = call_make(card, channel, command, &answer, &call, &sw);
	if (err != ERR_NONE)
		return err;
	err = is_error(sw) ? ERR_NONE : builder_bytes(&answer, &data);
	if (err == ERR_NONE && channel->session.is_scp02 && (call.answer_level & LEVEL_RMAC) != 0)
		err = scp02_answer(&channel->session, &call.command, card->scratch, sw, data, is_error(sw),
				   &data);
	else if (err == ERR_NONE && !is_error(sw))
		err = session_wrap(&channel->session, call.answer_level, card->scratch, sw, data, &data);
	if (err == ERR_NONE && card->settings.misbehaviour.corrupts_response_mac)
		err = response_mac_corrupt(call.answer_level, card->scratch, &data);
	if (err == ERR_NONE && command->ins == INS_ENVELOPE && card->settings.misbehaviour.is_before_102221)
		return announce_as_before(channel, command, arena, data, sw, ret_response);
	return err != ERR_NONE ? err : answer_deliver(channel, command, arena, data, sw, ret_response);
}

static enum err status_word_only(struct arena *arena, uint16_t sw, struct bytes *ret_response)
{
	struct builder b = builder_in(arena);
	build_u16(&b, sw);
	return builder_bytes(&b, ret_response);
}

enum err card_transmit(struct card *card, struct arena *arena, struct bytes bytes, struct bytes *ret_response)
{
	struct command command;
	if (card->has_no_power)
		return ERR_UNAVAILABLE;
	if (card->settings.misbehaviour.is_mute)
		return ERR_TIMEOUT;
	uint16_t sw = command_read(bytes, &command);
	if (sw != SW_SUCCESS)
		return status_word_only(arena, sw, ret_response);
	struct channel *channel = &card->channels[command.channel];
	if (!channel->is_open)
		return status_word_only(arena, SW_NO_CHANNEL, ret_response);
	if (command.ins == INS_GET_RESPONSE)
		return answer_continue(channel, &command, arena, ret_response);
	gathering_end(&channel->answer);
	enum err err = command_process(card, channel, &command, arena, ret_response);
	arena_reset(card->scratch);
	return err;
}
