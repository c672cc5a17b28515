/* LwM2M: payloads and parameters of CoAP requests. A vector of direction "both" is also written again from
 * what it expects. */
#include "kinds.h"

#include <string.h>

#include "arguments.h"

static bool expects_error(const struct vector *v)
{
	return vector_flag(v, "expect_error");
}

static bool is_written_too(const struct vector *v)
{
	return strcmp(vector_text(v, "direction", "decode"), "both") == 0;
}

/* What every parser's answer means for the vector: done here, unless it was good and should have been. */
static bool is_decided(struct vector *v, enum err err, const struct fault *fault, enum verdict *ret_verdict)
{
	if (expects_error(v)) {
		*ret_verdict = err == ERR_NONE ? vector_fail(v, "was accepted") : PASSED;
		return true;
	}
	if (err == ERR_NONE)
		return false;
	*ret_verdict = vector_fail(v, "refused: %s: %s", err_name(err), fault->text);
	return true;
}

/* ---- Execute ---- */

static bool is_argument(const struct argument *argument, const json_t *expected)
{
	const json_t *value = json_object_get(expected, "value");

	return json_integer_value(json_object_get(expected, "digit")) == argument->digit &&
	       argument->has_value == json_is_string(value) &&
	       (!argument->has_value || bytes_equal_text(argument->value, json_string_value(value)));
}

enum verdict check_execute_arguments(struct vector *v)
{
	struct bytes text = bytes_of_text(vector_text(v, "text", "")), printed;
	const json_t *expected = json_object_get(v->own, "expect");
	struct arguments arguments;
	struct fault fault = { 0 };
	enum verdict verdict;

	if (is_decided(v, arguments_parse(text, &arguments, &fault), &fault, &verdict))
		return verdict;
	if (arguments.count != json_array_size(expected))
		return vector_fail(v, "%zu arguments, not %zu", arguments.count, json_array_size(expected));
	for (size_t i = 0; i < arguments.count; i++) {
		if (!is_argument(&arguments.at[i], json_array_get(expected, i)))
			return vector_fail(v, "argument %zu differs", i);
	}
	if (!is_written_too(v))
		return PASSED;
	if (arguments_print(v->arena, &arguments, &printed) != ERR_NONE)
		return vector_fail(v, "cannot be written");
	return vector_compare(v, "written", printed, text);
}
