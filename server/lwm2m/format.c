#include "format.h"

#include <strings.h>

#include "format_rows.h"

/* clang-format off */
static const struct format formats[] = {
	/* number              name               media type                        single read                  write */
	{ FORMAT_TEXT,            "text",            "text/plain",                     true,  text_read,            text_write },
	{ FORMAT_OPAQUE,          "opaque",          "application/octet-stream",       true,  opaque_read,          opaque_write },
	{ FORMAT_CBOR,            "cbor",            "application/cbor",               true,  cbor_read,            cbor_write },
	{ FORMAT_SENML_JSON,      "senml-json",      "application/senml+json",         false, senml_json_read,      senml_json_write },
	{ FORMAT_SENML_CBOR,      "senml-cbor",      "application/senml+cbor",         false, senml_cbor_read,      senml_cbor_write },
	{ FORMAT_SENML_ETCH_JSON, "senml-etch-json", "application/senml-etch+json",    false, senml_etch_json_read, senml_etch_json_write },
	{ FORMAT_SENML_ETCH_CBOR, "senml-etch-cbor", "application/senml-etch+cbor",    false, senml_etch_cbor_read, senml_etch_cbor_write },
	{ FORMAT_TLV,             "tlv",             "application/vnd.oma.lwm2m+tlv",  false, tlv_read,             tlv_write },
	{ FORMAT_LWM2M_JSON,      "lwm2m-json",      "application/vnd.oma.lwm2m+json", false, lwm2m_json_read,      lwm2m_json_write },
	{ FORMAT_LWM2M_CBOR,      "lwm2m-cbor",      "application/vnd.oma.lwm2m+cbor", false, lwm2m_cbor_read,      lwm2m_cbor_write },
};

/* Numbers from before the registration, which Zephyr and older clients still send. */
static const struct { uint16_t legacy, number; } successors[] = {
	{ 1541, FORMAT_TEXT }, { 1542, FORMAT_TLV }, { 1543, FORMAT_LWM2M_JSON },
};
/* clang-format on */

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

const struct format *format_at(size_t i)
{
	return i < FORMAT_COUNT ? &formats[i] : NULL;
}

const struct format *format_find(uint16_t number)
{
	for (size_t i = 0; i < sizeof(successors) / sizeof(successors[0]); i++) {
		if (successors[i].legacy == number)
			number = successors[i].number;
	}
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (formats[i].number == number)
			return &formats[i];
	}
	return NULL;
}

const struct format *format_find_name(const char *name_or_media_type)
{
	size_t length = strcspn(name_or_media_type, "; ");

	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		const struct format *format = &formats[i];

		if (strcmp(format->name, name_or_media_type) == 0 ||
		    (strlen(format->media_type) == length &&
		     strncasecmp(format->media_type, name_or_media_type, length) == 0))
			return format;
	}
	return NULL;
}
