/* What the tests of content formats that name their records share. */
#ifndef CARDEA_TESTS_UNIT_FORMAT_SUPPORT_H
#define CARDEA_TESTS_UNIT_FORMAT_SUPPORT_H

#include "lwm2m_support.h"

#include "format.h"

struct lwm2m_path path_at(const char *text);

struct lwm2m_record integer_at(const char *path, int64_t number);
struct lwm2m_record text_at(const char *path, const char *text);

/* A format with what it is read with, so that a test's lines say only what is special. */
struct format_desk {
	struct arena *arena;
	uint16_t format;
	const struct model *model; /* NULL: no definitions */
	const char *base;
};

struct lwm2m_records format_reads(const struct format_desk *desk, struct bytes payload);
/* With ERR_MALFORMED and a reason that holds these words, nothing answered. */
void format_refuses(const struct format_desk *desk, struct bytes payload, const char *reason);
/* Every beginning of the payload but the whole. */
void format_refuses_every_cut(const struct format_desk *desk, struct bytes payload);
struct bytes format_writes(const struct format_desk *desk, const struct lwm2m_record *records, size_t count);
enum err format_write_error(const struct format_desk *desk, const struct lwm2m_record *records, size_t count);
/* The same paths, values and times after writing and reading. */
void format_keeps(const struct format_desk *desk, const struct lwm2m_record *records, size_t count);

#endif
