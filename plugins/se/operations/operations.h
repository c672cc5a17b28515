/* The operations of this plugin: rows of the table in se.c. */
#ifndef SE_OPERATIONS_H
#define SE_OPERATIONS_H

#include "engine/task.h"

extern const struct operation audit_operation;
extern const struct operation create_domain_operation;
extern const struct operation delete_keys_operation;
extern const struct operation delete_operation;
extern const struct operation ensure_operation;
extern const struct operation extradite_operation;
extern const struct operation files_operation;
extern const struct operation get_data_operation;
extern const struct operation install_operation;
extern const struct operation put_keys_operation;
extern const struct operation rotate_keys_operation;
extern const struct operation script_operation;
extern const struct operation set_state_operation;
extern const struct operation store_data_operation;
extern const struct operation update_registry_operation;
extern const struct operation upgrade_operation;

#endif
