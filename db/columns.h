/* Rows as tables: which member of a struct is which column. So a row is copied, bound and read in one place.
 */
#ifndef CARDEA_DB_COLUMNS_H
#define CARDEA_DB_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <cardea/arena.h>
#include <cardea/bytes.h>

enum column_type {
	COLUMN_TEXT, /* const char *; NULL is bound as NULL and read as "" */
	COLUMN_BYTES,
	COLUMN_BOOL,
	COLUMN_U8,
	COLUMN_U16,
	COLUMN_U32,
	COLUMN_U64, /* kept as the signed number of the same bits */
	COLUMN_I64,
};

struct column {
	size_t offset;
	enum column_type type;
};

struct columns {
	size_t row_size;
	const struct column *at;
	size_t count;
};

/* The column of a member; its type follows from the member's. */
#define COLUMN(row, member)                                                                                              \
	{                                                                                                                \
		offsetof(row, member),                                                                                 \
	  _Generic(((row *)0)->member, const char *: COLUMN_TEXT, struct bytes: COLUMN_BYTES, bool: COLUMN_BOOL, \
		   uint8_t: COLUMN_U8, uint16_t: COLUMN_U16, uint32_t: COLUMN_U32, uint64_t: COLUMN_U64,         \
		   int64_t: COLUMN_I64) \
	}

#define COLUMNS(row, columns)                                                                                \
	{                                                                                                    \
		sizeof(row), columns, sizeof(columns) / sizeof *(columns)                                    \
	}

/* How many bytes the texts and bytes of a row take besides the struct. */
size_t columns_spare_size(const struct columns *columns, const void *row);
/* Copies a row; its texts and bytes go to *spare, which moves on. */
void columns_copy(const struct columns *columns, const void *row, void *ret_row, char **spare);

/* Binds the columns to the parameters ?1, ?2, ... as far as the statement has them. The row outlives the
 * step. */
int columns_bind(const struct columns *columns, const void *row, sqlite3_stmt *statement);

/* Reads a result row of exactly these columns. Without an arena its texts are SQLite's, valid until the next
 * step. */
MUST_CHECK enum err columns_read(const struct columns *columns, sqlite3_stmt *statement, struct arena *arena,
				 void *ret_row);

#endif
