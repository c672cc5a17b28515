/* LwM2M Core TS 1.1 and 1.2, 7.4: content formats */
#include "format_choice.h"

#include "format.h"

/* ---- what we know ---- */

#define ANY_MINOR UINT8_MAX

struct format_row {
	uint16_t number;
	uint8_t since_minor, until_minor;
	bool needs_root;  /* its names would need an alternate path in front, which we do not write */
	bool is_expected; /* of a device that announces nothing, too */
};

/* clang-format off */
/* In order of preference. That a 1.1 client should know SenML CBOR is [spec2]. */
static const struct format_row rows[] = {
	/* number           since  until      needs root  is expected */
	{ FORMAT_LWM2M_CBOR, 2,    ANY_MINOR, false,      false },
	{ FORMAT_SENML_CBOR, 1,    ANY_MINOR, false,      true  },
	{ FORMAT_SENML_JSON, 1,    ANY_MINOR, false,      true  },
	{ FORMAT_TLV,        0,    ANY_MINOR, false,      true  },
	{ FORMAT_LWM2M_JSON, 0,    0,         true,       false },
};

/* SenML, and its other form for the bodies of FETCH and iPATCH since 1.2. */
static const struct { uint16_t plain, etch; } encodings[] = {
	{ FORMAT_SENML_CBOR, FORMAT_SENML_ETCH_CBOR },
	{ FORMAT_SENML_JSON, FORMAT_SENML_ETCH_JSON },
};
/* clang-format on */

#define ROW_COUNT      (sizeof(rows) / sizeof(rows[0]))
#define ENCODING_COUNT (sizeof(encodings) / sizeof(encodings[0]))
#define ETCH_MINOR     2

unsigned format_choice_minor(struct bytes version)
{
	uint16_t major, minor;

	return version_parse(version, &major, &minor) ? minor : 0;
}

static unsigned minor_of(const struct device *device)
{
	return format_choice_minor(bytes_of_text(device->version));
}

uint16_t format_choice_set(const uint16_t *numbers, size_t count)
{
	const struct format *format;
	unsigned set = 0;

	for (size_t i = 0; (format = format_at(i)) != NULL; i++) {
		for (size_t k = 0; k < count; k++)
			set |= numbers[k] == format->number ? 1u << i : 0;
	}
	return (uint16_t)set;
}

static bool is_announced(uint16_t announced, uint16_t number)
{
	return announced & format_choice_set(&number, 1);
}

static bool fits(const struct format_row *row, unsigned minor, bool has_root)
{
	return minor >= row->since_minor && minor <= row->until_minor && !(row->needs_root && has_root);
}

uint16_t format_choice_first(unsigned minor, bool has_root, uint16_t announced)
{
	uint16_t expected = FORMAT_TLV;

	for (size_t i = ROW_COUNT; i > 0; i--) {
		if (fits(&rows[i - 1], minor, has_root) && rows[i - 1].is_expected)
			expected = rows[i - 1].number;
	}
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (fits(&rows[i], minor, has_root) && is_announced(announced, rows[i].number))
			return rows[i].number;
	}
	return expected;
}

/* ---- lists ---- */

static void try(struct format_choices *choices, uint16_t body, uint16_t accept)
{
	for (size_t i = 0; i < choices->count; i++) {
		if (choices->at[i].body == body && choices->at[i].accept == accept)
			return;
	}
	if (choices->count < FORMAT_CHOICES_MAX)
		choices->at[choices->count++] = (struct format_choice){ body, accept };
}

/* All that the device may know, first what it should. */
static size_t list_trees(const struct device *device, uint16_t ret_numbers[static ROW_COUNT + 1])
{
	unsigned minor = minor_of(device);
	bool has_root = device->root[0] != 0;
	size_t count = 0;

	ret_numbers[count++] = device->preferred_format;
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ROW_COUNT; i++) {
			bool is_likely = rows[i].is_expected ||
					 is_announced(device->announced_formats, rows[i].number);

			if (fits(&rows[i], minor, has_root) && is_likely == (pass == 0) &&
			    rows[i].number != device->preferred_format)
				ret_numbers[count++] = rows[i].number;
		}
	}
	return count;
}

struct format_choices format_choices_read(const struct device *device, uint16_t accept)
{
	struct format_choices choices = { .count = 0 };
	uint16_t numbers[ROW_COUNT + 1];
	size_t count = list_trees(device, numbers);

	if (accept != FORMAT_NONE) {
		try(&choices, FORMAT_NONE, accept);
		return choices;
	}
	for (size_t i = 0; i < count; i++)
		try(&choices, FORMAT_NONE, numbers[i]);
	try(&choices, FORMAT_NONE, FORMAT_NONE);
	return choices;
}

/* At last the plain form of one value. */
struct format_choices format_choices_write(const struct device *device,
					   const struct operation_request *request)
{
	struct format_choices choices = { .count = 0 };
	uint16_t numbers[ROW_COUNT + 1];
	size_t count = list_trees(device, numbers);

	if (request->accept != FORMAT_NONE) {
		try(&choices, request->accept, FORMAT_NONE);
		return choices;
	}
	for (size_t i = 0; i < count; i++)
		try(&choices, numbers[i], FORMAT_NONE);
	if (request->operation == LWM2M_WRITE_REPLACE && request->path.depth >= 3 &&
	    request->records.count == 1)
		try(&choices, request->records.at[0].value.type == LWM2M_OPAQUE ? FORMAT_OPAQUE : FORMAT_TEXT,
		    FORMAT_NONE);
	return choices;
}

/* A body of SenML, in the form that the device announces first. */
static void try_forms(struct format_choices *choices, const struct device *device, size_t encoding,
		      uint16_t accept)
{
	bool has_etch = minor_of(device) >= ETCH_MINOR;

	if (has_etch && is_announced(device->announced_formats, encodings[encoding].etch))
		try(choices, encodings[encoding].etch, accept);
	try(choices, encodings[encoding].plain, accept);
	if (has_etch)
		try(choices, encodings[encoding].etch, accept);
}

/* LwM2M CBOR cannot name what it has no value of, and is answered to a body in SenML CBOR. */
struct format_choices format_choices_fetch(const struct device *device, uint16_t accept)
{
	struct format_choices choices = { .count = 0 };
	uint16_t preferred = device->preferred_format;

	if (accept == FORMAT_NONE && preferred == FORMAT_LWM2M_CBOR)
		try_forms(&choices, device, 0, preferred);
	else if (accept == FORMAT_NONE && preferred == FORMAT_SENML_JSON)
		try_forms(&choices, device, 1, preferred);
	for (size_t i = 0; i < ENCODING_COUNT; i++) {
		if (accept == FORMAT_NONE || accept == encodings[i].plain)
			try_forms(&choices, device, i, encodings[i].plain);
	}
	if (choices.count == 0)
		try_forms(&choices, device, 0, accept);
	return choices;
}

static bool has_deletion(struct lwm2m_records records)
{
	for (size_t i = 0; i < records.count; i++) {
		if (records.at[i].value.type == LWM2M_NULL)
			return true;
	}
	return false;
}

/* What deletes is said in SenML-ETCH alone. */
struct format_choices format_choices_patch(const struct device *device,
					   const struct operation_request *request)
{
	struct format_choices choices = { .count = 0 };
	uint16_t preferred = device->preferred_format;

	if (request->accept != FORMAT_NONE) {
		try(&choices, request->accept, FORMAT_NONE);
		return choices;
	}
	if (has_deletion(request->records)) {
		try(&choices, encodings[preferred == FORMAT_SENML_JSON].etch, FORMAT_NONE);
		for (size_t i = 0; i < ENCODING_COUNT; i++)
			try(&choices, encodings[i].etch, FORMAT_NONE);
		return choices;
	}
	if (preferred != FORMAT_TLV && preferred != FORMAT_LWM2M_JSON)
		try(&choices, preferred, FORMAT_NONE);
	for (size_t i = 0; i < ENCODING_COUNT; i++)
		try_forms(&choices, device, i, FORMAT_NONE);
	return choices;
}
