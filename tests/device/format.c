#include "format.h"

/* clang-format off */
static const struct format formats[] = {
	/* number             name                          since  single  write          read         */
	{ FORMAT_TEXT,        "text/plain",                 0,     true,   text_write,    text_read    },
	{ FORMAT_OPAQUE,      "application/octet-stream",   0,     true,   opaque_write,  opaque_read  },
	{ FORMAT_CBOR,        "application/cbor",           1,     true,   cbor_write,    cbor_read    },
	{ FORMAT_SENML_CBOR,  "application/senml+cbor",     1,     false,  senml_write,   senml_read   },
	{ FORMAT_TLV,         "application/vnd.oma.lwm2m+tlv", 0,  false,  tlv_write,     tlv_read     },
	{ FORMAT_SENML_JSON,  "application/senml+json",     2,     false,  json_write,    json_read    },
	{ FORMAT_LWM2M_CBOR,  "application/vnd.oma.lwm2m+cbor", 2, false,  tree_write,    tree_read    },
};

/* The bodies of composite requests. */
static const struct {
	uint16_t number;
	uint8_t since_minor;
	format_read *fetch, *patch;
} packs[] = {
	{ FORMAT_SENML_CBOR,      1, senml_read,      senml_read      },
	{ FORMAT_SENML_JSON,      2, json_read,       json_read       },
	{ FORMAT_SENML_ETCH_CBOR, 2, senml_etch_read, senml_etch_read },
	{ FORMAT_SENML_ETCH_JSON, 2, json_etch_read,  json_etch_read  },
	{ FORMAT_LWM2M_CBOR,      2, NULL,            tree_read       },
};
/* clang-format on */

const struct format *format_find(uint16_t number, uint8_t minor)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].number == number && formats[i].since_minor <= minor)
			return &formats[i];
	return NULL;
}

format_read *format_find_fetch(uint16_t number, uint8_t minor)
{
	for (size_t i = 0; i < sizeof(packs) / sizeof(packs[0]); i++)
		if (packs[i].number == number && packs[i].since_minor <= minor)
			return packs[i].fetch;
	return NULL;
}

format_read *format_find_patch(uint16_t number, uint8_t minor)
{
	for (size_t i = 0; i < sizeof(packs) / sizeof(packs[0]); i++)
		if (packs[i].number == number && packs[i].since_minor <= minor)
			return packs[i].patch;
	return NULL;
}
