/* GPCS 2.3.1 11.6.2.3; Java Card VM specification 2.2, chapter 6: a CAP file of which nothing is executed,
 * but whose parts must agree with each other */
#include "load_file.h"

#include <cardea/tlv.h>
#include <utlist.h>

#define TAG_DAP            0xE2
#define TAG_BLOCK          0xC4
#define TAG_ICV            0xD3
#define TAG_CIPHERED_BLOCK 0xD4
#define CAP_MAGIC          0xDECAFFED
#define COMPONENT_KINDS    13 /* 1 Header to 12 Debug, 13 Static Resources */
#define COMPONENT_CUSTOM   128
#define DIRECTORY_SIZES    11 /* Header to Descriptor, in the order of the tags */

enum component { HEADER = 1, DIRECTORY = 2, APPLET = 3, IMPORT = 4, DESCRIPTOR = 11 };

struct cap {
	bool has[COMPONENT_KINDS + 1];
	struct bytes components[COMPONENT_KINDS + 1];
};

/* Of the next element of a load file, as far as it came. `before` is the tag before it, 0 at the beginning.
 */
enum element { ELEMENT_BROKEN, ELEMENT_CUT, ELEMENT_THERE };

static bool may_follow(uint8_t before, uint8_t tag)
{
	switch (tag) {
	case TAG_DAP:
	case TAG_BLOCK:
	case TAG_ICV:
		return before == 0 || before == TAG_DAP;
	case TAG_CIPHERED_BLOCK:
		return before == 0 || before == TAG_DAP || before == TAG_ICV;
	default:
		return false;
	}
}

static enum element element_begin(struct reader *r, uint8_t before, uint8_t *ret_tag, size_t *ret_length)
{
	if (reader_left(r) == 0)
		return ELEMENT_CUT;
	*ret_tag = read_u8(r);
	if (!may_follow(before, *ret_tag))
		return ELEMENT_BROKEN;
	uint8_t first = peek_u8(r);
	if (reader_left(r) > 0 && (first == 0x80 || first > 0x83))
		return ELEMENT_BROKEN;
	*ret_length = read_ber_length(r);
	return r->bad ? ELEMENT_CUT : ELEMENT_THERE;
}

enum err load_file_length(struct bytes beginning, size_t *ret_length, size_t *ret_block_length)
{
	struct reader r = reader_of(beginning);
	uint8_t tag = 0;
	size_t length = 0;
	*ret_length = *ret_block_length = 0;
	do {
		enum element element = element_begin(&r, tag, &tag, &length);
		if (element != ELEMENT_THERE)
			return element == ELEMENT_BROKEN ? ERR_MALFORMED : ERR_NONE;
		if (tag == TAG_BLOCK || tag == TAG_CIPHERED_BLOCK) {
			*ret_block_length = tag == TAG_BLOCK
						    ? length
						    : length - (length < AES_BLOCK ? length : AES_BLOCK);
			*ret_length = beginning.len - reader_left(&r) + length;
			return ERR_NONE;
		}
		read_bytes(&r, length);
	} while (!r.bad);
	return ERR_NONE;
}

static bool dap_block_read(struct bytes content, struct load_file_parts *parts)
{
	struct reader r = reader_of(content);
	struct dap_block block;
	uint32_t first, second;
	if (!read_tlv(&r, &first, &block.domain) || first != 0x4F ||
	    !read_tlv(&r, &second, &block.signature) || second != 0xC3 || !reader_done(&r) ||
	    parts->dap_block_count == DAP_BLOCKS_MAX)
		return false;
	parts->dap_blocks[parts->dap_block_count++] = block;
	return true;
}

enum err load_file_split(struct bytes file, struct load_file_parts *ret_parts)
{
	struct load_file_parts parts = { 0 };
	struct reader r = reader_of(file);
	uint8_t tag = 0;
	size_t length;
	while (reader_left(&r) > 0) {
		if (element_begin(&r, tag, &tag, &length) != ELEMENT_THERE)
			return ERR_MALFORMED;
		struct bytes value = read_bytes(&r, length);
		if (tag == TAG_DAP && !dap_block_read(value, &parts))
			return ERR_MALFORMED;
		if (tag == TAG_ICV)
			parts.icv = value;
		if (tag == TAG_BLOCK || tag == TAG_CIPHERED_BLOCK)
			parts.block = value;
	}
	if (!reader_done(&r) || (tag != TAG_BLOCK && tag != TAG_CIPHERED_BLOCK))
		return ERR_MALFORMED;
	parts.is_ciphered = tag == TAG_CIPHERED_BLOCK;
	*ret_parts = parts;
	return ERR_NONE;
}

/* ---- components ---- */

static bool components_read(struct bytes block, struct cap *ret_cap)
{
	struct reader r = reader_of(block);
	bool is_first = true;
	while (reader_left(&r) > 0) {
		uint8_t tag = read_u8(&r);
		struct bytes content = read_bytes(&r, read_u16(&r));
		if (is_first != (tag == HEADER) || r.bad)
			return false;
		is_first = false;
		if (tag >= COMPONENT_CUSTOM)
			continue;
		if (tag == 0 || tag > COMPONENT_KINDS || ret_cap->has[tag])
			return false;
		ret_cap->has[tag] = true;
		ret_cap->components[tag] = content;
	}
	return ret_cap->has[HEADER];
}

/* The directory has the sizes of all the others; the descriptor may be left out of a load file. */
static bool directory_agrees(const struct cap *cap)
{
	struct reader r = reader_of(cap->components[DIRECTORY]);
	if (!cap->has[DIRECTORY])
		return true;
	for (int tag = 1; tag <= DIRECTORY_SIZES; tag++) {
		size_t size = read_u16(&r);
		bool is_left_out = tag == DESCRIPTOR && !cap->has[tag];
		if (!is_left_out && size != cap->components[tag].len)
			return false;
	}
	return !r.bad;
}

static bool header_read(struct bytes header, struct load_file *file)
{
	struct reader r = reader_of(header);
	uint32_t magic = read_u32(&r);
	read_bytes(&r, 3); /* version of the format, flags */
	uint8_t minor = read_u8(&r), major = read_u8(&r);
	struct bytes aid = read_lv(&r);
	if (reader_left(&r) > 0)
		read_lv(&r); /* name of the package, since 2.2 */
	file->version = (uint16_t)(major << 8 | minor);
	return reader_done(&r) && magic == CAP_MAGIC && aid_read(aid, &file->package);
}

/* The next AID of a list; false when it is none. */
static bool aid_append(struct reader *r, struct arena *arena, struct aid_item **list, enum err *ret_err)
{
	struct card_aid aid;
	if (!aid_read(read_lv(r), &aid)) {
		*ret_err = ERR_MALFORMED;
		return false;
	}
	struct aid_item *item = arena_alloc(arena, sizeof(*item));
	if (item == NULL) {
		*ret_err = ERR_NOMEM;
		return false;
	}
	item->aid = aid;
	LL_APPEND(*list, item);
	return true;
}

/* An applet shares the RID of its package. */
static enum err applets_read(struct bytes component, struct arena *arena, struct load_file *file)
{
	struct reader r = reader_of(component);
	enum err err = ERR_NONE;
	struct bytes rid = bytes_first(aid_bytes(&file->package), 5);
	for (unsigned count = read_u8(&r); count > 0; count--) {
		if (!aid_append(&r, arena, &file->modules, &err))
			return err;
		read_u16(&r); /* where its install method is */
	}
	for (const struct aid_item *item = file->modules; item != NULL; item = item->next) {
		if (!bytes_equal(bytes_first(aid_bytes(&item->aid), 5), rid))
			return ERR_MALFORMED;
	}
	return reader_done(&r) && file->modules != NULL ? ERR_NONE : ERR_MALFORMED;
}

static enum err imports_read(struct bytes component, struct arena *arena, struct load_file *file)
{
	struct reader r = reader_of(component);
	enum err err = ERR_NONE;
	for (unsigned count = read_u8(&r); count > 0; count--) {
		read_u16(&r); /* version of the package that is imported */
		if (!aid_append(&r, arena, &file->imports, &err))
			return err;
	}
	return reader_done(&r) ? ERR_NONE : ERR_MALFORMED;
}

enum err load_file_read(struct bytes block, struct arena *arena, struct load_file *ret_file)
{
	struct load_file file = { .block = block };
	struct cap cap = { 0 };
	if (!components_read(file.block, &cap) || !directory_agrees(&cap) ||
	    !header_read(cap.components[HEADER], &file))
		return ERR_MALFORMED;
	enum err err = ERR_NONE;
	if (cap.has[APPLET])
		err = applets_read(cap.components[APPLET], arena, &file);
	if (err == ERR_NONE && cap.has[IMPORT])
		err = imports_read(cap.components[IMPORT], arena, &file);
	if (err == ERR_NONE)
		*ret_file = file;
	return err;
}
