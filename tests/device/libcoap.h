/* libcoap 4.3, without the syslog names that its debug header defines and our log uses otherwise. */
#ifndef DEVICE_LIBCOAP_H
#define DEVICE_LIBCOAP_H

#include <coap3/coap.h>

#undef LOG_INFO
#undef LOG_DEBUG

#endif
