#include "state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"

static enum err make_folder(const char *path, struct fault *fault)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return ERR_NONE;
	return fault_set(fault, ERR_IO, "cannot create %s: %s", path, strerror(errno));
}

enum err state_folder(const char *root, const char *endpoint, struct arena *arena, const char **ret_folder,
		      struct fault *fault)
{
	struct builder b = builder_in(arena);
	struct bytes path;
	enum err err = make_folder(root, fault);

	if (err != ERR_NONE)
		return err;
	build_printf(&b, "%s/", root);
	for (const char *at = endpoint; *at != '\0'; at++) {
		bool is_plain = isalnum((unsigned char)*at) || *at == '-' || *at == '_' ||
				(*at == '.' && at != endpoint);
		build_printf(&b, is_plain ? "%c" : "%%%02X", (unsigned char)*at);
	}
	build_u8(&b, 0);
	err = builder_bytes(&b, &path);
	if (err == ERR_NONE)
		err = make_folder((const char *)path.at, fault);
	if (err != ERR_NONE)
		return err;
	*ret_folder = (const char *)path.at;
	return ERR_NONE;
}

static enum err write_file(const char *path, struct bytes content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum err err = ERR_NONE;

	if (fd < 0)
		return ERR_IO;
	while (content.len > 0) {
		ssize_t written = write(fd, content.at, content.len);
		if (written <= 0) {
			err = ERR_IO;
			break;
		}
		content = bytes_from(content, (size_t)written);
	}
	if (close(fd) != 0)
		err = ERR_IO;
	return err;
}

enum err state_write(const char *path, struct bytes content)
{
	char *temporary;
	enum err err;

	if (asprintf(&temporary, "%s.new", path) < 0)
		return ERR_NOMEM;
	err = write_file(temporary, content);
	if (err == ERR_NONE && rename(temporary, path) != 0)
		err = ERR_IO;
	free(temporary);
	return err;
}

enum err state_read(const char *path, struct arena *arena, struct bytes *ret_content)
{
	struct builder b = builder_in(arena);
	uint8_t block[4096];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	while ((got = read(fd, block, sizeof(block))) > 0)
		build_bytes(&b, bytes_of(block, (size_t)got));
	close(fd);
	return got < 0 ? ERR_IO : builder_bytes(&b, ret_content);
}

enum err state_write_records(const char *path, const struct records *records)
{
	struct builder b = builder_in(records->arena);
	struct bytes content;
	enum err err;

	if (records->bad)
		return ERR_NOMEM;
	err = senml_write(records, (struct path){ .depth = 0 }, &b);
	if (err == ERR_NONE)
		err = builder_bytes(&b, &content);
	return err == ERR_NONE ? state_write(path, content) : err;
}

enum err state_read_records(const char *path, struct records *records, struct fault *fault)
{
	struct bytes content;
	enum err err = state_read(path, records->arena, &content);

	return err == ERR_NONE ? senml_read(content, (struct path){ .depth = 0 }, records, fault) : err;
}
