#include "format.h"

/* clang-format off */
static const struct format formats[] = {
	/* number             name                          since  single  write          read         */
	{ FORMAT_TEXT,        "text/plain",                 0,     true,   text_write,    text_read    },
	{ FORMAT_OPAQUE,      "application/octet-stream",   0,     true,   opaque_write,  opaque_read  },
	{ FORMAT_CBOR,        "application/cbor",           1,     true,   cbor_write,    cbor_read    },
	{ FORMAT_SENML_CBOR,  "application/senml+cbor",     1,     false,  senml_write,   senml_read   },
	{ FORMAT_TLV,         "application/vnd.oma.lwm2m+tlv", 0,  false,  tlv_write,     tlv_read     },
};
/* clang-format on */

const struct format *format_find(uint16_t number, uint8_t minor)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].number == number && formats[i].since_minor <= minor)
			return &formats[i];
	return NULL;
}
