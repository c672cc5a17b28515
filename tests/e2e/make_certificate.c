/* make_certificate: a certificate and its key, for tests.
 *
 *   make_certificate --name CN [--alternatives "URI:x,DNS:y"] [--usage clientAuth] [--authority] [--issuer
 * PREFIX [--chain]]
 *                    [--from SECONDS --until SECONDS] PREFIX
 *
 * Writes PREFIX.pem and PREFIX.key, and reads those of the issuer; without one it signs itself. --chain puts
 * the issuer's certificate behind it. Times are counted from now on; without them it is good for a day. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "papers.h"

#define PATH_SIZE 1024

static const char usage[] =
	"usage: make_certificate --name CN [--alternatives TEXT] [--usage TEXT] [--authority] "
	"[--issuer PREFIX [--chain]] [--from S --until S] PREFIX\n";

struct request {
	struct paper_terms terms;
	const char *issuer, *prefix;
	bool has_chain;
};

static bool read_option(int option, const char *value, struct request *request)
{
	switch (option) {
	case 'n':
		request->terms.common_name = value;
		return true;
	case 's':
		request->terms.alternatives = value;
		return true;
	case 'u':
		request->terms.usage = value;
		return true;
	case 'a':
		request->terms.is_authority = true;
		return true;
	case 'i':
		request->issuer = value;
		return true;
	case 'c':
		request->has_chain = true;
		return true;
	case 'f':
		request->terms.from_s = strtol(value, NULL, 10);
		return true;
	case 't':
		request->terms.until_s = strtol(value, NULL, 10);
		return true;
	default:
		return false;
	}
}

static bool read_arguments(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "alternatives", required_argument, NULL, 's' },
		{ "usage", required_argument, NULL, 'u' },
		{ "authority", no_argument, NULL, 'a' },
		{ "issuer", required_argument, NULL, 'i' },
		{ "chain", no_argument, NULL, 'c' },
		{ "from", required_argument, NULL, 'f' },
		{ "until", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!read_option(option, optarg, request))
			return false;
	}
	request->prefix = argv[optind];
	return optind == argc - 1;
}

static const char *file_of(const char *prefix, const char *ending, char to[static PATH_SIZE])
{
	snprintf(to, PATH_SIZE, "%s.%s", prefix, ending);
	return to;
}

int main(int argc, char **argv)
{
	struct request request = { .issuer = NULL };
	struct paper issuer = { NULL, NULL };
	char path[PATH_SIZE], key_path[PATH_SIZE];

	if (!read_arguments(argc, argv, &request)) {
		fputs(usage, stderr);
		return EXIT_FAILURE;
	}
	if (request.issuer != NULL) {
		issuer = paper_read(file_of(request.issuer, "pem", path),
				    file_of(request.issuer, "key", key_path));
		request.terms.issuer = &issuer;
	}
	struct paper paper = paper_make(&request.terms);
	paper_write(&paper, request.has_chain ? &issuer : NULL, file_of(request.prefix, "pem", path));
	paper_write_key(&paper, file_of(request.prefix, "key", path));
	paper_free(&paper);
	paper_free(&issuer);
	return EXIT_SUCCESS;
}
