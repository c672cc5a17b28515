/* /bootstrap/{ep}/smartcard: the files of a card that the device boots from, with its keys, which is what
 * such a card is for. Nothing keeps them on the way. */
#include <stdlib.h>

#include "api_parts.h"
#include "bootstrap.h"
#include "bootstrap_smartcard.h"
#include "credentials.h"
#include "handlers.h"
#include "log.h"
#include "records_json.h"
#include "reply.h"

/* The configuration, from a worker to the loop. */
struct fetched {
	bool is_there, is_for_all;
	struct bytes document;
};

/* ---- what is asked for ---- */

static const struct style {
	const char *name;
	bool is_opaque, has_double_encoded_oid;
} styles[] = {
	{ "opaque", true, false },
	{ "oid", false, false },
	{ "field", false, true },
};

static enum err read_style(const struct http_request *request, struct bootstrap_card_settings *settings,
			   struct fault *fault)
{
	const char *name = http_query(request, "style");
	for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
		if (name != NULL && strcmp(styles[i].name, name) != 0)
			continue;
		settings->is_opaque = styles[i].is_opaque;
		settings->has_double_encoded_oid = styles[i].has_double_encoded_oid;
		return ERR_NONE;
	}
	return fault_set(fault, ERR_MALFORMED, "style: must be opaque, oid or field");
}

static enum err read_flag(const struct http_request *request, const char *name, bool *ret_flag,
			  struct fault *fault)
{
	const char *text = http_query(request, name);
	if (text == NULL)
		return ERR_NONE;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return fault_set(fault, ERR_MALFORMED, "%s: must be true or false", name);
	*ret_flag = strcmp(text, "true") == 0;
	return ERR_NONE;
}

static enum err read_identifier(const struct http_request *request, const char *name, uint16_t *ret_id,
				struct fault *fault)
{
	const char *text = http_query(request, name);
	struct bytes id;
	if (text == NULL)
		return ERR_NONE;
	if (bytes_from_hex(request->arena, text, &id) != ERR_NONE || id.len != 2)
		return fault_set(fault, ERR_MALFORMED, "%s: must be four hexadecimal digits", name);
	*ret_id = (uint16_t)(id.at[0] << 8 | id.at[1]);
	return ERR_NONE;
}

static enum err read_settings(const struct http_request *request,
			      struct bootstrap_card_settings *ret_settings, struct fault *fault)
{
	const struct credentials *credentials = request->api->parts.bootstrap_credentials;
	struct bootstrap_card_settings settings = {
		.directory_id = SMARTCARD_EF_DODF,
		.file_id = SMARTCARD_EF_FILE,
		.bootstrap_uri = http_query(request, "bootstrapServer"),
		.bootstrap_identity = credentials_psk_identity(credentials, request->endpoint),
		.bootstrap_key = credentials_key(credentials, request->endpoint),
	};
	enum err err = read_style(request, &settings, fault);
	if (err == ERR_NONE)
		err = read_flag(request, "private", &settings.is_private, fault);
	if (err == ERR_NONE)
		err = read_identifier(request, "directoryId", &settings.directory_id, fault);
	if (err == ERR_NONE)
		err = read_identifier(request, "fileId", &settings.file_id, fault);
	if (err == ERR_NONE)
		*ret_settings = settings;
	return err;
}

static enum err read_format(const struct http_request *request, bool *ret_is_json, struct fault *fault)
{
	const char *name = http_query(request, "format");
	*ret_is_json = name != NULL && strcmp(name, "json") == 0;
	if (name != NULL && !*ret_is_json && strcmp(name, "binary") != 0)
		return fault_set(fault, ERR_MALFORMED, "format: must be binary or json");
	return ERR_NONE;
}

/* ---- the answer ---- */

static json_t *file_json(struct arena *arena, const char *name, uint16_t id, struct bytes content)
{
	char text[8];
	snprintf(text, sizeof text, "%04X", id);
	return json_pack("{s:s, s:s, s:s}", "name", name, "fileIdHex", text, "contentHex",
			 bytes_to_hex(arena, content));
}

static json_t *warnings_json(const struct bootstrap_card *card)
{
	json_t *warnings = json_array();
	for (size_t i = 0; i < card->warning_count; i++)
		json_array_append_new(warnings, json_string(card->warnings[i]));
	return warnings;
}

static enum err reply_json(struct http_request *request, const struct bootstrap_card_settings *settings,
			   const struct bootstrap_card *card)
{
	struct builder b = builder_in(request->arena);
	struct bytes resources;
	build_records_json(&b, request->api->parts.model, card->shown);
	build_u8(&b, 0);
	if (builder_bytes(&b, &resources) != ERR_NONE)
		return ERR_NOMEM;
	json_t *files = json_array();
	json_array_append_new(files, file_json(request->arena, "EF(DIR)", SMARTCARD_EF_DIR, card->dir));
	json_array_append_new(files, file_json(request->arena, "EF(ODF)", SMARTCARD_EF_ODF, card->odf));
	json_array_append_new(files,
			      file_json(request->arena, "EF(DODF)", settings->directory_id, card->dodf));
	json_array_append_new(
		files, file_json(request->arena, "EF(LwM2M_Bootstrap)", settings->file_id, card->file));
	http_reply_json(request, 200,
			json_pack("{s:s, s:o, s:o, s:o}", "endpoint", request->endpoint, "files", files,
				  "resources", json_text((const char *)resources.at), "warnings",
				  warnings_json(card)));
	return ERR_NONE;
}

static enum err make(struct http_request *request, struct fault *fault)
{
	const struct fetched *fetched = request->own;
	const struct model *model = request->api->parts.model;
	struct bootstrap_card_settings settings;
	struct bootstrap_configuration configuration;
	struct bootstrap_card card;
	const char *shown;
	bool is_json;
	enum err err = read_format(request, &is_json, fault);
	if (err == ERR_NONE)
		err = read_settings(request, &settings, fault);
	if (err == ERR_NONE && fetched->is_there)
		err = bootstrap_configuration_read(request->arena, model, fetched->document,
						   fetched->is_for_all, &configuration, &shown, fault);
	if (err == ERR_NONE && !fetched->is_there && settings.bootstrap_uri == NULL)
		err = fault_set(fault, ERR_NOT_FOUND, "bootstrap of %s: there is none", request->endpoint);
	if (err == ERR_NONE)
		err = bootstrap_card_make(request->arena, model, fetched->is_there ? &configuration : NULL,
					  &settings, &card, fault);
	if (err != ERR_NONE)
		return err;
	log_info("bootstrap.smartcard_given", "endpoint=%s bytes=%zu", request->endpoint, card.file.len);
	http_add_header(request, "Cache-Control", "no-store");
	if (is_json)
		return reply_json(request, &settings, &card);
	http_reply_bytes(request, 200, "application/octet-stream", card.file);
	return ERR_NONE;
}

static void reply(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	enum err err = make(request, &fault);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

static enum err fetch(struct http_request *request, struct fault *fault)
{
	const struct api_parts *parts = &request->api->parts;
	struct fetched *fetched = arena_alloc(request->arena, sizeof *fetched);
	if (fetched == NULL)
		return ERR_NOMEM;
	request->own = fetched;
	enum err err = bootstrap_fetch(parts->store, parts->vault, request->arena, request->endpoint,
				       &fetched->is_for_all, &fetched->document);
	fetched->is_there = err == ERR_NONE;
	return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

void smartcard_get(struct http_request *request)
{
	http_defer_then(request, fetch, reply);
}
