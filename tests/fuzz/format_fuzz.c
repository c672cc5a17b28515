#include "format_fuzz.h"

#include "path.h"
#include "tolerant_read.h"
#include "value.h"

#define ITEM(id, type, multiple)                                                                             \
	"<Item ID=\"" id "\"><Operations>RW</Operations><MultipleInstances>" multiple "</MultipleInstances>" \
	"<Mandatory>Optional</Mandatory><Type>" type "</Type></Item>"

/* clang-format off */
static const char definition[] =
	"<LWM2M><Object><Name>x</Name><ObjectID>3</ObjectID><MultipleInstances>Multiple</MultipleInstances>"
	"<Mandatory>Optional</Mandatory><Resources>"
	ITEM("0", "String", "Single")
	ITEM("1", "Integer", "Single")
	ITEM("2", "Unsigned Integer", "Single")
	ITEM("3", "Float", "Single")
	ITEM("4", "Boolean", "Single")
	ITEM("5", "Opaque", "Single")
	ITEM("6", "Integer", "Multiple")
	ITEM("7", "Objlnk", "Single")
	ITEM("8", "Time", "Single")
	"</Resources></Object></LWM2M>";
/* clang-format on */

/* A time without definition comes back as an integer: the tag that told is not written. */
static bool is_same(const struct lwm2m_record *record, struct lwm2m_record again)
{
	return path_equal(record->path, again.path) &&
	       value_convert(record->value.type, &again.value, NULL) == ERR_NONE &&
	       value_equal(&record->value, &again.value);
}

static void require_same(struct lwm2m_records a, struct lwm2m_records b, bool is_ordered)
{
	require(a.count == b.count);
	for (size_t i = 0; i < a.count; i++) {
		size_t k = is_ordered ? i : 0;

		while (!is_ordered && k < b.count && !is_same(&a.at[i], b.at[k]))
			k++;
		require(k < b.count && is_same(&a.at[i], b.at[k]));
	}
}

/* A tree is written in the order of its ids. */
static bool is_tree(uint16_t number)
{
	return number == FORMAT_TLV || number == FORMAT_LWM2M_CBOR;
}

static void read_and_write(const struct format *format, const struct model *model, struct lwm2m_path base,
			   struct bytes payload)
{
	struct arena *arena = arena_create(32 << 20);
	struct lwm2m_records records, again;
	struct bytes written;
	enum err err;

	if (format->read(arena, model, base, payload, &records, NULL) == ERR_NONE) {
		for (size_t i = 0; i < records.count; i++)
			require(path_starts_with(records.at[i].path, base));
		err = format->write(arena, model, base, records, &written, NULL);
		/* a float that is not finite has no text; a name alone leaves no record below a path */
		require(err == ERR_NONE || err == ERR_UNSUPPORTED || err == ERR_NOMEM);
		if (err == ERR_NONE && (format->number == FORMAT_TLV || base.depth == 0 || format->single) &&
		    records.count < 256) {
			require(format->read(arena, model, base, written, &again, NULL) == ERR_NONE);
			require_same(records, again, !is_tree(format->number));
		}
	}
	arena_free(arena);
}

/* What is read strictly is read by no rule; what is read by one is below the path too. */
static void read_tolerantly(const struct format *format, const struct model *model, struct lwm2m_path base,
			    struct bytes payload)
{
	struct arena *arena = arena_create(32 << 20);
	struct lwm2m_records records, strict;
	uint32_t rules = 0;

	if (tolerant_read(arena, model, base, format->number, FORMAT_NONE, payload, &records, &rules, NULL) ==
	    ERR_NONE) {
		for (size_t i = 0; i < records.count; i++)
			require(path_starts_with(records.at[i].path, base));
		require((rules == 0) ==
			(format->read(arena, model, base, payload, &strict, NULL) == ERR_NONE));
	}
	arena_free(arena);
}

void fuzz_format(uint16_t number, struct bytes payload)
{
	static const struct lwm2m_path bases[] = {
		{ 0, 0, 0, 0, 0 }, { 3, 0, 0, 0, 1 }, { 3, 0, 0, 0, 2 }, { 3, 0, 1, 0, 3 },
		{ 3, 0, 6, 0, 3 }, { 3, 0, 6, 1, 4 }, { 3, 0, 3, 0, 3 }, { 3, 0, 8, 0, 3 },
	};
	const struct format *format = format_find(number);
	struct model *model;

	require(model_create(&model) == ERR_NONE);
	require(model_add_ddf(model, bytes_of_text(definition), NULL) == ERR_NONE);
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		read_and_write(format, model, bases[i], payload);
		read_and_write(format, NULL, bases[i], payload);
		read_tolerantly(format, model, bases[i], payload);
	}
	model_free(model);
}
