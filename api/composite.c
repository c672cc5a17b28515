/* /devices/{ep}/composite: operations on the root, whose body names what they are about. */
#include "handlers.h"
#include "lwm2m.h"
#include "lwm2m_body.h"
#include "reply.h"

static enum err names_of(const struct http_request *request, struct operation_request *operation,
			 struct fault *fault)
{
	static const char *const members[] = { "paths", NULL };
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, fault);
	if (err == ERR_NONE)
		err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = lwm2m_names(request, body, operation, fault);
	json_decref(body);
	return err;
}

static void start_with_names(struct http_request *request, enum lwm2m_operation kind)
{
	struct fault fault = { .kind = ERR_NONE };
	struct operation_request operation = { .operation = kind,
					       .payload_format = FORMAT_NONE,
					       .accept = FORMAT_NONE };
	enum err err = names_of(request, &operation, &fault);
	if (err == ERR_NONE)
		err = lwm2m_query(request, &operation.attributes);
	if (err == ERR_NONE)
		err = lwm2m_accept(request, &operation.accept, &fault);
	request->own = "/";
	lwm2m_start(request, &operation, err, &fault);
}

void composite_read(struct http_request *request)
{
	start_with_names(request, LWM2M_READ);
}

void composite_observe(struct http_request *request)
{
	start_with_names(request, LWM2M_OBSERVE);
}

void composite_cancel_observation(struct http_request *request)
{
	start_with_names(request, LWM2M_CANCEL_OBSERVE);
}

void composite_write(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	struct operation_request operation = { .operation = LWM2M_WRITE_PARTIAL,
					       .payload_format = FORMAT_NONE,
					       .accept = FORMAT_NONE };
	enum err err = lwm2m_body(request, &operation, &fault);
	request->own = "/";
	lwm2m_start(request, &operation, err, &fault);
}
