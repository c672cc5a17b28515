/* The functions behind the table of format.c; others go through the table. */
#ifndef CARDEA_LWM2M_FORMAT_ROWS_H
#define CARDEA_LWM2M_FORMAT_ROWS_H

#include "format.h"

format_read text_read, opaque_read, cbor_read, tlv_read, senml_cbor_read;
format_write text_write, opaque_write, cbor_write, tlv_write, senml_cbor_write;

#endif
