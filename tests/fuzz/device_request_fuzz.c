/* One request to a whole device: method, Accept and Content-Format by a byte each, the path up to a line
 * feed, then the payload. It is answered with a code of LwM2M, and the device can still be read. */
#include "fuzz.h"

#include "device.h"
#include "misbehave.h"

static uint16_t format_of(uint8_t byte)
{
	static const uint16_t formats[] = { FORMAT_NONE, FORMAT_TEXT,       FORMAT_LINK, FORMAT_OPAQUE,
					    FORMAT_CBOR, FORMAT_SENML_CBOR, FORMAT_TLV,  11543 };

	return formats[byte % 8];
}

static void require_answer(struct device *device, const struct request *request, struct arena *arena)
{
	struct answer answer;
	struct fault fault = { .kind = ERR_NONE };

	objects_dispatch(device, request, arena, &answer, &fault);
	require(answer.code >> 5 == 2 || answer.code >> 5 == 4);
	require(answer.code >> 5 == 2 || answer.format == FORMAT_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	char *words[] = { "cardea-device", "--log=error", NULL };
	struct options options;
	struct misbehaviour misbehaviour;
	struct device *device;
	struct arena *arena = arena_create(0);
	struct reader r = reader_of(bytes_of(at, len));
	struct request request = { .method = (enum method)(read_u8(&r) % 8) };
	const struct request read_all = { .method = METHOD_GET,
					  .path = OBJECT_PATH(30401),
					  .is_path_known = true,
					  .content_format = FORMAT_NONE,
					  .accept = FORMAT_TLV };
	const uint8_t *path_at;
	bool wants_help;

	require(options_parse(2, words, &options, &wants_help, NULL) == ERR_NONE);
	misbehaviour = misbehaviour_of(&options);
	require(device_open(&options, &misbehaviour, "dev", &device, NULL) == ERR_NONE);
	request.accept = format_of(read_u8(&r));
	request.content_format = format_of(read_u8(&r));
	path_at = r.at;
	while (reader_left(&r) > 0 && peek_u8(&r) != '\n')
		read_u8(&r);
	request.is_path_known =
		path_parse(bytes_of(path_at, (size_t)(r.at - path_at)), &request.path) == ERR_NONE;
	read_u8(&r);
	request.payload = r.bad ? bytes_of(NULL, 0) : read_rest(&r);
	require_answer(device, &request, arena);
	require_answer(device, &read_all, arena);
	device_close(device);
	arena_free(arena);
	return 0;
}
