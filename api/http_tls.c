/* TLS of the HTTP server: a certificate, or the pre-shared keys of devices (RFC 4279, RFC 8446 2.2). */
#include "http_exchange.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

#include "credentials.h"

#define PEM_BYTES (32u << 10)

/* GPC Amendment B: TLS_PSK_WITH_AES_128_CBC_SHA256 and _SHA, which NORMAL leaves out in part; what is newer
 * comes first. */
#define PSK_PRIORITIES                                                                                       \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:+PSK:+AES-128-CBC:+SHA256:+"          \
	"SHA1"

static enum err read_file(const char *path, char **ret_text, struct fault *fault)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, PEM_BYTES);
	size_t len = file != NULL && text != NULL ? fread(text, 1, PEM_BYTES - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	if (len == 0) {
		free(text);
		return fault_set(fault, ERR_NOT_FOUND, "%s cannot be read", path);
	}
	*ret_text = text;
	return ERR_NONE;
}

enum err http_tls_read(struct http_server *server, struct fault *fault)
{
	if (server->settings.tls_cert == NULL || server->settings.tls_cert[0] == 0)
		return ERR_NONE;
	enum err err = read_file(server->settings.tls_cert, &server->certificate, fault);
	return err == ERR_NONE ? read_file(server->settings.tls_key, &server->key, fault) : err;
}

bool http_tls_is_on(const struct http_server *server)
{
	return server->certificate != NULL || server->settings.keys != NULL;
}

/* libmicrohttpd frees the copy. */
static int find_key(void *self, const struct MHD_Connection *connection, const char *identity, void **ret_key,
		    size_t *ret_size)
{
	const struct http_server *server = self;
	const struct secret *key;
	const char *endpoint;
	if (credentials_find_psk(server->settings.keys, identity, &endpoint, &key) != ERR_NONE)
		return -1;
	void *copy = malloc(key->len);
	if (copy == NULL)
		return -1;
	memcpy(copy, key->at, key->len);
	*ret_key = copy;
	*ret_size = key->len;
	return 0;
}

void http_tls_options(struct http_server *server, struct MHD_OptionItem options[static HTTP_TLS_OPTIONS])
{
	size_t count = 0;
	if (server->settings.keys != NULL) {
		options[count++] =
			(struct MHD_OptionItem){ MHD_OPTION_HTTPS_CRED_TYPE, GNUTLS_CRD_PSK, NULL };
		options[count++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
							    (void *)(uintptr_t)PSK_PRIORITIES };
		options[count++] = (struct MHD_OptionItem){ MHD_OPTION_GNUTLS_PSK_CRED_HANDLER,
							    (intptr_t)find_key, server };
	} else if (server->certificate != NULL) {
		options[count++] =
			(struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate };
		options[count++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, server->key };
	}
	options[count] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

const char *http_psk_endpoint(const struct http_request *request)
{
	const struct http_exchange *exchange = request->exchange;
	const struct credentials *keys = exchange->server->settings.keys;
	if (keys == NULL)
		return "";
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const char *identity = info != NULL ? gnutls_psk_server_get_username(info->tls_session) : NULL;
	const struct secret *key;
	const char *endpoint;
	return identity != NULL && credentials_find_psk(keys, identity, &endpoint, &key) == ERR_NONE
		       ? endpoint
		       : NULL;
}
