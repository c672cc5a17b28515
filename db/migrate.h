/* Brings a database to the schema of this version: one step per version, each in a transaction. */
#ifndef CARDEA_DB_MIGRATE_H
#define CARDEA_DB_MIGRATE_H

#include "connection.h"

/* ERR_UNSUPPORTED: newer than this server, or not Cardea's. ERR_IO: damaged. */
MUST_CHECK enum err migrate(struct connection *connection, struct fault *fault);

#endif
