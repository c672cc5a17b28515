/* A firmware package of this device: "VERSION 2.0.0\n", then "SHA256 <64 hex digits of what follows>\n"
 * unless nobody shall check, then anything. */
#ifndef DEVICE_FIRMWARE_PACKAGE_H
#define DEVICE_FIRMWARE_PACKAGE_H

#include <cardea/bytes.h>

#include "firmware.h"

#define FIRMWARE_VERSION_SIZE 32

/* FIRMWARE_INITIAL when it is good, else why not. */
enum firmware_result firmware_package_check(struct bytes package, char ret_version[FIRMWARE_VERSION_SIZE]);

#endif
