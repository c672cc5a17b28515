/* ISO/IEC 7816-4 7.1, 7.2 and 7.5: the files of the PKCS #15 application, which has the bootstrap information
 * of LwM2M (LwM2M Core TS 1.1, appendix G). They are data objects of the application under their file
 * identifiers, so that STORE DATA with DGIs brings them too. Who may read them is a matter of the settings;
 * only who has authenticated updates. */
#include "chip.h"

#include <cardea/tlv.h>

#define TAG_PIN_TRIES  0x01000001 /* of no file */
#define PIN_TRIES      3
#define PIN_REFERENCE  0x01
#define PIN_BYTES      8
#define BY_IDENTIFIER  0x00
#define BY_PATH        0x08
#define OF_APPLICATION 0x7FFF
#define WANT_FCP       0x04
#define WANT_NOTHING   0x0C
#define OFFSET_MAX     0x7FFF
#define EF_TRANSPARENT 0x4121
#define DF             0x7821

static const struct card_aid file_application = {
	{ 0xA0, 0x00, 0x00, 0x00, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' }, 12
};

bool has_files(const struct entry *entry)
{
	return aid_equal(&entry->aid, &file_application);
}

/* ---- factory ---- */

/* The application, of a load file of the mask, as the settings want it: without files there is none. */
bool files_install(struct registry *registry, const struct card_settings *settings,
		   const struct card_aid *load_file, bool *ret_is_changed)
{
	struct entry *entry = registry_find(registry, aid_bytes(&file_application));

	*ret_is_changed = settings->file_count > 0;
	if (settings->file_count > 0 && entry == NULL) {
		const struct entry application = {
			.kind = CARD_APPLICATION,
			.aid = file_application,
			.life_cycle = LIFE_SELECTABLE,
			.security_domain = registry_isd(registry)->aid,
			.load_file = *load_file,
		};

		entry = registry_add(registry, &application);
		if (entry == NULL)
			return false;
	}
	if (settings->file_count > 0)
		entry->objects = NULL;
	for (size_t i = 0; i < settings->file_count; i++) {
		if (!entry_store(registry, entry, settings->files[i].id, settings->files[i].content))
			return false;
	}
	return true;
}

/* ---- SELECT ---- */

void build_file_control_parameters(struct builder *b, const struct entry *entry,
				   const struct data_object *file)
{
	size_t parameters = build_open(b, 0x62), descriptor = build_open(b, 0x82);

	build_u16(b, file == NULL ? DF : EF_TRANSPARENT);
	build_close(b, descriptor);
	if (file == NULL) {
		build_tlv(b, 0x84, aid_bytes(&entry->aid));
	} else {
		size_t identifier = build_open(b, 0x83);
		build_u16(b, (uint16_t)file->tag);
		build_close(b, identifier);
	}
	build_tlv_u8(b, 0x8A, 0x05); /* activated */
	if (file != NULL) {
		size_t size = build_open(b, 0x80);
		build_u16(b, (uint16_t)file->value.len);
		build_close(b, size);
	}
	build_close(b, parameters);
}

/* One identifier, or the beginning that stands for the application and one. */
static bool read_path(const struct command *command, uint16_t *ret_id)
{
	struct reader r = reader_of(command->data);

	if (command->p1 == BY_PATH && command->data.len == 4 && read_u16(&r) != OF_APPLICATION)
		return false;
	*ret_id = read_u16(&r);
	return reader_done(&r);
}

uint16_t select_file(struct call *call)
{
	const struct command *command = &call->command;
	const struct data_object *file;
	uint16_t id;

	if ((command->p1 != BY_IDENTIFIER && command->p1 != BY_PATH) ||
	    (command->p2 != WANT_FCP && command->p2 != WANT_NOTHING))
		return SW_WRONG_P1P2;
	if (!read_path(command, &id))
		return SW_NOT_FOUND;
	file = entry_object(call->selected, id);
	if (file == NULL)
		return SW_NOT_FOUND;
	call->channel->file = id;
	if (command->p2 == WANT_FCP)
		build_file_control_parameters(call->answer, call->selected, file);
	return SW_SUCCESS;
}

/* ---- READ BINARY, UPDATE BINARY ---- */

static uint16_t may_read(const struct call *call)
{
	const struct card_settings *settings = &call->card->settings;
	const struct session *session = &call->channel->session;
	bool is_protected = session->state == SESSION_OPEN &&
			    session->level == (LEVEL_CMAC | LEVEL_CDEC | LEVEL_RMAC | LEVEL_RENC);

	if (settings->wants_secure_channel && !is_protected)
		return SW_SECURITY_STATUS;
	if (settings->pin[0] != '\0' && call->channel->file == settings->pin_file &&
	    !call->channel->is_holder_verified)
		return SW_SECURITY_STATUS;
	return SW_SUCCESS;
}

/* The file and the place in it; on failure *ret_sw says why. */
static const struct data_object *file_at(const struct call *call, size_t *ret_offset, uint16_t *ret_sw)
{
	const struct data_object *file = entry_object(call->selected, call->channel->file);
	size_t offset = (size_t)call->command.p1 << 8 | call->command.p2;

	*ret_sw = SW_NO_FILE;
	if (call->channel->file == 0 || file == NULL)
		return NULL;
	*ret_sw = SW_WRONG_OFFSET;
	if (offset > OFFSET_MAX || offset > file->value.len)
		return NULL;
	*ret_offset = offset;
	return file;
}

/* The end of the file is no fault: the answer is shorter then. */
uint16_t read_binary(struct call *call)
{
	size_t offset;
	uint16_t sw;
	const struct data_object *file = file_at(call, &offset, &sw);

	if (file == NULL)
		return sw;
	if (!call->command.has_le)
		return SW_WRONG_LENGTH;
	sw = may_read(call);
	if (sw == SW_SUCCESS)
		build_bytes(call->answer, bytes_first(bytes_from(file->value, offset), call->command.le));
	return sw;
}

uint16_t update_binary(struct call *call)
{
	struct entry *application = registry_find(&call->card->registry, aid_bytes(&call->selected->aid));
	struct builder b = builder_in(call->card->scratch);
	struct bytes data = call->command.data, content;
	size_t offset;
	uint16_t sw;
	const struct data_object *file = file_at(call, &offset, &sw);

	if (file == NULL)
		return sw;
	if (data.len > file->value.len - offset)
		return SW_WRONG_LENGTH;
	build_bytes(&b, bytes_first(file->value, offset));
	build_bytes(&b, data);
	build_bytes(&b, bytes_from(file->value, offset + data.len));
	if (builder_bytes(&b, &content) != ERR_NONE ||
	    !entry_store(&call->card->registry, application, file->tag, content))
		return SW_MEMORY_FAILURE;
	return state_commit(call->card);
}

/* ---- VERIFY ---- */

static uint8_t tries_left(const struct entry *application)
{
	const struct data_object *tries = entry_object(application, TAG_PIN_TRIES);

	return tries == NULL || tries->value.len != 1 ? PIN_TRIES : tries->value.at[0];
}

static uint16_t tries_count(struct call *call, uint8_t left)
{
	struct entry *application = registry_find(&call->card->registry, aid_bytes(&file_application));

	if (!entry_store(&call->card->registry, application, TAG_PIN_TRIES, bytes_of(&left, 1)))
		return SW_MEMORY_FAILURE;
	return state_commit(call->card);
}

static bool is_pin(const struct card_settings *settings, struct bytes data)
{
	uint8_t expected[PIN_BYTES];

	memset(expected, 0xFF, sizeof(expected));
	memcpy(expected, settings->pin, strlen(settings->pin));
	return bytes_equal_constant_time(data, bytes_of(expected, sizeof(expected)));
}

/* A try is counted before it is looked at: cutting the power gives none back. */
uint16_t verify_pin(struct call *call)
{
	const struct command *command = &call->command;
	uint8_t left = tries_left(call->selected);
	uint16_t sw;

	if (command->p1 != 0x00 || command->p2 != PIN_REFERENCE || call->card->settings.pin[0] == '\0')
		return SW_NO_REFERENCED_DATA;
	if (left == 0)
		return SW_PIN_BLOCKED;
	if (command->data.len == 0)
		return (uint16_t)(SW_TRIES_LEFT | left);
	if (command->data.len != PIN_BYTES)
		return SW_WRONG_LENGTH;
	sw = tries_count(call, (uint8_t)(left - 1));
	if (sw != SW_SUCCESS)
		return sw;
	call->channel->is_holder_verified = is_pin(&call->card->settings, command->data);
	return call->channel->is_holder_verified ? tries_count(call, PIN_TRIES)
						 : (uint16_t)(SW_TRIES_LEFT | (left - 1));
}
