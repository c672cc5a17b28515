#include "columns.h"

#include <assert.h>
#include <string.h>

size_t columns_spare_size(const struct columns *columns, const void *row)
{
	size_t size = 0;
	for (size_t i = 0; i < columns->count; i++) {
		const void *member = (const char *)row + columns->at[i].offset;
		if (columns->at[i].type == COLUMN_TEXT) {
			const char *text = *(const char *const *)member;
			size += text ? strlen(text) + 1 : 0;
		} else if (columns->at[i].type == COLUMN_BYTES) {
			size += ((const struct bytes *)member)->len;
		}
	}
	return size;
}

static const void *copy_to_spare(char **spare, const void *from, size_t len)
{
	char *copy = *spare;
	if (len)
		memcpy(copy, from, len);
	*spare += len;
	return copy;
}

void columns_copy(const struct columns *columns, const void *row, void *ret_row, char **spare)
{
	memcpy(ret_row, row, columns->row_size);
	for (size_t i = 0; i < columns->count; i++) {
		void *member = (char *)ret_row + columns->at[i].offset;
		if (columns->at[i].type == COLUMN_TEXT) {
			const char **text = member;
			if (*text)
				*text = copy_to_spare(spare, *text, strlen(*text) + 1);
		} else if (columns->at[i].type == COLUMN_BYTES) {
			struct bytes *bytes = member;
			bytes->at = copy_to_spare(spare, bytes->at, bytes->len);
		}
	}
}

static int bind_member(sqlite3_stmt *statement, int parameter, enum column_type type, const void *member)
{
	const struct bytes *bytes = member;
	switch (type) {
	case COLUMN_TEXT:
		return sqlite3_bind_text(statement, parameter, *(const char *const *)member, -1,
					 SQLITE_STATIC);
	case COLUMN_BYTES: /* no bytes are an empty blob: a NULL address would bind NULL */
		return sqlite3_bind_blob64(statement, parameter, bytes->len ? bytes->at : (const void *)"",
					   bytes->len, SQLITE_STATIC);
	case COLUMN_BOOL:
		return sqlite3_bind_int(statement, parameter, *(const bool *)member);
	case COLUMN_U8:
		return sqlite3_bind_int(statement, parameter, *(const uint8_t *)member);
	case COLUMN_U16:
		return sqlite3_bind_int(statement, parameter, *(const uint16_t *)member);
	case COLUMN_U32:
		return sqlite3_bind_int64(statement, parameter, *(const uint32_t *)member);
	case COLUMN_U64:
		return sqlite3_bind_int64(statement, parameter, (sqlite3_int64) * (const uint64_t *)member);
	case COLUMN_I64:
		return sqlite3_bind_int64(statement, parameter, *(const int64_t *)member);
	}
	return SQLITE_MISUSE;
}

int columns_bind(const struct columns *columns, const void *row, sqlite3_stmt *statement)
{
	size_t parameters = (size_t)sqlite3_bind_parameter_count(statement);
	assert(parameters <= columns->count);
	for (size_t i = 0; i < parameters; i++) {
		const void *member = (const char *)row + columns->at[i].offset;
		int code = bind_member(statement, (int)i + 1, columns->at[i].type, member);
		if (code != SQLITE_OK)
			return code;
	}
	return SQLITE_OK;
}

static enum err read_text(sqlite3_stmt *statement, int column, struct arena *arena, const char **ret_text)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	if (text == NULL && sqlite3_column_type(statement, column) != SQLITE_NULL)
		return ERR_NOMEM;
	if (text == NULL)
		text = "";
	if (arena)
		text = arena_strdup(arena, text);
	if (text == NULL)
		return ERR_NOMEM;
	*ret_text = text;
	return ERR_NONE;
}

static enum err read_member(sqlite3_stmt *statement, int column, enum column_type type, struct arena *arena,
			    void *ret_member)
{
	struct bytes bytes;
	sqlite3_int64 number = 0;
	if (type != COLUMN_TEXT && type != COLUMN_BYTES)
		number = sqlite3_column_int64(statement, column);
	switch (type) {
	case COLUMN_TEXT:
		return read_text(statement, column, arena, ret_member);
	case COLUMN_BYTES:
		bytes.at = sqlite3_column_blob(statement, column);
		bytes.len = (size_t)sqlite3_column_bytes(statement, column);
		if (bytes.at == NULL && bytes.len)
			return ERR_NOMEM;
		if (arena)
			return bytes_copy(arena, bytes, ret_member);
		*(struct bytes *)ret_member = bytes;
		return ERR_NONE;
	case COLUMN_BOOL:
		*(bool *)ret_member = number != 0;
		return ERR_NONE;
	case COLUMN_U8:
		*(uint8_t *)ret_member = (uint8_t)number;
		return ERR_NONE;
	case COLUMN_U16:
		*(uint16_t *)ret_member = (uint16_t)number;
		return ERR_NONE;
	case COLUMN_U32:
		*(uint32_t *)ret_member = (uint32_t)number;
		return ERR_NONE;
	case COLUMN_U64:
		*(uint64_t *)ret_member = (uint64_t)number;
		return ERR_NONE;
	case COLUMN_I64:
		*(int64_t *)ret_member = number;
		return ERR_NONE;
	}
	return ERR_INTERNAL;
}

enum err columns_read(const struct columns *columns, sqlite3_stmt *statement, struct arena *arena,
		      void *ret_row)
{
	assert((size_t)sqlite3_column_count(statement) == columns->count);
	for (size_t i = 0; i < columns->count; i++) {
		void *member = (char *)ret_row + columns->at[i].offset;
		enum err err = read_member(statement, (int)i, columns->at[i].type, arena, member);
		if (err)
			return err;
	}
	return ERR_NONE;
}
