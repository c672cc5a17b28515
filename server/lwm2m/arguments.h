/* Arguments of Execute (LwM2M Core TS 1.1, 6.3.5): "0='a',3". */
#ifndef CARDEA_LWM2M_ARGUMENTS_H
#define CARDEA_LWM2M_ARGUMENTS_H

#include <cardea/bytes.h>

struct argument {
	uint8_t digit; /* 0 to 9, each at most once */
	bool has_value;
	struct bytes value;
};

struct arguments {
	struct argument at[10];
	size_t count;
};

MUST_CHECK enum err arguments_parse(struct bytes text, struct arguments *ret_arguments, struct fault *fault);
MUST_CHECK enum err arguments_print(struct arena *arena, const struct arguments *arguments,
				    struct bytes *ret_text);

#endif
