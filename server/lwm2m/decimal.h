/* Numbers as decimal text (LwM2M Core TS 1.1, appendix C): digits, perhaps a sign and a fraction, never an
 * exponent. */
#ifndef CARDEA_LWM2M_DECIMAL_H
#define CARDEA_LWM2M_DECIMAL_H

#include <cardea/bytes.h>

/* False when the text is no such number, or one that does not fit. Only "-" is a sign; a fraction stands
 * between digits. They rely on the C locale, which the program never leaves. */
bool decimal_parse_signed(struct bytes text, int64_t *ret_value);
bool decimal_parse_unsigned(struct bytes text, uint64_t *ret_value);
bool decimal_parse_real(struct bytes text, double *ret_value);

/* The fewest digits that read back as the same value. One that is not finite marks the builder bad. */
void build_decimal(struct builder *b, double value);

#endif
