/* A plugin that is wrong in one way: BAD_ABI, BAD_KEYWORD or BAD_OPEN is the value, or the default that is
 * right. */
#include <cardea/plugin.h>

#ifndef BAD_ABI
#define BAD_ABI CARDEA_PLUGIN_ABI
#endif
#ifndef BAD_KEYWORD
#define BAD_KEYWORD "description"
#endif
#ifndef BAD_OPEN
#define BAD_OPEN ERR_NONE
#endif

static enum cardea_result step(void *self, const struct cardea_step *step, cardea_out *out)
{
	return CARDEA_DONE;
}

static enum err bad_open(const struct cardea_host_api *host, cardea_host *view, const char *config,
			 void **ret_self)
{
	*ret_self = NULL;
	return BAD_OPEN;
}

static void bad_close(void *self)
{
}

static const struct cardea_operation operations[] = {
	{ .name = "bad.operation",
	  .summary = "does nothing",
	  .params_schema = "{\"" BAD_KEYWORD "\": \"\"}",
	  .step = step },
	{ .name = NULL },
};

const struct cardea_plugin cardea_plugin = {
	.abi = BAD_ABI,
	.size = sizeof(struct cardea_plugin),
	.name = "bad",
	.summary = "wrong in one way",
	.operations = operations,
	.open = bad_open,
	.close = bad_close,
};
