/* LwM2M Transport TS 1.1, 6.4.2: Bootstrap-Request, and the Bootstrap-Pack-Request of 1.2 */
#include "bootstrap_session.h"

#include "credentials.h"
#include "endpoint_name.h"
#include "log.h"

/* What a request says in its query. */
struct asked {
	struct bytes endpoint, format, accounts;
};

static const struct parameter {
	const char *name;
	size_t at;
} parameters[] = {
	{ "ep=", offsetof(struct asked, endpoint) },
	{ "pct=", offsetof(struct asked, format) },
	{ "acc=", offsetof(struct asked, accounts) },
};

static enum err read_parameter(struct bytes query, unsigned *seen, struct asked *asked, struct fault *fault)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		size_t length = strlen(parameters[i].name);

		if (!bytes_equal_text(bytes_first(query, length), parameters[i].name))
			continue;
		if (*seen & 1u << i)
			return fault_set(fault, ERR_MALFORMED, "%s is there twice", parameters[i].name);
		*seen |= 1u << i;
		*(struct bytes *)((char *)asked + parameters[i].at) = bytes_from(query, length);
		return ERR_NONE;
	}
	return ERR_NONE; /* what we do not know is no fault */
}

static enum err read_query(const struct coap_message *message, struct asked *ret_asked, struct fault *fault)
{
	struct asked asked = { .endpoint = bytes_of(NULL, 0) };
	unsigned seen = 0;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < message->query_count && err == ERR_NONE; i++)
		err = read_parameter(message->query[i], &seen, &asked, fault);
	if (err == ERR_NONE)
		*ret_asked = asked;
	return err;
}

/* ---- formats ---- */

/* ERR_UNSUPPORTED: it is none of those that a configuration can be written in. */
static enum err read_format(struct bytes text, uint16_t *ret_format, struct fault *fault)
{
	struct reader r = reader_of(text);
	uint32_t number = 0;

	if (text.len == 0)
		return ERR_NONE;
	while (reader_left(&r) > 0) {
		uint8_t digit = (uint8_t)(read_u8(&r) - '0');

		if (digit > 9 || number > UINT16_MAX)
			return fault_set(fault, ERR_MALFORMED, "pct is no content format");
		number = number * 10 + digit;
	}
	if (number > UINT16_MAX || !bootstrap_has_format((uint16_t)number))
		return fault_set(fault, ERR_UNSUPPORTED, "pct: no configuration in format %u", number);
	*ret_format = (uint16_t)number;
	return ERR_NONE;
}

/* ---- the two requests ---- */

/* Fills what both of them have in common. */
static enum err read_request(const struct bootstrap *bootstrap, const struct coap_request *request,
			     struct arena *arena, struct asked *ret_asked, struct bootstrap_session *session,
			     struct fault *fault)
{
	struct bytes endpoint;
	enum err err = read_query(request->message, ret_asked, fault);

	if (err == ERR_NONE)
		err = endpoint_name_of(arena, ret_asked->endpoint, request->identity, &endpoint, fault);
	if (err != ERR_NONE)
		return err;
	session->endpoint = (const char *)endpoint.at;
	session->identity = request->identity;
	session->address = *request->from;
	session->is_secure = request->from->is_secure || request->identity[0] != 0; /* DTLS or OSCORE */
	session->reply = request->reply;
	session->format = COAP_NO_FORMAT;
	if (!session->is_secure && credentials_has(bootstrap->parts.bootstrap_credentials, session->endpoint))
		return fault_set(fault, ERR_DENIED, "this device has to come with its credential");
	return ERR_NONE;
}

static enum err read_bootstrap(const struct bootstrap *bootstrap, const struct coap_request *request,
			       struct bootstrap_session *session, struct fault *fault)
{
	struct asked asked;
	enum err err = read_request(bootstrap, request, session->arena, &asked, session, fault);

	session->found = bootstrap_found_unknown();
	return err == ERR_NONE ? read_format(asked.format, &session->format, fault) : err;
}

static enum err read_pack(const struct bootstrap *bootstrap, const struct coap_request *request,
			  struct bootstrap_session *session, struct fault *fault)
{
	uint16_t format =
		request->message->accept == COAP_NO_FORMAT ? FORMAT_SENML_CBOR : request->message->accept;
	struct asked asked;
	struct bytes accounts;
	enum err err = read_request(bootstrap, request, session->arena, &asked, session, fault);

	session->is_pack = true;
	session->found = bootstrap_found_unknown();
	if (err == ERR_NONE && (format == FORMAT_TLV || !bootstrap_has_format(format)))
		err = fault_set(fault, ERR_UNSUPPORTED, "no pack in format %u", format);
	session->format = format;
	if (err == ERR_NONE && asked.accounts.len > 0)
		err = bytes_copy(session->arena, asked.accounts, &accounts);
	if (err == ERR_NONE && asked.accounts.len > 0)
		err = bootstrap_found_read(session->arena, accounts, &session->found, fault);
	return err;
}

/* The codes that the specification allows here differ from the general ones. */
/* clang-format off */
static const struct route {
	const char *path;
	uint8_t method;
	enum err (*read)(const struct bootstrap *bootstrap, const struct coap_request *request,
			 struct bootstrap_session *session, struct fault *fault);
	uint8_t when_denied, when_unsupported;
} routes[] = {
	{ "bs",     COAP_POST, read_bootstrap, COAP_CODE(4, 0), COAP_CODE(4, 15) },
	{ "bspack", COAP_GET,  read_pack,      COAP_CODE(4, 1), COAP_CODE(4, 6) },
};
/* clang-format on */

static uint8_t refusal_code(const struct route *route, enum err err)
{
	switch (err) {
	case ERR_DENIED:
		return route->when_denied;
	case ERR_UNSUPPORTED:
		return route->when_unsupported;
	case ERR_MALFORMED:
	case ERR_LIMIT:
		return COAP_CODE(4, 0);
	default:
		return err_coap_code(err);
	}
}

static void serve(struct bootstrap *bootstrap, const struct route *route, const struct coap_request *request)
{
	struct bootstrap_session asked = { .arena = request->arena };
	struct fault fault = { 0 };
	char from[COAP_ADDRESS_TEXT_SIZE];
	enum err err = route->read(bootstrap, request, &asked, &fault);

	if (err == ERR_NONE)
		err = bootstrap_session_begin(bootstrap, &asked);
	if (err == ERR_NONE)
		return;
	fault_set(&fault, err, "%s", err_name(err));
	log_info("bootstrap.refused", "from=%s identity=%s error=%s reason=%s",
		 coap_address_print(request->from, from), request->identity, err_name(err), fault.text);
	bootstrap_refuse(bootstrap, request->reply, refusal_code(route, err), &fault);
}

void bootstrap_serve(void *self, const struct coap_request *request)
{
	const struct coap_message *message = request->message;
	struct bootstrap *bootstrap = self;
	struct fault fault = { 0 };

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (message->path_count != 1 || !bytes_equal_text(message->path[0], routes[i].path))
			continue;
		if (message->code == routes[i].method)
			serve(bootstrap, &routes[i], request);
		else
			bootstrap_refuse(bootstrap, request->reply, COAP_CODE(4, 5), &fault);
		return;
	}
	bootstrap_refuse(bootstrap, request->reply, COAP_CODE(4, 4), &fault);
}
