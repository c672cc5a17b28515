/* A libcoap server that does no work: POST /rd is answered 2.01 with the path of its updates, POST
 * /rd/x 2.04. */
#include <arpa/inet.h>
#include <coap3/coap.h>
#include <stdio.h>
#include <stdlib.h>

static void on_register(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
			const coap_string_t *query, coap_pdu_t *response)
{
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
	coap_add_option(response, COAP_OPTION_LOCATION_PATH, 2, (const uint8_t *)"rd");
	coap_add_option(response, COAP_OPTION_LOCATION_PATH, 1, (const uint8_t *)"x");
}

static void on_update(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
		      const coap_string_t *query, coap_pdu_t *response)
{
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void serve(coap_context_t *context, const char *path, coap_method_handler_t handler)
{
	coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), 0);

	coap_register_handler(resource, COAP_REQUEST_POST, handler);
	coap_add_resource(context, resource);
}

int main(int argc, char **argv)
{
	coap_address_t address;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PORT\n", argv[0]);
		return EXIT_FAILURE;
	}
	coap_startup();
	coap_context_t *context = coap_new_context(NULL);
	coap_address_init(&address);
	address.size = sizeof(address.addr.sin);
	address.addr.sin.sin_family = AF_INET;
	address.addr.sin.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (context == NULL || coap_new_endpoint(context, &address, COAP_PROTO_UDP) == NULL) {
		fprintf(stderr, "no endpoint\n");
		return EXIT_FAILURE;
	}
	serve(context, "rd", on_register);
	serve(context, "rd/x", on_update);
	puts("ready");
	fflush(stdout);
	while (coap_io_process(context, 1000) >= 0)
		continue;
	coap_free_context(context);
	coap_cleanup();
	return EXIT_SUCCESS;
}
