/* The functions of the routes, by file. */
#ifndef CARDEA_API_HANDLERS_H
#define CARDEA_API_HANDLERS_H

#include "http.h"

typedef void handler(struct http_request *request);

/* devices.c */
handler devices_list, device_get, device_patch, device_delete, secure_elements_get, authentications_get, tees_get, euiccs_get, security_services_get;

/* lwm2m.c */
handler lwm2m_read, lwm2m_replace, lwm2m_update, lwm2m_post, lwm2m_delete, lwm2m_observe, lwm2m_cancel_observation,
	lwm2m_attributes, lwm2m_discover;

/* composite.c */
handler composite_read, composite_write, composite_observe, composite_cancel_observation;

/* access_control.c */
handler access_control_list, access_control_put, access_control_delete;

/* observations.c */
handler observations_list;
/* end_devices.c */
handler end_devices_list;

/* queue.c */
handler queue_list, queue_get, queue_delete;

/* jobs.c */
handler operations_list, job_post, jobs_list, job_get, job_delete, job_retry_post, job_trace;

/* packages.c */
handler packages_list, package_post, package_get, package_content, package_delete;
bool package_add_body(struct http_request *request, struct bytes part, size_t *ret_taken);
void package_drop(struct http_request *request);

/* keysets.c, credentials.c, tokens.c */
handler keysets_list, keyset_put, keyset_delete, fleet_keysets_list, fleet_keyset_put, fleet_keyset_delete, credentials_list, credential_get, credential_put, credential_delete,
	tokens_list, token_post, token_delete;

/* transport_keys.c */
handler transport_keys_list, transport_key_put, transport_key_delete;

/* bootstrap.c */
handler bootstrap_list, bootstrap_get, bootstrap_put, bootstrap_delete, bootstrap_start;
/* smartcard.c */
handler smartcard_get;

/* events.c */
handler events_stream;
void events_drop(struct http_request *request);

/* models.c */
handler models_list, model_post;

/* openapi.c, health.c */
handler openapi_get, health_get, ready_get;

#endif
