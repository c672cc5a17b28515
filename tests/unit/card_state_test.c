/* The durable state: files, damage, and the power going at each write. */
#include "card_support.h"

#include "chip.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"
#define DOMAIN   "A0000001515350AA01"

static char folder[] = "/tmp/card_state_XXXXXX";
static char path[64];

static int folder_make(void **state)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

static int folder_remove(void **state)
{
	return rmdir(folder);
}

static int file_setup(void **state)
{
	host_setup(state);
	struct host *host = *state;
	host->state_path = path;
	host_reopen(host);
	return 0;
}

static int file_teardown(void **state)
{
	unlink(path);
	return host_teardown(state);
}

/* Every kind of durable change once. False as soon as the power is gone. */
static bool everything(struct host *host)
{
	static const struct {
		const char *header, *data; /* without data: the load file */
	} commands[] = {
		{ "80E60200", "07" PACKAGE "00000000" },
		{ "80E88000", NULL },
		{ "80E60C00", "07" PACKAGE "08" MODULE "09" INSTANCE "010002C90000" },
		{ "80E62000", "000009" INSTANCE "000000" },
		{ "80E28800", "01010411223344" },
		{ "80E29000", "4204123456784502CAFE" },
		{ "80F04080", INSTANCE },
		{ "80F04000", INSTANCE },
		{ "80D80001", "40A10411223344A00301000100" },
		{ "80E40000", "D00101D20140" },
		{ "80E60C00", "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "0380C00002C90000" },
		{ "80E64000", "000009" DOMAIN "0380C4000000" },
		{ "80E40080", "4F07" PACKAGE },
	};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct bytes response, data = load_file_make(host, PACKAGE, MODULE, NULL, 20);
		if (commands[i].data != NULL)
			data = hex(host, "%s", commands[i].data);
		struct bytes apdu = hex(host, "%s%02zX%s00", commands[i].header, data.len,
					bytes_to_hex(host->arena, data));
		enum err err = card_transmit(host->card, host->arena, host_wrap(host, apdu), &response);
		if (err == ERR_UNAVAILABLE)
			return false;
		assert_int_equal(err, ERR_NONE);
		if (!bytes_equal(bytes_from(response, response.len - 2), hex(host, "9000")))
			fail_msg("command %zu: %s", i, bytes_to_hex(host->arena, response));
	}
	return true;
}

static struct bytes image_of(struct host *host)
{
	struct bytes copy;
	assert_int_equal(bytes_copy(host->arena, bytes_of(host->card->image, host->card->image_len), &copy),
			 ERR_NONE);
	return copy;
}

static void login_with_next_counter(struct host *host)
{
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x9000);
}

/* The images after each write of a run that nobody disturbs. */
static size_t undisturbed_images(struct host *host, struct bytes *images, size_t max)
{
	size_t count = 0;
	for (unsigned cut = 1; cut <= max; cut++) {
		unlink(path);
		host_reopen(host);
		login_with_next_counter(host);
		card_cut_power_after(host->card, cut);
		bool is_whole = everything(host);
		images[count++] = image_of(host);
		if (is_whole)
			return count;
		assert_int_equal(card_reset(host->card), ERR_NONE);
	}
	return count;
}

static void power_may_go_at_any_write(void **state)
{
	struct host *host = *state;
	struct bytes images[40];
	size_t count = undisturbed_images(host, images, 40);
	assert_true(count > 8 && count < 40);
	for (size_t i = 1; i < count; i++)
		assert_false(bytes_equal(images[i - 1], images[i])); /* each write changed something */
	for (unsigned cut = 1; cut < count; cut++) {
		struct bytes response;
		unlink(path);
		host_reopen(host);
		login_with_next_counter(host);
		card_cut_power_after(host->card, cut);
		assert_false(everything(host));
		assert_int_equal(card_transmit(host->card, host->arena, hex(host, "00A4040000"), &response),
				 ERR_UNAVAILABLE);
		if (cut % 2 == 0 || host->state_path == NULL)
			assert_int_equal(card_reset(host->card), ERR_NONE);
		else
			host_reopen(host); /* from the file */
		assert_true(bytes_equal(image_of(host),
					images[cut - 1])); /* as if the command had never been sent */
		host_login(host, ISD_AID, LEVEL_MAC);
		if (card_find(host->card, hex(host, PACKAGE), NULL))
			assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE), 0x9000);
		if (card_find(host->card, hex(host, DOMAIN), NULL))
			assert_int_equal(host_call(host, "80E40000", "4F09" DOMAIN), 0x9000);
		assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 20)),
				 0x9000);
	}
}

static void state_is_found_again(void **state)
{
	struct host *host = *state;
	struct card_object before, after;
	struct bytes value;
	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 20)), 0x9000);
	assert_int_equal(host_call(host, "80E60C00",
				   "07" PACKAGE "08" MODULE "09" INSTANCE
				   "01100EC903010203EF07CF0143D802010000"),
			 0x9000);
	assert_true(card_find(host->card, hex(host, INSTANCE), &before));
	host->settings.keys.enc.at[0] ^= 0x01; /* of the factory: they no longer matter */
	assert_true(aid_read(hex(host, "A000000003000000"), &host->settings.isd_aid));
	host_reopen(host);
	assert_true(card_find(host->card, hex(host, INSTANCE), &after));
	assert_int_equal(before.life_cycle, after.life_cycle);
	assert_int_equal(before.privileges, after.privileges);
	assert_true(card_stored_data(host->card, hex(host, INSTANCE), 0xC9, &value));
	assert_hex(host, value, "010203");
	assert_false(card_find(host->card, hex(host, "A000000003000000"), NULL));
	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_call(host, "80F24002", "4F005C02CFC5"), 0x9000);
	assert_hex(host, host->data, "E308C503100000CF0143");
}

static void a_file_half_written_beside_does_not_matter(void **state)
{
	struct host *host = *state;
	char beside[80];
	snprintf(beside, sizeof(beside), "%s.new", path);
	int fd = open(beside, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(access(beside, F_OK), -1);
}

static void damaged_files_are_refused(void **state)
{
	struct host *host = *state;
	struct bytes image = image_of(host);
	for (size_t at = 0; at < image.len; at += 7) {
		struct card *card = NULL;
		struct fault fault = { 0 };
		uint8_t byte = image.at[at] ^ 0x40;
		int fd = open(path, O_WRONLY);
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		assert_int_equal(card_open(path, &host->settings, &card, &fault), ERR_MALFORMED);
		assert_true(fault.text[0] != '\0');
		assert_null(card);
		assert_int_equal(pwrite(fd, &image.at[at], 1, (off_t)at), 1);
		close(fd);
	}
	for (size_t len = 0; len < image.len; len += 11) {
		struct card *card = NULL;
		int fd = open(path, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, image.at, len), len);
		close(fd);
		assert_int_equal(card_open(path, &host->settings, &card, NULL), ERR_MALFORMED);
	}
}

static void a_file_that_cannot_be_written_is_a_memory_failure(void **state)
{
	struct host *host = *state;
	uint32_t counter;
	free(host->card->state_path);
	host->card->state_path = strdup("/nonexistent/state");
	assert_int_equal(host_initialize(host, 0), 0x6581);
	assert_true(card_sequence_counter(host->card, hex(host, ISD_AID), 0x30, &counter));
	assert_int_equal(counter, 0);
	struct card *card = NULL;
	struct fault fault = { 0 };
	assert_int_equal(card_open("/nonexistent/state", &host->settings, &card, &fault), ERR_IO);
}

static void settings_out_of_range_are_refused(void **state)
{
	struct host *host = *state;
	struct card *card = NULL;
	for (int i = 0; i < 12; i++) {
		struct card_settings s = card_settings_default();
		struct fault fault = { 0 };
		s.isd_aid.len = i == 0 ? 4 : s.isd_aid.len;
		s.keys.version = i == 1 ? 0x80 : s.keys.version;
		s.keys.enc.len = i == 2 ? 15 : s.keys.enc.len;
		s.keys.dek.len = i == 3 ? 32 : s.keys.dek.len;
		s.life_cycle = i == 4 ? CARD_LOCKED : s.life_cycle;
		s.cplc.len = i == 5 ? 41 : s.cplc.len;
		s.scp03_options = i == 6 ? CARD_I_RENC : i == 7 ? 0x02 : s.scp03_options;
		s.atr.len = i == 8 ? 34 : s.atr.len;
		s.channel_count = i == 9 ? 0 : i == 10 ? 21 : s.channel_count;
		s.status_answer_bytes = i == 11 ? 240 : s.status_answer_bytes;
		assert_int_equal(card_open(NULL, &s, &card, &fault), ERR_MALFORMED);
		assert_non_null(strstr(fault.text, "card settings: "));
	}
	assert_true(card_atr(host->card).len > 2);
}

/* A process that asks for one challenge after the other, and tells its parent of each. */
static void child(int to_parent)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	struct card *card;
	static const uint8_t apdu[] = { 0x80, 0x50, 0x00, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00 };
	struct bytes response;
	if (card_open(path, &settings, &card, NULL) != ERR_NONE)
		_exit(1);
	while (card_transmit(card, arena, bytes_of(apdu, sizeof(apdu)), &response) == ERR_NONE &&
	       response.len == 34) {
		if (write(to_parent, &response.at[29], 3) != 3)
			_exit(1);
		arena_reset(arena);
	}
	_exit(1);
}

static void survives_kill(void **state)
{
	struct host *host = *state;
	uint32_t told = 0, counter;
	for (int round = 0; round < 8; round++) {
		int ends[2];
		uint8_t bytes[3];
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(ends[1]);
		close(ends[1]);
		for (int i = 0; i < 5 + round; i++)
			assert_int_equal(read(ends[0], bytes, 3), 3);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		do
			told = (uint32_t)(bytes[0] << 16 | bytes[1] << 8 | bytes[2]);
		while (read(ends[0], bytes, 3) == 3);
		close(ends[0]);
		host_reopen(host);
		assert_true(card_sequence_counter(host->card, hex(host, ISD_AID), 0x30, &counter));
		assert_in_range(counter, told, told + 1);
	}
}

int main(void)
{
#define FILE_CLAIM(test) cmocka_unit_test_setup_teardown(test, file_setup, file_teardown)
	const struct CMUnitTest tests[] = {
		CLAIM(power_may_go_at_any_write),
		FILE_CLAIM(power_may_go_at_any_write),
		FILE_CLAIM(state_is_found_again),
		FILE_CLAIM(a_file_half_written_beside_does_not_matter),
		FILE_CLAIM(damaged_files_are_refused),
		FILE_CLAIM(a_file_that_cannot_be_written_is_a_memory_failure),
		FILE_CLAIM(survives_kill),
		CLAIM(settings_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
