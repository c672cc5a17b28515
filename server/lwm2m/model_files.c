#include "model_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER    "objects"
#define PATH_SIZE 4096

/* Id and version of the one object that the text defines. */
static enum err read_identity(struct bytes xml, uint16_t *ret_id, uint16_t *ret_major, uint16_t *ret_minor,
			      struct fault *fault)
{
	struct model *model;
	enum err err = model_create(&model);
	if (err != ERR_NONE)
		return err;
	err = model_add_ddf(model, xml, fault);
	const struct object_model *object = err == ERR_NONE ? model_at(model, 0) : NULL;
	if (err == ERR_NONE && (object == NULL || model_at(model, 1) != NULL))
		err = fault_set(fault, ERR_UNSUPPORTED, "LWM2M: one Object at a time");
	if (err == ERR_NONE) {
		*ret_id = object->id;
		*ret_major = object->major;
		*ret_minor = object->minor;
	}
	model_free(model);
	return err;
}

static enum err write_whole(const char *path, struct bytes text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return ERR_IO;
	bool written = write(fd, text.at, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	return close(fd) == 0 && written ? ERR_NONE : ERR_IO;
}

enum err model_file_keep(const char *data_dir, struct bytes xml, struct fault *fault)
{
	char folder[PATH_SIZE], path[PATH_SIZE], next[PATH_SIZE];
	uint16_t id, major, minor;
	enum err err = read_identity(xml, &id, &major, &minor, fault);
	if (err != ERR_NONE)
		return err;
	int length = snprintf(folder, sizeof folder, "%s/" FOLDER, data_dir);
	length = length < PATH_SIZE ? snprintf(path, sizeof path, "%s/%u-%u.%u.xml", folder, id, major, minor)
				    : length;
	length = length < PATH_SIZE ? snprintf(next, sizeof next, "%s.new", path) : length;
	if (length >= PATH_SIZE)
		return fault_set(fault, ERR_LIMIT, "%s: too long a path", data_dir);
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return fault_set(fault, ERR_IO, "%s: %s", folder, strerror(errno));
	if (write_whole(next, xml) != ERR_NONE || rename(next, path) != 0)
		return fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_NONE;
}

enum err model_add_kept(struct model *model, const char *data_dir, struct fault *fault)
{
	char folder[PATH_SIZE];
	int length = snprintf(folder, sizeof folder, "%s/" FOLDER, data_dir);
	if (length >= PATH_SIZE)
		return fault_set(fault, ERR_LIMIT, "%s: too long a path", data_dir);
	return access(folder, F_OK) == 0 ? model_add_folder(model, folder, fault) : ERR_NONE;
}
