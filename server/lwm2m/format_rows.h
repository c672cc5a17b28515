/* The functions behind the table of format.c; others go through the table. */
#ifndef CARDEA_LWM2M_FORMAT_ROWS_H
#define CARDEA_LWM2M_FORMAT_ROWS_H

#include "format.h"

format_read text_read, opaque_read, cbor_read, tlv_read, senml_json_read, senml_cbor_read,
	senml_etch_json_read, senml_etch_cbor_read, lwm2m_json_read, lwm2m_cbor_read;
format_write text_write, opaque_write, cbor_write, tlv_write, senml_json_write, senml_cbor_write,
	senml_etch_json_write, senml_etch_cbor_write, lwm2m_json_write, lwm2m_cbor_write;

/* When the strict reading has found it malformed: what some devices get wrong. The rules that were needed are added to
 * *rules (TOLERANCE_BIT). Errors as format_read. */
typedef enum err format_read_leniently(struct arena *arena, const struct model *model, struct lwm2m_path base,
				       struct bytes payload, struct lwm2m_records *ret_records,
				       uint32_t *rules);
format_read_leniently tlv_read_leniently, lwm2m_json_read_leniently;

#endif
