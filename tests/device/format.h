/* The content formats that this device reads and writes (LwM2M Core TS 1.1, 7.4 and appendix C). */
#ifndef DEVICE_FORMAT_H
#define DEVICE_FORMAT_H

#include "value.h"

enum {
	FORMAT_TEXT = 0,
	FORMAT_LINK = 40,
	FORMAT_OPAQUE = 42,
	FORMAT_CBOR = 60,
	FORMAT_SENML_JSON = 110,
	FORMAT_SENML_CBOR = 112,
	FORMAT_SENML_ETCH_JSON = 320,
	FORMAT_SENML_ETCH_CBOR = 322,
	FORMAT_TLV = 11542,
	FORMAT_LWM2M_CBOR = 11544,
	FORMAT_NONE = 65535,
};

struct format {
	uint16_t number;
	const char *name;
	uint8_t since_minor; /* 1 for what LwM2M 1.1 brought; of 1.2 is what the device has only then */
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

typedef enum err format_read(struct bytes payload, struct path base, struct records *records,
			     struct fault *fault);

/* How the body of a FETCH (names) or iPATCH (values) is read; NULL when the device does not know it. */
format_read *format_find_fetch(uint16_t number, uint8_t minor);
format_read *format_find_patch(uint16_t number, uint8_t minor);

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
void build_cbor_of(struct builder *b, struct value value);
enum err read_cbor_value(struct reader *r, struct arena *arena, struct value *ret_value);

/* encode_json.c */
enum err json_write(const struct records *records, struct path base, struct builder *b);
enum err json_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);

/* encode_senml.c, encode_json.c: SenML-ETCH, where KIND_NULL removes */
format_read senml_etch_read, json_etch_read;

/* encode_tree.c */
enum err tree_write(const struct records *records, struct path base, struct builder *b);
enum err tree_read(struct bytes payload, struct path base, struct records *records, struct fault *fault);

#endif
