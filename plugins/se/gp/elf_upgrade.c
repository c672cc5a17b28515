/* GlobalPlatform Amendment H, which was not at hand. Everything in these tables, and the form of command and
 * answer below them, is what the public host program gpexp sends and reads (its gp messages and terminal);
 * whoever has the text corrects it here. */
#include "gp/elf_upgrade.h"

#include <cardea/tlv.h>

/* clang-format off */
static const uint8_t actions[UPGRADE_ACTIONS] = {
	[UPGRADE_START]    = 0x01,      /* P1 */
	[UPGRADE_RESUME]   = 0x02,
	[UPGRADE_RECOVERY] = 0x03,
	[UPGRADE_ABORT]    = 0x04,
	[UPGRADE_STATUS]   = 0x08,
};

static const struct status_row {
	uint8_t status;
	enum upgrade_need need;
	const char *text;
} statuses[] = {
	{ 0x00, UPGRADE_NEEDS_NOTHING,   "no session"                       },
	{ 0x01, UPGRADE_NEEDS_NOTHING,   "completed"                        },
	{ 0x02, UPGRADE_NEEDS_LOAD_FILE, "waiting for the load file"        },
	{ 0x03, UPGRADE_NEEDS_RESUME,    "waiting for the restore"          },
	{ 0x04, UPGRADE_NEEDS_RECOVERY,  "restore failed"                   },
	{ 0x10, UPGRADE_NEEDS_RESUME,    "interrupted while saving"         },
	{ 0x20, UPGRADE_NEEDS_RESUME,    "interrupted while cleaning up"    },
	{ 0x30, UPGRADE_NEEDS_RESUME,    "interrupted while deleting"       },
	{ 0x40, UPGRADE_NEEDS_RESUME,    "interrupted while installing"     },
	{ 0x50, UPGRADE_NEEDS_RESUME,    "interrupted while restoring"      },
	{ 0x60, UPGRADE_NEEDS_RESUME,    "interrupted while consolidating"  },
};

#define TAG_SESSION   0xA1
#define TAG_LOAD_FILE 0x4F
#define TAG_OPTIONS   0x80
#define TAG_STATUS    0x90
/* clang-format on */

static const struct status_row *status_find(uint8_t status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == status)
			return &statuses[i];
	}
	return NULL;
}

const char *upgrade_status_text(uint8_t status)
{
	const struct status_row *row = status_find(status);

	return row == NULL ? NULL : row->text;
}

/* START: A1 { 4F load file [80 options] }. The others have no data. */
enum err upgrade_command_build(struct arena *arena, enum upgrade_action action, struct bytes load_file,
			       int options, struct command *ret_command)
{
	struct builder b = builder_in(arena);
	struct command command = {
		.cla = 0x80, .ins = INS_MANAGE_ELF_UPGRADE, .p1 = actions[action], .has_le = true
	};

	if (action == UPGRADE_START) {
		size_t mark = build_open(&b, TAG_SESSION);
		build_tlv(&b, TAG_LOAD_FILE, load_file);
		if (options >= 0)
			build_tlv_u8(&b, TAG_OPTIONS, (uint8_t)options);
		build_close(&b, mark);
	}
	enum err err = builder_bytes(&b, &command.data);
	if (err == ERR_NONE)
		*ret_command = command;
	return err;
}

/* L confirmation, L { A1 { [4F load file] 90 status } }. */
enum err upgrade_session_parse(struct bytes answer, struct upgrade_session *ret_session, struct fault *fault)
{
	struct reader r = reader_of(answer);
	struct bytes session, status;
	struct upgrade_session found = { 0 };

	read_bytes(&r, read_ber_length(&r));
	struct bytes information = read_bytes(&r, read_ber_length(&r));
	if (!reader_done(&r) || tlv_find(information, TAG_SESSION, &session) != ERR_NONE ||
	    tlv_find(session, TAG_STATUS, &status) != ERR_NONE || status.len != 1)
		return fault_set(fault, ERR_MALFORMED, "the answer of %zu bytes tells no state of an upgrade",
				 answer.len);
	if (tlv_find(session, TAG_LOAD_FILE, &found.load_file) != ERR_NONE)
		found.load_file = bytes_of(NULL, 0);
	const struct status_row *row = status_find(status.at[0]);
	if (row == NULL)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the upgrade is in the state %02X, which is not known", status.at[0]);
	found.status = row->status;
	found.need = row->need;
	found.text = row->text;
	*ret_session = found;
	return ERR_NONE;
}
