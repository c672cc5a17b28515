#include "oscore_state.h"

#include <stdlib.h>
#include <utlist.h>

void oscore_observation_free(struct oscore *oscore, struct oscore_observation *observation)
{
	HASH_DEL(oscore->observations, observation);
	DL_DELETE(observation->context->observations, observation);
	observation->context->observation_count--;
	free(observation);
}

static struct oscore_observation *observation_find(const struct oscore *oscore, uint64_t token)
{
	struct oscore_observation *observation = NULL;

	if (oscore != NULL)
		HASH_FIND(hh, oscore->observations, &token, sizeof(token), observation);
	return observation;
}

void oscore_observation_forget(struct endpoint *endpoint, uint64_t token)
{
	struct oscore_observation *observation = observation_find(endpoint->oscore, token);

	if (observation != NULL)
		oscore_observation_free(endpoint->oscore, observation);
}

void oscore_observation_keep(struct endpoint *endpoint, uint64_t token, const struct oscore_binding *binding)
{
	struct oscore *oscore = endpoint->oscore;
	struct oscore_context *context = oscore_context_find(oscore, binding->context);

	oscore_observation_forget(endpoint, token);
	if (context == NULL)
		return;
	if (context->observation_count == OSCORE_OBSERVATIONS_MAX)
		oscore_observation_free(oscore, context->observations);
	struct oscore_observation *observation = calloc(1, sizeof(*observation));
	if (observation == NULL)
		return; /* its notifications are refused, so that it ends */
	observation->context = context;
	observation->token = token;
	observation->request_number = binding->number;
	HASH_ADD(hh, oscore->observations, token, sizeof(observation->token), observation);
	if (observation->hh.tbl == NULL) {
		free(observation);
		return;
	}
	DL_APPEND(context->observations, observation);
	context->observation_count++;
}

enum oscore_result oscore_open_notification(struct endpoint *endpoint, uint64_t token, struct bytes datagram,
					    struct pdu *pdu, struct coap_message *message,
					    enum pdu_verdict *verdict, struct oscore_binding *ret_binding)
{
	struct oscore_observation *observation = observation_find(endpoint->oscore, token);
	struct oscore_option option;

	if (observation == NULL || oscore_context_find(endpoint->oscore, observation->context->id) == NULL)
		return OSCORE_REFUSED;
	if (!oscore_option_read(pdu->oscore, &option) || !option.has_number ||
	    option.number < observation->next_number)
		return OSCORE_IGNORED;
	enum oscore_result result =
		oscore_open_bound(endpoint->oscore, observation->context, observation->request_number,
				  datagram, pdu, message, verdict);
	if (result != OSCORE_OPENED)
		return result;
	observation->next_number = option.number + 1;
	*ret_binding = (struct oscore_binding){
		.context = observation->context->id,
		.number = observation->request_number,
	};
	return OSCORE_OPENED;
}
