/* ISO/IEC 7816-4 7.1 to 7.3 and 7.5, ETSI TS 102 221 11.1: the files of the UICC (file_system.h), and those
 * of the PKCS #15 application, which has the bootstrap information of LwM2M (LwM2M Core TS 1.1, appendix G).
 * They are data objects of the application under their file identifiers, so that STORE DATA with DGIs brings
 * them too. Who may read them is a matter of the settings; only who has authenticated updates. */
#include "file_system.h"

#include <cardea/tlv.h>

#define TAG_PIN_TRIES     0x01000001 /* of no file */
#define PIN_TRIES         3
#define PIN_REFERENCE     0x01
#define PIN_BYTES         8
#define BY_IDENTIFIER     0x00
#define BY_NAME           0x04
#define BY_PATH           0x08
#define BY_PATH_FROM_HERE 0x09
#define WANT_FCP          0x04
#define WANT_NOTHING      0x0C
#define OFFSET_MAX        0x7FFF
#define EF                0x40
#define DF                0x78
#define DATA_CODING       0x21
#define ACTIVATED         0x05
#define DEACTIVATED       0x04
#define READ_AND_UPDATE   0x03 /* of a compact access rule */
#define ABSOLUTE          0x04 /* records */
#define PREVIOUS          0x03

static const struct card_aid file_application = {
	{ 0xA0, 0x00, 0x00, 0x00, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' }, 12
};

bool has_files(const struct entry *entry)
{
	return aid_equal(&entry->aid, &file_application) || is_uicc(entry);
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

/* TS 102 221 11.1.1.4 */
static void build_descriptor(struct builder *b, const struct file *file)
{
	size_t descriptor = build_open(b, 0x82);

	build_u8(b, file == NULL || file->kind == FILE_DIRECTORY ? DF : (uint8_t)(EF | file->kind));
	build_u8(b, DATA_CODING);
	if (file != NULL && file_has_records(file)) {
		build_u16(b, file->record_size);
		build_u8(b, (uint8_t)(file->content.len / file->record_size));
	}
	build_close(b, descriptor);
}

static void build_u16_element(struct builder *b, uint32_t tag, uint16_t value)
{
	size_t mark = build_open(b, tag);

	build_u16(b, value);
	build_close(b, mark);
}

void build_file_control_parameters(struct builder *b, const struct entry *entry, const struct file *file)
{
	size_t parameters = build_open(b, 0x62);

	build_descriptor(b, file);
	if (file == NULL)
		build_tlv(b, 0x84, aid_bytes(&entry->aid));
	else
		build_u16_element(b, 0x83, file->id);
	build_tlv_u8(b, 0x8A, file == NULL || file->is_active ? ACTIVATED : DEACTIVATED);
	if (file != NULL && file->directory != FILE_NONE) {
		const uint8_t conditions[] = { READ_AND_UPDATE, file->update, file->read };
		build_tlv(b, 0x8C, bytes_of(conditions, sizeof(conditions)));
	}
	if (file != NULL && file->kind != FILE_DIRECTORY)
		build_u16_element(b, 0x80, (uint16_t)file->content.len);
	build_close(b, parameters);
}

/* A file of what is selected: names are known that lead upwards, too. */
static bool find_from(const struct entry *entry, uint16_t from, uint16_t id, struct file *ret_file)
{
	const uint16_t above = file_directory_of(entry, from);

	if (id == FILE_MF || id == FILE_ADF) {
		*ret_file = (struct file){ .id = id, .kind = FILE_DIRECTORY, .is_active = true };
		return is_uicc(entry);
	}
	return file_find(entry, from, id, ret_file) ||
	       (above != FILE_NONE && from == id && file_find(entry, above, id, ret_file));
}

/* Each identifier but the last is of a directory. */
static bool walk(const struct entry *entry, uint16_t from, struct bytes path, struct file *ret_file)
{
	struct reader r = reader_of(path);

	while (reader_left(&r) > 0) {
		if (!find_from(entry, from, read_u16(&r), ret_file) ||
		    (reader_left(&r) > 0 && ret_file->kind != FILE_DIRECTORY))
			return false;
		from = ret_file->id;
	}
	return reader_done(&r) && path.len > 0;
}

/* PKCS #15: one identifier, or the beginning that stands for the application and one. */
static bool find_flat(const struct call *call, struct file *ret_file)
{
	const struct command *command = &call->command;
	struct reader r = reader_of(command->data);

	if (command->p1 == BY_PATH && command->data.len == 4 && read_u16(&r) != FILE_ADF)
		return false;
	const uint16_t id = read_u16(&r);
	return reader_done(&r) && file_find(call->selected, FILE_NONE, id, ret_file);
}

static bool find_in_tree(const struct call *call, struct file *ret_file)
{
	const struct command *command = &call->command;
	const bool is_absolute = command->p1 == BY_PATH;

	if (command->p1 == BY_NAME) {
		*ret_file = (struct file){ .id = FILE_ADF, .kind = FILE_DIRECTORY, .is_active = true };
		return bytes_equal(command->data,
				   bytes_first(aid_bytes(&call->selected->aid), command->data.len));
	}
	if (command->p1 == BY_IDENTIFIER && command->data.len != 2)
		return false;
	return walk(call->selected, is_absolute ? FILE_MF : call->channel->directory, command->data,
		    ret_file);
}

uint16_t select_file(struct call *call)
{
	const struct command *command = &call->command;
	const bool has_tree = is_uicc(call->selected);
	struct file file;

	if ((command->p1 != BY_IDENTIFIER && command->p1 != BY_PATH &&
	     !(has_tree && (command->p1 == BY_NAME || command->p1 == BY_PATH_FROM_HERE))) ||
	    (command->p2 != WANT_FCP && command->p2 != WANT_NOTHING))
		return SW_WRONG_P1P2;
	if (has_tree ? !find_in_tree(call, &file) : !find_flat(call, &file))
		return SW_NOT_FOUND;
	call->channel->directory = file.kind == FILE_DIRECTORY ? file.id : file.directory;
	call->channel->file = file.kind == FILE_DIRECTORY ? 0 : file.id;
	if (command->p2 == WANT_FCP)
		build_file_control_parameters(call->answer, call->selected,
					      has_tree && file.id == FILE_ADF ? NULL : &file);
	return file.is_active ? SW_SUCCESS : SW_DEACTIVATED;
}

/* ---- who may ---- */

bool is_administrator(const struct call *call)
{
	return call->channel->session.state == SESSION_OPEN && call->channel->session.is_authenticated;
}

static uint16_t check_condition(const struct call *call, uint8_t condition)
{
	const bool is_met = condition == FILE_ALWAYS || (condition != FILE_NEVER && is_administrator(call)) ||
			    (condition == FILE_BY_HOLDER && call->channel->is_holder_verified);

	return is_met ? SW_SUCCESS : SW_SECURITY_STATUS;
}

static uint16_t may_read(const struct call *call, const struct file *file)
{
	const struct card_settings *settings = &call->card->settings;
	const struct session *session = &call->channel->session;
	bool is_protected = session->state == SESSION_OPEN &&
			    session->level == (LEVEL_CMAC | LEVEL_CDEC | LEVEL_RMAC | LEVEL_RENC);

	if (file->directory != FILE_NONE)
		return check_condition(call, file->read);
	if (settings->wants_secure_channel && !is_protected)
		return SW_SECURITY_STATUS;
	if (settings->pin[0] != '\0' && call->channel->file == settings->pin_file &&
	    !call->channel->is_holder_verified)
		return SW_SECURITY_STATUS;
	return SW_SUCCESS;
}

bool file_selected(const struct call *call, struct file *ret_file)
{
	return call->channel->file != 0 &&
	       file_find(call->selected, call->channel->directory, call->channel->file, ret_file);
}

/* The selected file with or without records, and that it may be used. */
static uint16_t file_for(const struct call *call, bool with_records, struct file *ret_file)
{
	if (!file_selected(call, ret_file))
		return SW_NO_FILE;
	if (file_has_records(ret_file) != with_records)
		return SW_WRONG_STRUCTURE;
	return ret_file->is_active ? SW_SUCCESS : SW_INVALIDATED;
}

uint16_t file_commit(struct call *call, const struct file *file)
{
	struct entry *application = registry_find(&call->card->registry, aid_bytes(&call->selected->aid));

	return file_store(&call->card->registry, application, file) ? state_commit(call->card)
								    : SW_MEMORY_FAILURE;
}

/* `data` in the place of as many bytes from `offset` on. */
static uint16_t content_replace(struct call *call, struct file *file, size_t offset, struct bytes data)
{
	struct builder b = builder_in(call->card->scratch);

	build_bytes(&b, bytes_first(file->content, offset));
	build_bytes(&b, data);
	build_bytes(&b, bytes_from(file->content, offset + data.len));
	return builder_bytes(&b, &file->content) == ERR_NONE ? file_commit(call, file) : SW_MEMORY_FAILURE;
}

/* ---- READ BINARY, UPDATE BINARY ---- */

/* The file and the place in it. */
static uint16_t file_at(const struct call *call, struct file *ret_file, size_t *ret_offset)
{
	const size_t offset = (size_t)call->command.p1 << 8 | call->command.p2;
	const uint16_t sw = file_for(call, false, ret_file);

	if (sw != SW_SUCCESS)
		return sw;
	*ret_offset = offset;
	return offset > OFFSET_MAX || offset > ret_file->content.len ? SW_WRONG_OFFSET : SW_SUCCESS;
}

/* The end of the file is no fault: the answer is shorter then. */
uint16_t read_binary(struct call *call)
{
	struct file file;
	size_t offset = 0;
	uint16_t sw = file_at(call, &file, &offset);

	if (sw != SW_SUCCESS)
		return sw;
	if (!call->command.has_le)
		return SW_WRONG_LENGTH;
	sw = may_read(call, &file);
	if (sw == SW_SUCCESS)
		build_bytes(call->answer, bytes_first(bytes_from(file.content, offset), call->command.le));
	return sw;
}

uint16_t update_binary(struct call *call)
{
	struct file file;
	size_t offset = 0;
	uint16_t sw = file_at(call, &file, &offset);

	if (sw == SW_SUCCESS)
		sw = check_condition(call, file.update);
	if (sw != SW_SUCCESS)
		return sw;
	if (call->command.data.len > file.content.len - offset)
		return SW_WRONG_LENGTH;
	return content_replace(call, &file, offset, call->command.data);
}

/* ---- READ RECORD, UPDATE RECORD ---- */

/* By its number, from 1 on; no references to the current record. */
static uint16_t record_at(const struct call *call, struct file *ret_file, size_t *ret_offset)
{
	const uint8_t number = call->command.p1;
	const uint16_t sw = file_for(call, true, ret_file);

	if (sw != SW_SUCCESS)
		return sw;
	if (call->command.p2 != ABSOLUTE || number == 0)
		return SW_WRONG_P1P2;
	*ret_offset = (number - 1u) * ret_file->record_size;
	return *ret_offset < ret_file->content.len ? SW_SUCCESS : SW_NO_RECORD;
}

uint16_t read_record(struct call *call)
{
	struct file file;
	size_t offset = 0;
	uint16_t sw = record_at(call, &file, &offset);

	if (sw == SW_SUCCESS)
		sw = may_read(call, &file);
	if (sw != SW_SUCCESS)
		return sw;
	if (call->command.le != file.record_size && call->command.le != 256)
		return (uint16_t)(SW_WRONG_LE | file.record_size);
	build_bytes(call->answer, bytes_first(bytes_from(file.content, offset), file.record_size));
	return SW_SUCCESS;
}

/* A new record of a cyclic file is its first, and the oldest is gone. */
static uint16_t record_push(struct call *call, struct file *file)
{
	struct builder b = builder_in(call->card->scratch);

	if (call->command.p1 != 0 || call->command.p2 != PREVIOUS)
		return SW_WRONG_P1P2;
	build_bytes(&b, call->command.data);
	build_bytes(&b, bytes_first(file->content, file->content.len - file->record_size));
	return builder_bytes(&b, &file->content) == ERR_NONE ? file_commit(call, file) : SW_MEMORY_FAILURE;
}

uint16_t update_record(struct call *call)
{
	struct file file;
	size_t offset = 0;
	uint16_t sw = file_for(call, true, &file);

	if (sw == SW_SUCCESS && file.kind == FILE_LINEAR)
		sw = record_at(call, &file, &offset);
	if (sw == SW_SUCCESS)
		sw = check_condition(call, file.update);
	if (sw != SW_SUCCESS)
		return sw;
	if (call->command.data.len != file.record_size)
		return SW_WRONG_LENGTH;
	return file.kind == FILE_CYCLIC ? record_push(call, &file)
					: content_replace(call, &file, offset, call->command.data);
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
