/* make_cap: writes a well-formed CAP file.
 *
 *   make_cap --package-aid HEX --applet-aid HEX [--applet-aid HEX ...] [--version 1.0] [--size BYTES]
 *            [--form zip|ijc] FILE */
#include "cap_file.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: make_cap --package-aid HEX --applet-aid HEX [--version 1.0] [--size BYTES] "
	"[--form zip|ijc] FILE\n";

struct request {
	struct cap_order order;
	bool is_ijc;
	const char *path;
};

static bool read_aid(struct arena *arena, const char *hex, struct bytes *ret_aid)
{
	return bytes_from_hex(arena, hex, ret_aid) == ERR_NONE && ret_aid->len >= 5 && ret_aid->len <= 16;
}

static bool read_version(const char *text, struct cap_order *order)
{
	unsigned major, minor;

	if (sscanf(text, "%u.%u", &major, &minor) != 2 || major > 255 || minor > 255)
		return false;
	order->major = (uint8_t)major;
	order->minor = (uint8_t)minor;
	return true;
}

static bool read_option(struct arena *arena, int option, const char *value, struct request *request)
{
	struct cap_order *order = &request->order;

	switch (option) {
	case 'p':
		return read_aid(arena, value, &order->package_aid);
	case 'a':
		return order->applet_count < CAP_MAX_APPLETS &&
		       read_aid(arena, value, &order->applets[order->applet_count++]);
	case 'v':
		return read_version(value, order);
	case 's':
		order->code_bytes = strtoul(value, NULL, 10);
		return true;
	case 'f':
		request->is_ijc = strcmp(value, "ijc") == 0;
		return request->is_ijc || strcmp(value, "zip") == 0;
	default:
		return false;
	}
}

static bool read_arguments(struct arena *arena, int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "package-aid", required_argument, NULL, 'p' },
		{ "applet-aid", required_argument, NULL, 'a' },
		{ "version", required_argument, NULL, 'v' },
		{ "size", required_argument, NULL, 's' },
		{ "form", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!read_option(arena, option, optarg, request))
			return false;
	}
	request->path = argv[optind];
	return optind == argc - 1 && request->order.package_aid.len > 0;
}

static int write_file(const char *path, struct bytes content)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL || fwrite(content.at, 1, content.len, f) != content.len) {
		perror(path);
		if (f != NULL)
			fclose(f);
		return EXIT_FAILURE;
	}
	if (fclose(f) != 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_create(0);
	struct request request = { .order = { .major = 1, .code_bytes = 1000 } };
	struct bytes file;
	int status = 2;

	if (arena == NULL || !read_arguments(arena, argc, argv, &request)) {
		fputs(usage, stderr);
	} else {
		enum err err = request.is_ijc ? cap_build_ijc(arena, &request.order, &file)
					      : cap_build_zip(arena, &request.order, &file);
		if (err != ERR_NONE)
			fprintf(stderr, "make_cap: %s\n", err_name(err));
		status = err == ERR_NONE ? write_file(request.path, file) : EXIT_FAILURE;
	}
	arena_free(arena);
	return status;
}
