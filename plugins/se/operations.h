/* The operations of the Secure Element plugin. */
#ifndef SE_OPERATIONS_H
#define SE_OPERATIONS_H

#include "task.h"

extern const struct operation audit_operation, install_operation, delete_operation, put_keys_operation,
	store_data_operation, set_state_operation;

#endif
