/* The content formats that this device reads and writes (LwM2M Core TS 1.1, 7.4 and appendix C). */
#ifndef DEVICE_FORMAT_H
#define DEVICE_FORMAT_H

#include "value.h"

enum {
	FORMAT_TEXT = 0,
	FORMAT_LINK = 40,
	FORMAT_OPAQUE = 42,
	FORMAT_CBOR = 60,
	FORMAT_SENML_CBOR = 112,
	FORMAT_TLV = 11542,
	FORMAT_NONE = 65535,
};

struct format {
	uint16_t number;
	const char *name;
	uint8_t since_minor; /* 1 for what LwM2M 1.1 brought */
	bool is_single;      /* holds one resource or resource instance, never a tree */

	/* Writes the records at or below `base`, which are in tree order. ERR_UNSUPPORTED when this format
	 * cannot hold them. */
	enum err (*write)(const struct records *records, struct path base, struct builder *b);

	/* Appends what the payload says about `base` and below. ERR_MALFORMED with the reason. */
	enum err (*read)(struct bytes payload, struct path base, struct records *records,
			 struct fault *fault);
};

/* NULL when the device has no such format in LwM2M 1.`minor`. */
const struct format *format_find(uint16_t number, uint8_t minor);

/* encode_text.c */
enum err text_write(const struct records *records, struct path base, struct builder *b);
enum err text_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);
enum err opaque_write(const struct records *records, struct path base, struct builder *b);
enum err opaque_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);

/* encode_tlv.c; a path below an object without an instance id (Create) has ID_NONE there */
enum err tlv_write(const struct records *records, struct path base, struct builder *b);
enum err tlv_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);

/* encode_senml.c; a record that is only a name has KIND_NONE */
enum err senml_write(const struct records *records, struct path base, struct builder *b);
enum err senml_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);
enum err cbor_write(const struct records *records, struct path base, struct builder *b);
enum err cbor_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);

#endif
