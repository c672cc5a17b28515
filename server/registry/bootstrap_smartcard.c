/* LwM2M Core TS 1.1, appendix G */
#include "bootstrap_smartcard.h"

#include <stdlib.h>

#include "bootstrap_plan.h"
#include "pkcs15.h"
#include "smartcard_file.h"

#define LABEL           "LwM2M bootstrap"
#define APPLICATION     "PKCS-15"
#define SMALL_READ      256 /* all that some devices read of it */
#define ACCOUNT_RECORDS 6

static const uint8_t application_path[] = { 0x3F, 0x00, 0x50, 0x15 };

/* ---- what it is about ---- */

static enum err check_identifiers(const struct bootstrap_card_settings *settings, struct fault *fault)
{
	static const uint16_t reserved[] = { 0x0000, 0x3F00,           0x3FFF,          0x7FFF,
					     0xFFFF, SMARTCARD_EF_DIR, SMARTCARD_EF_ODF };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (settings->directory_id == reserved[i] || settings->file_id == reserved[i])
			return fault_set(fault, ERR_MALFORMED, "%04X is the identifier of another file",
					 reserved[i]);
	}
	if (settings->directory_id == settings->file_id)
		return fault_set(fault, ERR_MALFORMED, "two files with the identifier %04X",
				 settings->file_id);
	return ERR_NONE;
}

static enum err check_keys(const struct bootstrap_configuration *configuration, struct fault *fault)
{
	for (size_t i = 0; i < configuration->server_count; i++) {
		if (configuration->servers[i].is_generated)
			return fault_set(fault, ERR_CONFLICT,
					 "servers[%zu].security.generate: a card needs identity and keyHex, "
					 "which stay the same",
					 i);
		if (configuration->servers[i].mode == SECURITY_X509 &&
		    configuration->servers[i].server_certificate.len == 0)
			return fault_set(fault, ERR_CONFLICT,
					 "servers[%zu].security.serverCertificatePem: a card needs it", i);
	}
	return ERR_NONE;
}

/* ---- objects ---- */

/* The account of the bootstrap server, which has no short id, is /0/0 (E.1). */
static enum err make_account(struct arena *arena, const struct bootstrap_card_settings *settings,
			     struct lwm2m_records *ret_records, struct fault *fault)
{
	const enum security_mode mode = settings->bootstrap_key == NULL ? SECURITY_NOSEC : SECURITY_PSK;
	const struct bytes nothing = bytes_of(NULL, 0);
	const struct lwm2m_value values[ACCOUNT_RECORDS] = {
		{ .type = LWM2M_STRING, .bytes = bytes_of_text(settings->bootstrap_uri) },
		{ .type = LWM2M_BOOLEAN, .boolean = true },
		{ .type = LWM2M_INTEGER, .integer = mode },
		{ .type = LWM2M_OPAQUE,
		  .bytes = mode == SECURITY_PSK ? bytes_of_text(settings->bootstrap_identity) : nothing },
		{ .type = LWM2M_OPAQUE, .bytes = nothing },
		{ .type = LWM2M_OPAQUE,
		  .bytes = mode == SECURITY_PSK ? secret_bytes(settings->bootstrap_key) : nothing },
	};
	struct lwm2m_record *records;
	enum err err = bootstrap_check_uri(settings->bootstrap_uri, mode, "bootstrapServer", fault);

	if (err != ERR_NONE)
		return err;
	records = arena_alloc_array(arena, ACCOUNT_RECORDS, sizeof(*records));
	if (records == NULL)
		return ERR_NOMEM;
	for (uint16_t i = 0; i < ACCOUNT_RECORDS; i++)
		records[i] = (struct lwm2m_record){ .path = LWM2M_RESOURCE(0, 0, i), .value = values[i] };
	*ret_records = (struct lwm2m_records){ records, ACCOUNT_RECORDS };
	return ERR_NONE;
}

/* What the bootstrap server would write, to a device that has nothing but the account of it, if that. */
static enum err make_steps(struct arena *arena, const struct bootstrap_configuration *configuration,
			   bool has_account, struct bootstrap_plan *ret_plan)
{
	const struct bootstrap_found nothing = { .count = 0 };

	return bootstrap_plan_make(arena, configuration, has_account ? bootstrap_found_unknown() : nothing,
				   NULL, ret_plan);
}

struct gathering {
	struct lwm2m_record *records;
	size_t count;
};

static void gather(struct gathering *gathering, struct lwm2m_records records)
{
	for (size_t i = 0; i < records.count; i++)
		gathering->records[gathering->count++] = records.at[i];
}

static int compare_objects(const void *a, const void *b)
{
	const struct lwm2m_record *first = a, *second = b;

	return (first->path.object > second->path.object) - (first->path.object < second->path.object);
}

static enum err gather_all(struct arena *arena, struct lwm2m_records account,
			   const struct bootstrap_plan *plan, struct lwm2m_records *ret_records)
{
	size_t count = account.count;
	struct gathering gathering;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->steps[i].records.count;
	gathering = (struct gathering){ .records = arena_alloc_array(arena, count + 1,
								     sizeof(struct lwm2m_record)) };
	if (gathering.records == NULL)
		return ERR_NOMEM;
	gather(&gathering, account);
	for (size_t i = 0; i < plan->count; i++)
		gather(&gathering, plan->steps[i].records);
	qsort(gathering.records, count, sizeof(*gathering.records), compare_objects);
	*ret_records = (struct lwm2m_records){ gathering.records, count };
	return ERR_NONE;
}

/* The versions are those that the enabler defines, which need not be told. */
static enum err make_file(struct arena *arena, const struct model *model, struct lwm2m_records records,
			  struct bytes *ret_file, struct fault *fault)
{
	struct smartcard_object *objects = arena_alloc_array(arena, records.count + 1, sizeof(*objects));
	size_t count = 0;

	if (objects == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		if (count == 0 || objects[count - 1].object != records.at[i].path.object)
			objects[count++] = (struct smartcard_object){ .object = records.at[i].path.object,
								      .records = { &records.at[i], 0 } };
		objects[count - 1].records.count++;
	}
	return smartcard_file_write(arena, model, objects, count, ret_file, fault);
}

/* ---- directories ---- */

static struct bytes identifier(uint8_t to[static 2], uint16_t id)
{
	to[0] = (uint8_t)(id >> 8);
	to[1] = (uint8_t)id;
	return bytes_of(to, 2);
}

static enum err make_directories(struct arena *arena, const struct bootstrap_card_settings *settings,
				 struct bootstrap_card *card)
{
	uint8_t directory_id[2], file_id[2];
	const struct bytes directory = identifier(directory_id, settings->directory_id);
	const struct pkcs15_application application = {
		.aid = pkcs15_aid,
		.label = bytes_of_text(APPLICATION),
		.path = bytes_of(application_path, sizeof(application_path)),
	};
	const struct pkcs15_object object = {
		.is_opaque = settings->is_opaque,
		.has_double_encoded_oid = settings->has_double_encoded_oid,
		.is_private = settings->is_private,
		.is_modifiable = false, /* by nobody but the issuer */
		.label = bytes_of_text(LABEL),
		.path = identifier(file_id, settings->file_id),
	};
	enum err err = pkcs15_application_write(arena, &application, &card->dir);

	if (err == ERR_NONE)
		err = pkcs15_directories_write(arena, (struct pkcs15_directories){ &directory, 1 },
					       &card->odf);
	return err == ERR_NONE ? pkcs15_object_write(arena, &object, &card->dodf) : err;
}

/* ---- what the operator sees ---- */

static enum err show(struct arena *arena, struct lwm2m_records records, struct bootstrap_card *card,
		     bool *ret_has_keys)
{
	struct lwm2m_record *shown = arena_alloc_array(arena, records.count + 1, sizeof(*shown));
	size_t count = 0;

	*ret_has_keys = false;
	if (shown == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		if (!bootstrap_is_secret(records.at[i].path))
			shown[count++] = records.at[i];
		else if (records.at[i].value.type != LWM2M_OPAQUE || records.at[i].value.bytes.len > 0)
			*ret_has_keys = true;
	}
	card->shown = (struct lwm2m_records){ shown, count };
	return ERR_NONE;
}

static void warn(struct bootstrap_card *card, bool is_private, bool has_keys)
{
	if (has_keys && !is_private)
		card->warnings[card->warning_count++] =
			"keys: whoever holds the card can read them; private=true asks for a PIN";
	if (card->file.len > SMALL_READ)
		card->warnings[card->warning_count++] =
			"size: some devices read no more than 256 bytes of the file";
}

enum err bootstrap_card_make(struct arena *arena, const struct model *model,
			     const struct bootstrap_configuration *configuration,
			     const struct bootstrap_card_settings *settings, struct bootstrap_card *ret_card,
			     struct fault *fault)
{
	struct lwm2m_records account = { 0 }, records;
	struct bootstrap_card card = { .warning_count = 0 };
	struct bootstrap_plan plan = { 0 };
	bool has_account = settings->bootstrap_uri != NULL, has_keys = false;
	enum err err = check_identifiers(settings, fault);

	if (err == ERR_NONE && configuration == NULL && !has_account)
		err = fault_set(fault, ERR_MALFORMED, "there is no account to put on the card");
	if (err == ERR_NONE && configuration != NULL)
		err = check_keys(configuration, fault);
	if (err == ERR_NONE && has_account)
		err = make_account(arena, settings, &account, fault);
	if (err == ERR_NONE && configuration != NULL)
		err = make_steps(arena, configuration, has_account, &plan);
	if (err == ERR_NONE)
		err = gather_all(arena, account, &plan, &records);
	if (err == ERR_NONE)
		err = make_file(arena, model, records, &card.file, fault);
	if (err == ERR_NONE)
		err = make_directories(arena, settings, &card);
	if (err == ERR_NONE)
		err = show(arena, records, &card, &has_keys);
	if (err != ERR_NONE)
		return err;
	warn(&card, settings->is_private, has_keys);
	*ret_card = card;
	return ERR_NONE;
}
