/* Runs a fuzz target over the files of the folders given, and over every shorter beginning of each: a parser
 * that reads past its end shows on one of them. Each input lies in memory of its own size, so that sanitizers
 * see it. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define MAX_INPUT_BYTES  (1 << 20)
#define MAX_PREFIX_BYTES 2048

static void run(const uint8_t *at, size_t len)
{
	uint8_t *copy = malloc(len);

	require(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, at, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int replay_file(const char *path)
{
	static uint8_t input[MAX_INPUT_BYTES];
	FILE *file = fopen(path, "rb");
	size_t len;

	if (file == NULL) {
		perror(path);
		return 1;
	}
	len = fread(input, 1, sizeof(input), file);
	fclose(file);
	for (size_t i = 0; i < len && i < MAX_PREFIX_BYTES; i++)
		run(input, i);
	run(input, len);
	return 0;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_visible, alphasort);
	int failures = 0;

	if (count < 0) {
		perror(folder);
		return 1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		failures += replay_file(path);
		free(entries[i]);
	}
	free(entries);
	printf("%s: %d inputs\n", folder, count);
	return failures + (count == 0); /* an empty corpus proves nothing */
}

int main(int argc, char **argv)
{
	int failures = argc < 2;

	for (int i = 1; i < argc; i++)
		failures += replay_folder(argv[i]);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
