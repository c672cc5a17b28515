/* The device's memory across a power cut: small files, each of them the old or the new, never in between. */
#ifndef DEVICE_STATE_H
#define DEVICE_STATE_H

#include <stdio.h>

#include "value.h"

/* Creates the folder of one device below `root`: its endpoint name, with every byte outside of [A-Za-z0-9._-]
 * as %XX. The path lies in `arena`. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err state_folder(const char *root, const char *endpoint, struct arena *arena,
				 const char **ret_folder, struct fault *fault);

/* Writes `path` whole, by way of a temporary file and rename. A kill at any instant leaves the old or the new
 * content; only a power cut of the machine that simulates the device may lose it, since nothing waits for its
 * disk. ERR_IO. */
MUST_CHECK enum err state_write(const char *path, struct bytes content);

/* ERR_NOT_FOUND when there is no such file, ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err state_read(const char *path, struct arena *arena, struct bytes *ret_content);

/* The same with LwM2M records, kept as a SenML-CBOR pack. ERR_MALFORMED for a damaged file. */
MUST_CHECK enum err state_write_records(const char *path, const struct records *records);
MUST_CHECK enum err state_read_records(const char *path, struct records *records, struct fault *fault);

#endif
