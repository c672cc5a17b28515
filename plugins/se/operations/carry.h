/* The service "se.channel/1": see <cardea/se_channel.h>. */
#ifndef SE_CARRY_H
#define SE_CARRY_H

#include <cardea/se_channel.h>

#include "engine/task.h"

/* The table that is offered; `plugin` lives as long as it. */
struct se_channel carry_service(const struct se_plugin *plugin);

#endif
