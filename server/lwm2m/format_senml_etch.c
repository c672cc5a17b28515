/* RFC 8790 with LwM2M Core TS 1.2, 7.4.5: SenML that fetches and patches. The encoding is that of SenML; a
 * pack either names what to fetch or gives each thing that it names a value, null for a resource instance to
 * delete. */
#include "format_rows.h"

#include "path.h"

static enum err check_record(const struct lwm2m_record *record, bool is_fetch, struct fault *fault)
{
	char path[PATH_TEXT_SIZE];

	path_print(record->path, path);
	if ((record->value.type == LWM2M_NONE) != is_fetch)
		return fault_set(fault, ERR_MALFORMED, "%s: a pack holds either names or values, not both",
				 path);
	if (record->value.type == LWM2M_NULL && record->path.depth != 4)
		return fault_set(fault, ERR_MALFORMED,
				 "%s: null deletes a resource instance and nothing else", path);
	return ERR_NONE;
}

/* Both are sent to the root. */
static enum err check_pack(struct lwm2m_path base, struct lwm2m_records records, struct fault *fault)
{
	char path[PATH_TEXT_SIZE];
	enum err err = ERR_NONE;

	if (base.depth != 0)
		return fault_set(fault, ERR_UNSUPPORTED, "SenML-ETCH speaks of the root, not of %s",
				 path_print(base, path));
	for (size_t i = 0; i < records.count && err == ERR_NONE; i++)
		err = check_record(&records.at[i], records.at[0].value.type == LWM2M_NONE, fault);
	return err;
}

static enum err read_etch(format_read *read, struct arena *arena, const struct model *model,
			  struct lwm2m_path base, struct bytes payload, struct lwm2m_records *ret_records,
			  struct fault *fault)
{
	struct lwm2m_records records;
	enum err err = read(arena, model, base, payload, &records, fault);

	if (err == ERR_NONE)
		err = check_pack(base, records, fault);
	if (err == ERR_NONE)
		*ret_records = records;
	return err;
}

static enum err write_etch(format_write *write, struct arena *arena, const struct model *model,
			   struct lwm2m_path base, struct lwm2m_records records, struct bytes *ret_payload,
			   struct fault *fault)
{
	enum err err = check_pack(base, records, fault);

	return err == ERR_NONE ? write(arena, model, base, records, ret_payload, fault) : err;
}

enum err senml_etch_json_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			      struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	return read_etch(senml_json_read, arena, model, base, payload, ret_records, fault);
}

enum err senml_etch_cbor_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			      struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	return read_etch(senml_cbor_read, arena, model, base, payload, ret_records, fault);
}

enum err senml_etch_json_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			       struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	return write_etch(senml_json_write, arena, model, base, records, ret_payload, fault);
}

enum err senml_etch_cbor_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			       struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	return write_etch(senml_cbor_write, arena, model, base, records, ret_payload, fault);
}
