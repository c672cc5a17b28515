/* Java Card VM specification, chapter 6 (CAP file format); GPCS 2.3.1, 11.6.2.3 load file structure.
 *
 * Three forms are taken:
 *   CAP    a ZIP with <package>/javacard/Header.cap and so on; its components are put into loading order
 *   IJC    the same components, already one after another
 *   ready  { E2 DAP block }... C4 load file data block, or [D3 ICV] D4 the same ciphered, as LOAD carries it
 */
#include "package/load_file.h"

#include <cardea/tlv.h>

#include "gp/dap.h"
#include "package/cap.h"

#define TAG_DAP            0xE2
#define TAG_BLOCK          0xC4
#define TAG_ICV            0xD3
#define TAG_CIPHERED_BLOCK 0xD4

/* The order in which they are loaded; Descriptor and Debug stay behind. */
static const enum component loading_order[] = {
	COMPONENT_HEADER,        COMPONENT_DIRECTORY,
	COMPONENT_IMPORT,        COMPONENT_APPLET,
	COMPONENT_CLASS,         COMPONENT_METHOD,
	COMPONENT_STATIC_FIELD,  COMPONENT_EXPORT,
	COMPONENT_CONSTANT_POOL, COMPONENT_REFERENCE_LOCATION,
};

static enum err wrap_block(struct arena *arena, struct load_file *file)
{
	struct builder b = builder_in(arena);

	build_tlv(&b, 0xC4, file->block);
	return builder_bytes(&b, &file->content);
}

static enum err parse_ijc(struct bytes content, struct arena *arena, struct load_file *file,
			  struct fault *fault)
{
	struct components c;
	enum err err = cap_split(content, &c, fault);

	if (err == ERR_NONE)
		err = cap_describe(&c, file, fault);
	if (err != ERR_NONE)
		return err;
	file->form = LOAD_FILE_IJC;
	file->block = content;
	return wrap_block(arena, file);
}

/* D3 before D4; the ICV is as long as a block of the cipher, of which the ciphered one has a whole number. */
static enum err parse_ciphered(struct reader *r, uint32_t tag, struct bytes value, struct load_file *file,
			       struct fault *fault)
{
	size_t unit = DES_BLOCK;

	if (tag == TAG_ICV) {
		unit = value.len;
		if (!read_tlv(r, &tag, &value) || tag != TAG_CIPHERED_BLOCK ||
		    (unit != DES_BLOCK && unit != AES_BLOCK))
			return fault_set(fault, ERR_MALFORMED,
					 "the ICV (D3) is not of 8 or 16 bytes before a ciphered block (D4)");
	}
	if (value.len == 0 || value.len % unit != 0)
		return fault_set(fault, ERR_MALFORMED,
				 "the ciphered block (D4) of %zu bytes is not of whole blocks", value.len);
	file->form = LOAD_FILE_CIPHERED;
	file->block = value;
	return ERR_NONE;
}

static enum err parse_plain(struct bytes value, struct load_file *file, struct fault *fault)
{
	struct components c;
	enum err err = cap_split(value, &c, fault);

	if (err == ERR_NONE)
		err = cap_describe(&c, file, fault);
	file->form = LOAD_FILE_READY;
	file->block = value;
	return err;
}

static enum err parse_ready(struct bytes content, struct load_file *file, struct fault *fault)
{
	struct reader r = reader_of(content);
	struct dap_block dap;
	uint32_t tag = 0;
	struct bytes value = { 0 };

	while (read_tlv(&r, &tag, &value) && tag == TAG_DAP) {
		enum err err = dap_block_parse(value, &dap, fault);
		if (err != ERR_NONE)
			return err;
		file->is_signed = true;
		file->dap_blocks = bytes_first(content, content.len - reader_left(&r));
	}
	if (r.bad || (tag != TAG_BLOCK && tag != TAG_ICV && tag != TAG_CIPHERED_BLOCK))
		return fault_set(fault, ERR_MALFORMED,
				 "the load file is cut short: no whole data block (C4)");
	enum err err = tag == TAG_BLOCK ? parse_plain(value, file, fault)
					: parse_ciphered(&r, tag, value, file, fault);
	if (err != ERR_NONE)
		return err;
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "%zu bytes after the load file data block",
				 reader_left(&r));
	file->content = content;
	return ERR_NONE;
}

static enum err parse_cap(struct bytes content, struct arena *arena, struct load_file *file,
			  struct fault *fault)
{
	struct components c;
	struct builder block = builder_in(arena);
	enum err err = cap_unzip(content, arena, &c, fault);

	if (err == ERR_NONE)
		err = cap_describe(&c, file, fault);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(loading_order) / sizeof(loading_order[0]); i++)
		build_bytes(&block, c.at[loading_order[i]]);
	err = builder_bytes(&block, &file->block);
	if (err != ERR_NONE)
		return err;
	file->form = LOAD_FILE_CAP;
	return wrap_block(arena, file);
}

/* ---- entry ---- */

const char *load_file_form_text(enum load_file_form form)
{
	static const char *const texts[] = { "cap", "ijc", "load-file", "ciphered-load-file" };

	return texts[form];
}

enum err load_file_parse(struct bytes content, struct arena *arena, struct load_file *ret_file,
			 struct fault *fault)
{
	struct load_file file = { 0 };
	enum err err;

	if (content.len == 0)
		return fault_set(fault, ERR_MALFORMED, "the file is empty");
	if (content.len > LOAD_FILE_MAX_SIZE)
		return fault_set(fault, ERR_LIMIT, "%zu bytes; at most %u are taken", content.len,
				 LOAD_FILE_MAX_SIZE);
	switch (content.at[0]) {
	case 'P':
		err = parse_cap(content, arena, &file, fault);
		break;
	case COMPONENT_HEADER:
		err = parse_ijc(content, arena, &file, fault);
		break;
	case TAG_BLOCK:
	case TAG_ICV:
	case TAG_CIPHERED_BLOCK:
	case TAG_DAP:
		err = parse_ready(content, &file, fault);
		break;
	default:
		err = fault_set(fault, ERR_MALFORMED,
				"neither a CAP file (ZIP), nor its components (01 ...), nor a load file (C4 "
				"...): begins with %02X",
				content.at[0]);
		break;
	}
	if (err == ERR_NONE)
		*ret_file = file;
	return err;
}
