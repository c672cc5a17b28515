/* The smallest complete plugin: one operation that reads who made a device and reports it. README.md walks
 * through it. */
#include <cardea/plugin.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_OBJECT 3

struct example {
	const struct cardea_host_api *host;
};

/* The resources of LwM2M object 3 that we report, and as what. */
static const struct {
	uint16_t resource;
	const char *name;
} reported[] = {
	{ 0, "manufacturer" },
	{ 1, "modelNumber" },
	{ 2, "serialNumber" },
};

static enum cardea_result ask(const struct example *self, cardea_out *out)
{
	const struct cardea_request request = {
		.operation = LWM2M_READ,
		.path = LWM2M_INSTANCE(DEVICE_OBJECT, 0),
	};
	return self->host->send(out, &request) == ERR_NONE ? CARDEA_NEXT : CARDEA_FAILED;
}

/* A JSON string of a device's text: what JSON would need to escape is left out. */
static const char *quote(struct arena *arena, struct bytes text)
{
	struct builder b = builder_in(arena);
	struct bytes quoted;
	build_u8(&b, '"');
	for (struct reader r = reader_of(text); reader_left(&r) > 0;) {
		uint8_t c = read_u8(&r);
		if (c >= 0x20 && c != '"' && c != '\\')
			build_u8(&b, c);
	}
	build_text(&b, "\"");
	build_u8(&b, 0);
	return builder_bytes(&b, &quoted) == ERR_NONE ? (const char *)quoted.at : NULL;
}

static enum cardea_result tell(const struct example *self, const struct cardea_step *step, cardea_out *out)
{
	if (step->code >> 5 != 2 || step->fault.kind != ERR_NONE) {
		self->host->fail(out, ERR_UNAVAILABLE, "the device did not tell who made it");
		return CARDEA_FAILED;
	}
	for (size_t i = 0; i < sizeof reported / sizeof reported[0]; i++) {
		struct lwm2m_path path = LWM2M_RESOURCE(DEVICE_OBJECT, 0, reported[i].resource);
		const char *value = quote(step->arena, lwm2m_bytes(step->records, path));
		if (value == NULL || self->host->report(out, reported[i].name, value) != ERR_NONE)
			return CARDEA_FAILED;
	}
	return CARDEA_DONE;
}

/* Reading twice does no harm, so that a break needs nothing else than to ask again. */
static enum cardea_result identify(void *plugin, const struct cardea_step *step, cardea_out *out)
{
	return step->event == CARDEA_ANSWER ? tell(plugin, step, out) : ask(plugin, out);
}

static enum err example_open(const struct cardea_host_api *host, cardea_host *view, const char *config,
			     void **ret_self)
{
	struct example *example = calloc(1, sizeof *example);
	if (example == NULL)
		return ERR_NOMEM;
	example->host = host;
	*ret_self = example;
	return ERR_NONE;
}

static void example_close(void *self)
{
	free(self);
}

static const struct cardea_operation operations[] = {
	{
		.name = "example.identify",
		.summary = "Reads manufacturer, model and serial number of the device",
		.params_schema =
			"{\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}",
		.step = identify,
	},
	{ .name = NULL },
};

const struct cardea_plugin cardea_plugin = {
	.abi = CARDEA_PLUGIN_ABI,
	.size = sizeof(struct cardea_plugin),
	.name = "example",
	.summary = "The smallest complete plugin, to start from",
	.operations = operations,
	.open = example_open,
	.close = example_close,
};
