#include "dtls.h"

#include "endpoint.h"

enum err dtls_create(struct endpoint *endpoint, struct dtls **ret_dtls, struct fault *fault)
{
	return fault_set(fault, ERR_UNSUPPORTED, "coaps is not built yet");
}
void dtls_free(struct dtls *dtls)
{
}
size_t dtls_session_count(const struct dtls *dtls)
{
	return 0;
}
void dtls_receive(struct endpoint *endpoint, const struct route *from, struct peer *peer,
		  struct bytes datagram)
{
}
bool session_is_open(const struct session *session)
{
	return false;
}
void session_send(struct session *session, struct bytes message)
{
}
const char *session_endpoint(const struct session *session)
{
	return "";
}
uint32_t session_idle_s(const struct session *session)
{
	return 0;
}
void session_free(struct session *session)
{
}
