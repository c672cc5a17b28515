/* What the vectors of LwM2M have in common. */
#ifndef CARDEA_TESTS_VECTORS_KIND_LWM2M_H
#define CARDEA_TESTS_VECTORS_KIND_LWM2M_H

#include "kinds.h"

#include "model.h"

/* What a parser's answer means for the vector: true when that decides it, false when it was good and should
 * have been, so that what it answered is left to compare. */
bool is_decided(struct vector *v, enum err err, const struct fault *fault, enum verdict *ret_verdict);

/* Direction "both": what is expected is also written, and gives the vector again. */
bool is_written_too(const struct vector *v);

/* The records against the list of what is expected, in this order. */
enum verdict compare_records(struct vector *v, struct lwm2m_path base, struct lwm2m_records records);

/* Defines the object of the path in the model, by what is expected of it. */
bool define_expected(struct vector *v, struct model *model, struct lwm2m_path base);

#endif
