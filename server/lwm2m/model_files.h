/* Object definitions that were uploaded, as files below the data directory: objects/<id>-<version>.xml. */
#ifndef CARDEA_LWM2M_MODEL_FILES_H
#define CARDEA_LWM2M_MODEL_FILES_H

#include "model.h"

/* Checks that the text defines one object, and keeps it in place of an older text of that version. Blocks: for
 * workers. ERR_MALFORMED, ERR_UNSUPPORTED (not exactly one object), ERR_IO. */
MUST_CHECK enum err model_file_keep(const char *data_dir, struct bytes xml, struct fault *fault);

/* Adds all that were kept; a folder that does not exist holds none. */
MUST_CHECK enum err model_add_kept(struct model *model, const char *data_dir, struct fault *fault);

#endif
