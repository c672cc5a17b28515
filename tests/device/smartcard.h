/* Bootstrap from a smartcard (LwM2M Core TS 1.1, 6.1.5 and appendix G): the first way to an account that a device with a
 * card tries, and what it compares with the card before each Register and Update. */
#ifndef DEVICE_SMARTCARD_H
#define DEVICE_SMARTCARD_H

#include "buffer.h"
#include "options.h"

struct device;

struct smartcard {
	struct buffer applied; /* the file whose accounts the device has; empty: none */
	const char *path;      /* where it is kept; NULL: nowhere */
};

/* What was applied before the device was switched off. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err smartcard_load(struct device *device);
void smartcard_free(struct smartcard *smartcard);

/* The accounts of the device are those of its card. */
bool smartcard_is_applied(const struct device *device);

/* Reads the card in the first reader. What it holds takes the place of all accounts, once; what it held before goes when
 * the card is gone, or has something else, be that usable or not. True: the accounts have changed. */
bool smartcard_check(struct device *device);

/* The device is as it left the factory: the card is new to it. */
void smartcard_forget(struct device *device);

/* The files that the card gets, from a folder that has them under their identifiers ("6432"), into the arena. ERR_NOT_FOUND:
 * there is no such folder. */
MUST_CHECK enum err smartcard_load_files(const char *folder, struct arena *arena, const struct card_file **ret_files,
					 size_t *ret_count, struct fault *fault);

#endif
