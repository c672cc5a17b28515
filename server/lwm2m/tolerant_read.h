/* What a device answered, as records: read as it should be first, then by the named rules of
 * core/tolerance.h. */
#ifndef CARDEA_LWM2M_TOLERANT_READ_H
#define CARDEA_LWM2M_TOLERANT_READ_H

#include "format.h"

/* `said` is the content format of the answer, `asked` what was asked for; FORMAT_NONE when there is none. The
 * rules that were needed are added to *rules (TOLERANCE_BIT) when it can be read. Errors as format_read, in
 * `fault` those of the strict reading. */
MUST_CHECK enum err tolerant_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
				  uint16_t said, uint16_t asked, struct bytes payload,
				  struct lwm2m_records *ret_records, uint32_t *rules, struct fault *fault);

#endif
