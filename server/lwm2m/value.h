/* Typed values as text (LwM2M Core TS 1.1, appendix C), used by text/plain, REST and logs. */
#ifndef CARDEA_LWM2M_VALUE_H
#define CARDEA_LWM2M_VALUE_H

#include <cardea/lwm2m.h>

/* The stable name of a type ("integer", "objlnk"), as REST shows it; and back, LWM2M_NONE when unknown. */
const char *value_type_name(enum lwm2m_type type);
enum lwm2m_type value_type_of(const char *name);

/* Reads a value of the given type; a text borrows from `text`. ERR_MALFORMED. */
MUST_CHECK enum err value_parse(struct arena *arena, enum lwm2m_type type, struct bytes text,
				struct lwm2m_value *ret_value, struct fault *fault);
/* ERR_UNSUPPORTED for what has no text: no value, a float that is not finite. */
MUST_CHECK enum err value_print(struct arena *arena, const struct lwm2m_value *value, struct bytes *ret_text);

/* Of the same type and value; not-a-number equals itself. */
bool value_equal(const struct lwm2m_value *a, const struct lwm2m_value *b);

/* Turns what a self-describing format delivered into the type that the model asks for (integer to time, float
 * without fraction to integer, text to objlnk). A record without value stays one. ERR_MALFORMED when it does
 * not fit. */
MUST_CHECK enum err value_convert(enum lwm2m_type to, struct lwm2m_value *value, struct fault *fault);

#endif
