/* Content management: INSTALL, LOAD, DELETE, and what the card refuses. */
#include "card_support.h"

#include "chip.h"

#include <jansson.h>

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"
#define DOMAIN   "A0000001515350AA01"

#define FOR_LOAD_FIELDS                                                                                      \
	"07" PACKAGE "00"                                                                                    \
	"00"                                                                                                 \
	"00"                                                                                                 \
	"00"

static struct host *logged_in(void **state, uint8_t level)
{
	struct host *host = *state;
	host_login(host, ISD_AID, level);
	return host;
}

static bool is_there(struct host *host, const char *aid)
{
	return card_find(host->card, hex(host, "%s", aid), NULL);
}

static struct bytes default_load_file(struct host *host)
{
	return load_file_make(host, PACKAGE, MODULE, NULL, 300);
}

/* ---- a real host's commands ---- */

static void a_real_installation_works_at_every_level(void **state)
{
	static const uint8_t levels[] = { 0x00, 0x01, 0x03, 0x11, 0x13, 0x33 };
	static const uint16_t status_words[] = { 0x6A82, 0x6A82, 0x9000, 0x9000, 0x9000, 0x9000 };
	struct host *host = *state;
	json_t *file = json_load_file("tests/vectors/scp02-session.json", 0, NULL);
	const json_t *session = json_array_get(json_object_get(file, "vectors"), 1);
	const json_t *commands = json_object_get(session, "commands"), *command;
	assert_string_equal(json_string_value(json_object_get(session, "name")),
			    "kaoh_scp02_enc_full_install");
	assert_true(aid_read(hex(host, "A000000003000000"), &host->settings.isd_aid));
	for (size_t level = 0; level < sizeof(levels); level++) {
		size_t i;
		host_reopen(host);
		host_login(host, "A000000003000000", levels[level]);
		json_array_foreach(commands, i, command)
		{
			const char *plain = json_string_value(json_object_get(command, "plain_capdu"));
			assert_int_equal(host_command(host, "%s", plain), status_words[i]);
			assert_hex(host, host->data, status_words[i] == 0x9000 ? "00" : "");
		}
		assert_int_equal(host_plain(host, "00A4040008" MODULE "00"), 0x9000);
	}
	json_decref(file);
}

static void what_was_loaded_is_known_by_its_digest(void **state)
{
	struct host *host = logged_in(state, LEVEL_ENC);
	struct card_object object;
	struct bytes file = default_load_file(host);
	uint8_t digest[SHA256_SIZE];
	assert_int_equal(host_load(host, PACKAGE, file), 0x9000);
	assert_int_equal(sha256(bytes_from(file, 4), digest), ERR_NONE); /* C4 82 xx xx */
	assert_true(card_find(host->card, hex(host, PACKAGE), &object));
	assert_int_equal(object.kind, CARD_LOAD_FILE);
	assert_memory_equal(object.block_sha256, digest, SHA256_SIZE);
	assert_int_equal(card_object_count(host->card, CARD_LOAD_FILE), 2);
}

/* ---- INSTALL [for load] ---- */

static void install_for_load_is_strict(void **state)
{
	static const struct {
		const char *fields;
		uint16_t sw;
	} rows[] = {
		{ FOR_LOAD_FIELDS, 0x9000 },
		{ "04D0D1D2D300000000", 0x6A80 },                           /* AID too short */
		{ "1100112233445566778899AABBCCDDEEFF0000000000", 0x6A80 }, /* too long */
		{ "07" PACKAGE "000000", 0x6A80 },                          /* no token field */
		{ FOR_LOAD_FIELDS "00", 0x6A80 },                           /* something left */
		{ "08" PACKAGE "00000000", 0x6A80 },                        /* fields do not fit */
		{ "07" MASK_FILE "00000000", 0x6985 },                      /* is there already */
		{ "08" ISD_AID "00000000", 0x6985 },
		{ "07" PACKAGE "08" ISD_AID "000000", 0x9000 },
		{ "07" PACKAGE "07" MASK_FILE "000000", 0x6A88 }, /* no security domain */
		{ "07" PACKAGE "05A000000151000000", 0x6A88 },
		{ "07" PACKAGE "0004001122330000", 0x6A80 }, /* no hash that we have */
		{ "07" PACKAGE "0000000400112233", 0x6A80 }, /* a token has no place */
		{ "07" PACKAGE "000006EF04C602016000", 0x9000 },
		{ "07" PACKAGE "000006EF04C602800000", 0x6A80 }, /* needs four bytes */
		{ "07" PACKAGE "000005EF03C6010100", 0x6A80 },
		{ "07" PACKAGE "000008EF06C6040001000000", 0x9000 },
		{ "07" PACKAGE "000008EF06C6047FFFFFFF00", 0x6A84 },
		{ "07" PACKAGE "00000EEF0CC604FFFFFFFFC804FFFFFFFF00", 0x6A84 }, /* whose sum wraps */
		{ "07" PACKAGE "000008EF06C7040001000000", 0x6A84 },             /* volatile */
		{ "07" PACKAGE "00000AEF08C6020160C602016000", 0x6A80 },         /* twice */
		{ "07" PACKAGE "000004C602016000", 0x6A80 },                     /* outside EF */
		{ "07" PACKAGE "000002C90000", 0x6A80 },   /* of INSTALL [for install] */
		{ "07" PACKAGE "000003EF05C600", 0x6A80 }, /* length past the end */
	};
	struct host *host = logged_in(state, LEVEL_MAC);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw =
			host_command(host, "80E60200%02zX%s00", strlen(rows[i].fields) / 2, rows[i].fields);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_int_equal(host_command(host, "80E602010C%s00", FOR_LOAD_FIELDS), 0x6A86);
	assert_int_equal(host_command(host, "80E60E010C%s00", FOR_LOAD_FIELDS), 0x6A86);
	assert_int_equal(host_command(host, "80E600000C%s00", FOR_LOAD_FIELDS), 0x6A86);
	assert_int_equal(host_command(host, "80E6020000"), 0x6700);
}

/* ---- LOAD ---- */

static uint16_t load_begin(struct host *host)
{
	return host_call(host, "80E60200", FOR_LOAD_FIELDS);
}

static uint16_t load_block_of(struct host *host, uint8_t p1, uint8_t p2, struct bytes piece)
{
	return host_command(host, "80E8%02X%02X%02zX%s00", p1, p2, piece.len,
			    bytes_to_hex(host->arena, piece));
}

static void load_needs_its_order(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct bytes file = default_load_file(host);
	struct bytes first = bytes_first(file, 200), second = bytes_from(file, 200);
	assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x6985); /* nothing announced */

	assert_int_equal(load_begin(host), 0x9000);
	assert_int_equal(load_block_of(host, 0x00, 0x01, first), 0x6A86); /* begins with 00 */
	assert_int_equal(load_block_of(host, 0x00, 0x00, first),
			 0x6985); /* and after a fault from the start */

	assert_int_equal(load_begin(host), 0x9000);
	assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x9000);
	assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x6A86); /* again */
	assert_int_equal(load_begin(host), 0x9000);
	assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x9000);
	assert_int_equal(load_block_of(host, 0x80, 0x02, second), 0x6A86); /* one left out */

	assert_int_equal(load_begin(host), 0x9000);
	assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x9000);
	assert_int_equal(load_block_of(host, 0x80, 0x01, second), 0x9000);
	assert_int_equal(load_block_of(host, 0x80, 0x02, second), 0x6985); /* it is over */
	assert_true(is_there(host, PACKAGE));
}

static void load_that_is_interrupted_leaves_nothing(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct bytes file = default_load_file(host);
	struct bytes first = bytes_first(file, 200), second = bytes_from(file, 200);
	static const char *const between[] = { "80F28002024F0000", "80CA006600", "80FF000000",
					       "80E60200021234" };
	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		assert_int_equal(load_begin(host), 0x9000);
		assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x9000);
		host_command(host, "%s", between[i]);
		assert_int_equal(load_block_of(host, 0x80, 0x01, second), 0x6985);
	}
	assert_int_equal(load_begin(host), 0x9000);
	assert_int_equal(load_block_of(host, 0x00, 0x00, first), 0x9000);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(load_block_of(host, 0x80, 0x01, second), 0x6985);
	assert_false(is_there(host, PACKAGE));
	assert_int_equal(host_load(host, PACKAGE, file), 0x9000);
}

static void only_one_load_at_a_time(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct host other = *host;
	assert_int_equal(host_plain(&other, "0070000001"), 0x9000);
	other.channel = 1;
	assert_int_equal(load_begin(host), 0x9000);
	host_login(&other, ISD_AID, LEVEL_MAC);
	assert_int_equal(load_begin(&other), 0x6985);
	struct bytes file = default_load_file(host);
	assert_int_equal(load_block_of(host, 0x00, 0x00, bytes_first(file, 200)),
			 0x9000); /* the other did not disturb it */
	assert_int_equal(load_block_of(host, 0x80, 0x01, bytes_from(file, 200)), 0x9000);
	assert_int_equal(load_begin(&other), 0x6985); /* now it is there */
}

static void load_file_must_be_what_was_announced(void **state)
{
	static const char header[] = "010011DECAFFED010204000107" PACKAGE;
	static const struct {
		const char *block; /* after the header component */
		uint16_t sw;
	} rows[] = {
		{ "", 0x9000 },
		{ "0300080105D0D1D2D3D400", 0x6A80 }, /* offset cut */
		{ "0300090105D0D1D2D3D40000", 0x9000 },
		{ "0300090105D0D1D2D3D50000", 0x6A80 },   /* RID of another */
		{ "03000100", 0x6A80 },                   /* no applet in it */
		{ "0300080104D0D1D2D30000", 0x6A80 },     /* AID too short */
		{ "0300090205D0D1D2D3D40000", 0x6A80 },   /* says 2 */
		{ "03000A0105D0D1D2D3D4000000", 0x6A80 }, /* something left */
		{ "04000A01000105F0F1F2F3F400", 0x6A80 },
		{ "04000901000105F0F1F2F3F4", 0x6985 }, /* imports what is not there */
		{ "04000901000105A000000062", 0x9000 },
		{ "07000200000700020000", 0x6A80 }, /* twice */
		{ "0E0000", 0x6A80 },               /* no such component */
		{ "80000100", 0x9000 },             /* custom */
		{ "0700FF00", 0x6A80 },             /* past the end */
		{ "07", 0x6A80 },
		{ "02001F0011001F000000000000000000000000000000000000000000000000000000", 0x9000 },
		{ "02001F0012001F000000000000000000000000000000000000000000000000000000",
		  0x6A80 }, /* sizes differ */
		{ "02001F0011001F000000000000000000010000000000000000000000000000000000", 0x6A80 },
		{ "02001F0011001F00000000000000000000000000000000005D000000000000000000",
		  0x9000 }, /* no descriptor */
	};
	struct host *host = logged_in(state, LEVEL_MAC);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = (strlen(header) + strlen(rows[i].block)) / 2;
		assert_int_equal(load_begin(host), 0x9000);
		uint16_t sw =
			load_block_of(host, 0x80, 0x00, hex(host, "C4%02zX%s%s", len, header, rows[i].block));
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
		assert_int_equal(is_there(host, PACKAGE), sw == 0x9000);
		if (sw == 0x9000)
			assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x9000);
	}
}

static void load_file_structure_is_checked_from_the_first_block(void **state)
{
	static const struct {
		const char *block;
		uint8_t p1;
		uint16_t sw;
	} rows[] = {
		{ "C5020000", 0x00, 0x6A80 },
		{ "D403000000", 0x80, 0x6985 },                 /* ciphered, without the digest that belongs to it */
		{ "D301", 0x00, 0x9000 },                       /* its ICV */
		{ "D30100C4", 0x00, 0x6A80 },                   /* which nothing else has */
		{ "E20B4F05A000000151C3020000", 0x00, 0x9000 }, /* a DAP block, and the rest may come */
		{ "E20B4F05A000000151C3020000D30100E2", 0x00, 0x6A80 },
		{ "E20B4F05A000000151C3020000", 0x80, 0x6A80 },
		{ "C480", 0x00, 0x6A80 },
		{ "C484", 0x00, 0x6A80 },
		{ "C4830F0000", 0x00, 0x6A84 }, /* more than the card has */
		{ "C40100FF", 0x00, 0x6A80 },   /* longer than its length */
		{ "C40200", 0x80, 0x6A80 },     /* shorter, and the last */
		{ "C482", 0x80, 0x6A80 },
		{ "C4820001", 0x80, 0x6A80 },
		{ "C482", 0x00, 0x9000 }, /* cut in its length: the rest may come */
		{ "C4", 0x00, 0x9000 },
		{ "C40100", 0x80, 0x6A80 },                                       /* a block of nothing */
		{ "C414010011DEC0FFED010204000107" PACKAGE, 0x80, 0x6A80 },       /* magic */
		{ "C414010011DECAFFED010204000107D0D1D2D3D4D502", 0x80, 0x6A80 }, /* of another package */
		{ "C414020011DECAFFED010204000107" PACKAGE, 0x80, 0x6A80 },       /* header is not first */
		{ "C417010014DECAFFED010204000107" PACKAGE "024142", 0x80,
		  0x9000 }, /* with a name of the package */
	};
	struct host *host = logged_in(state, LEVEL_MAC);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(load_begin(host), 0x9000);
		uint16_t sw = load_block_of(host, rows[i].p1, 0x00, hex(host, "%s", rows[i].block));
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
}

static void blocks_may_be_cut_anywhere(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct bytes file = load_file_make(host, PACKAGE, MODULE, NULL, 80);
	assert_int_equal(load_begin(host), 0x9000);
	for (size_t i = 0; i < file.len; i++)
		assert_int_equal(load_block_of(host, i + 1 == file.len ? 0x80 : 0, (uint8_t)i,
					       bytes_first(bytes_from(file, i), 1)),
				 0x9000);
	assert_true(is_there(host, PACKAGE));
}

static void announced_hash_and_size_are_verified(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct bytes file = load_file_make(host, PACKAGE, MODULE, NULL, 10);
	uint8_t digest[SHA256_SIZE];
	assert_int_equal(sha256(bytes_from(file, 2), digest), ERR_NONE);
	for (int i = 0; i < 2; i++) {
		digest[5] ^= 0x20;
		assert_int_equal(host_command(host, "80E602002C07" PACKAGE "0020%s000000",
					      bytes_to_hex(host->arena, bytes_of(digest, SHA256_SIZE))),
				 0x9000);
		assert_int_equal(load_block_of(host, 0x80, 0x00, file), i == 0 ? 0x6A80 : 0x9000);
	}
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x9000);
	for (size_t less = 0; less < 2; less++) { /* C6 against the length of the load file data block */
		assert_int_equal(host_command(host, "80E602001207" PACKAGE "000006EF04C602%04zX0000",
					      file.len - 2 - (1 - less)),
				 0x9000);
		assert_int_equal(load_block_of(host, 0x80, 0x00, file), less == 0 ? 0x6A84 : 0x9000);
	}
}

/* ---- INSTALL [for install], [for make selectable] ---- */

static void install_for_install_is_strict(void **state)
{
	static const char valid[] = "07" PACKAGE "08" MODULE "09" INSTANCE "010002C90000";
	static const struct {
		uint8_t p1;
		const char *fields;
		uint16_t sw;
	} rows[] = {
		{ 0x0C, "07D0D1D2D3D4D50208" MODULE "09" INSTANCE "010002C90000", 0x6A88 },
		{ 0x0C, "07" PACKAGE "08D0D1D2D3D4D5010209" INSTANCE "010002C90000", 0x6A88 },
		{ 0x0C, "08" ISD_AID "08" MODULE "09" INSTANCE "010002C90000", 0x6A88 },
		{ 0x0C, "0008" MODULE "09" INSTANCE "010002C90000", 0x6A80 },
		{ 0x0C, "07" PACKAGE "08" MODULE "04D0D1D2D3010002C90000", 0x6A80 },
		{ 0x0C, "07" PACKAGE "08" MODULE "07" PACKAGE "010002C90000",
		  0x6985 }, /* AID of a load file */
		{ 0x0C, "07" PACKAGE "08" MODULE "08" ISD_AID "010002C90000", 0x6985 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "0002C90000",
		  0x6A80 }, /* privileges missing */
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "02000002C90000", 0x6A80 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "01000000", 0x6A80 }, /* C9 missing */
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010004EF02C90000", 0x6A80 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010004C900C90000", 0x6A80 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010002C9000101", 0x6A80 }, /* token */
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "018002C90000",
		  0x6A80 }, /* not a security domain */
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "0300000102C90000", 0x6A80 }, /* RFU */
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "0300400002C90000",
		  0x6A80 }, /* of security domains */
		{ 0x04, "07" PACKAGE "08" MODULE "09" INSTANCE "010402C90000",
		  0x6A80 }, /* Card Reset too early */
		{ 0x04, "07" PACKAGE "08" MODULE "09" INSTANCE "010007C900EF03CF014100", 0x6A80 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010007C900EF03CF015400",
		  0x6A80 }, /* channel 20 */
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "01000AC900EF06D8047FFFFFFF00", 0x6A84 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010008C900EF04C8027FFF00", 0x9000 },
		{ 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010002C90000", 0x6985 }, /* now it is there */
		{ 0x0C, "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "010002C90000", 0x6A80 },
		{ 0x0C, "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "018102C90000",
		  0x6A80 }, /* mandates what it cannot verify */
		{ 0x0C, "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "018006C9048102155500",
		  0x6A80 }, /* SCP 15? */
		{ 0x0C, "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "018006C9048102021500",
		  0x6A80 }, /* SCP02 */
		{ 0x0C, "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "018006C9048102037000", 0x9000 },
	};
	struct host *host = logged_in(state, LEVEL_MAC);
	struct card_object object;
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = host_command(host, "80E6%02X00%02zX%s00", rows[i].p1,
					   strlen(rows[i].fields) / 2, rows[i].fields);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_int_equal(host_command(host, "80E60C00%02zX%s00", strlen(valid) / 2, valid), 0x6985);
	assert_true(card_find(host->card, hex(host, DOMAIN), &object));
	assert_int_equal(object.kind, CARD_SECURITY_DOMAIN);
	assert_int_equal(object.privileges, 0x808000); /* one byte: Trusted Path by default */
}

static void application_becomes_selectable_when_it_is_told(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct card_object object;
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	assert_int_equal(host_call(host, "80E60400", "07" PACKAGE "08" MODULE "09" INSTANCE "010002C90000"),
			 0x9000);
	assert_true(card_find(host->card, hex(host, INSTANCE), &object));
	assert_int_equal(object.life_cycle, LIFE_INSTALLED);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x6A82);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E60800", "000009" INSTANCE "01200000"), 0x9000);
	assert_true(card_find(host->card, hex(host, INSTANCE), &object));
	assert_int_equal(object.life_cycle, LIFE_SELECTABLE);
	assert_int_equal(object.privileges, 0); /* others than Card Reset are ignored */
	assert_int_equal(host_call(host, "80E60800", "000009" INSTANCE "01000000"), 0x6985);
	assert_int_equal(host_call(host, "80E60800", "000009D0D1D2D3D4D501019901000000"), 0x6A88);
	assert_int_equal(host_call(host, "80E60800", "000007" PACKAGE "01000000"), 0x6A88);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x9000);
}

static void application_parameters_reach_the_application(void **state)
{
	struct host *host = logged_in(state, LEVEL_ENC);
	struct bytes value;
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	assert_int_equal(
		host_call(host, "80E60C00", "07" PACKAGE "08" MODULE "09" INSTANCE "010006C904CAFE123400"),
		0x9000);
	assert_true(card_stored_data(host->card, hex(host, INSTANCE), 0xC9, &value));
	assert_hex(host, value, "CAFE1234");
}

static void card_reset_privilege_has_one_holder(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct card_object object;
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	assert_int_equal(host_call(host, "80E60C00", "07" PACKAGE "08" MODULE "09" INSTANCE "010402C90000"),
			 0x9000);
	assert_int_equal(
		host_call(host, "80E60C00", "07" PACKAGE "08" MODULE "09D0D1D2D3D4D5010101010402C90000"),
		0x6A80); /* the issuer has it no longer */
	assert_true(card_find(host->card, hex(host, ISD_AID), &object));
	assert_int_equal(object.privileges, ISD_PRIVILEGES & ~PRIVILEGE_CARD_RESET);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_plain(host, "8050000008010203040506070800"),
			 0x6D00); /* the application is selected */
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E40000", "4F09" INSTANCE), 0x9000);
	assert_true(card_find(host->card, hex(host, ISD_AID), &object));
	assert_int_equal(object.privileges, ISD_PRIVILEGES);
}

static void implicit_selection_gives_a_channel_to_one_application(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	assert_int_equal(
		host_call(host, "80E60C00", "07" PACKAGE "08" MODULE "09" INSTANCE "010007C900EF03CF014200"),
		0x9000);
	assert_int_equal(host_call(host, "80E60C00",
				   "07" PACKAGE "08" MODULE "09D0D1D2D3D4D5010101010007C900EF03CF01C200"),
			 0x6985);
	assert_int_equal(host_plain(host, "00700002"), 0x9000);
	assert_int_equal(host_plain(host, "8250000008010203040506070800"), 0x6D00);
}

/* ---- memory ---- */

static uint32_t free_memory(struct host *host)
{
	assert_int_equal(host_command(host, "80CAFF2100"), 0x9000);
	struct reader r = reader_of(bytes_from(host->data, 9));
	return read_u32(&r);
}

static void memory_is_given_back(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	uint32_t before = free_memory(host);
	struct bytes file = default_load_file(host);
	assert_int_equal(host_load(host, PACKAGE, file), 0x9000);
	assert_int_equal(free_memory(host), before - (file.len - 4));
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_true(free_memory(host) < before - (file.len - 4));
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE), 0x9000);
	assert_int_equal(free_memory(host), before);
}

static void memory_runs_out(void **state)
{
	struct host *host = *state;
	host->settings.nonvolatile_bytes = 1500;
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 1000)), 0x9000);
	assert_int_equal(
		host_load(host, "D0D1D2D3D4D502", load_file_make(host, "D0D1D2D3D4D502", MODULE, NULL, 1000)),
		0x6A84);
	uint16_t sw = 0x9000;
	unsigned count = 0;
	while (sw == 0x9000 && count < 20)
		sw = host_call(host, "80E60C00",
			       "07" PACKAGE "08" MODULE "09D0D1D2D3D4D50101%02X010002C90000", count++);
	assert_int_equal(sw, 0x6A84);
	assert_true(count > 1);
	card_misbehave(host->card, &(struct card_misbehaviour){ .is_out_of_memory = true });
	assert_int_equal(host_call(host, "80E60200", "07D0D1D2D3D4D50300000000"), 0x6A84);
}

/* ---- security domains ---- */

static void security_domain_without_management_changes_nothing(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	host_make_security_domain(host, DOMAIN, "80");
	host_login(host, DOMAIN, LEVEL_MAC); /* with the keys of the ISD */
	assert_int_equal(load_begin(host), 0x6985);
	assert_int_equal(host_install(host, MASK_FILE, MASK_MODULE, "A0000001515350AA02"), 0x6985);
	assert_int_equal(host_call(host, "80E40000", "4F07" MASK_FILE), 0x6985);
}

static void security_domain_manages_content_once_personalized(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct card_object object;
	assert_int_equal(
		host_call(host, "80E60C00", "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "0380C00002C90000"),
		0x9000);
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(load_begin(host), 0x6985);
	assert_int_equal(host_command(host, "80F0400F09" DOMAIN), 0x9000);
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_true(card_find(host->card, hex(host, INSTANCE), &object));
	assert_true(bytes_equal(aid_bytes(&object.security_domain), hex(host, DOMAIN)));
	assert_int_equal(host_call(host, "80E40000", "4F09" DOMAIN), 0x6985); /* itself */
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E40000", "4F09" DOMAIN), 0x6985); /* others live in it */
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE), 0x9000);
	assert_int_equal(host_call(host, "80E40000", "4F09" DOMAIN), 0x9000);
}

static void extradition_keeps_hierarchies_trees(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct card_object object;
	host_make_security_domain(host, DOMAIN, "80C000");
	host_login(host, DOMAIN, LEVEL_MAC);
	host_make_security_domain(host, "A0000001515350AA02", "80C000"); /* below DOMAIN */
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	static const struct {
		const char *to, *what;
		uint16_t sw;
	} rows[] = {
		{ "A0000001515350AA02", PACKAGE, 0x9000 },
		{ DOMAIN, PACKAGE, 0x9000 }, /* the ISD is still above */
		{ "A0000001515350AA03", PACKAGE, 0x6A88 },
		{ PACKAGE, DOMAIN, 0x6A88 },
		{ DOMAIN, "D0D1D2D3D4D509", 0x6A88 },
		{ DOMAIN, ISD_AID, 0x6985 },
		{ "A0000001515350AA02", DOMAIN, 0x6985 }, /* would be its own descendant */
		{ DOMAIN, DOMAIN, 0x9000 },               /* a hierarchy of its own */
		{ ISD_AID, PACKAGE, 0x6985 },             /* out of reach now */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct builder b = builder_in(host->arena);
		struct bytes fields;
		build_bytes(&b, hex(host, "%02zX%s00%02zX%s000000", strlen(rows[i].to) / 2, rows[i].to,
				    strlen(rows[i].what) / 2, rows[i].what));
		assert_int_equal(builder_bytes(&b, &fields), ERR_NONE);
		uint16_t sw = host_command_bytes(host, 0xE6, 0x10, 0x00, fields);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_true(card_find(host->card, hex(host, DOMAIN), &object));
	assert_true(bytes_equal(aid_bytes(&object.security_domain), hex(host, DOMAIN)));
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE),
			 0x9000); /* Global Delete reaches everywhere */
}

static void registry_update_is_all_or_nothing(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct card_object object;
	host_make_security_domain(host, DOMAIN, "80C000");
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E64000", "000009" DOMAIN "0380C4000000"), 0x9000);
	assert_true(card_find(host->card, hex(host, DOMAIN), &object));
	assert_int_equal(object.privileges, 0x80C400);
	/* new privileges, and a new home that does not exist */
	assert_int_equal(host_call(host, "80E64000", "08A0000001515350FF0009" DOMAIN "038080000000"), 0x6A88);
	assert_true(card_find(host->card, hex(host, DOMAIN), &object));
	assert_int_equal(object.privileges, 0x80C400);
	assert_int_equal(host_call(host, "80E64000", "000009" DOMAIN "030080000000"),
			 0x6A80); /* no longer one? */
	assert_int_equal(host_call(host, "80E64000", "000008" ISD_AID "01800000"), 0x6985);
}

/* ---- DELETE ---- */

static void delete_is_strict(void **state)
{
	static const struct {
		uint8_t p2;
		const char *fields;
		uint16_t sw;
	} rows[] = {
		{ 0x00, "4F07" PACKAGE, 0x6985 }, /* instances depend on it */
		{ 0x00, "4F07D0D1D2D3D4D502", 0x9000 },
		{ 0x00, "4F07D0D1D2D3D4D502", 0x6A82 },
		{ 0x00, "4F08" ISD_AID, 0x6985 },
		{ 0x00, "4F04D0D1D2D3", 0x6A80 },
		{ 0x00, "4F0700", 0x6A80 },
		{ 0x00, "4F09" INSTANCE "4F09" INSTANCE, 0x6A80 },
		{ 0x00, "4F09" INSTANCE "9E0101", 0x6A80 }, /* a token has no place */
		{ 0x00, "4F09" INSTANCE "D00101", 0x6A80 },
		{ 0x00, "B600", 0x6A80 },
		{ 0x00, "850100", 0x6A80 },
		{ 0x00, "4F09" INSTANCE "B603420101", 0x9000 },
		{ 0x00, "4F07" PACKAGE, 0x6985 }, /* another one still does */
		{ 0x80, "4F07" PACKAGE, 0x6985 }, /* which is selected on channel 1 */
	};
	struct host *host = logged_in(state, LEVEL_MAC);
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	assert_int_equal(host_load(host, "D0D1D2D3D4D502",
				   load_file_make(host, "D0D1D2D3D4D502", "D0D1D2D3D4D50201", PACKAGE, 10)),
			 0x9000);
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE),
			 0x6985); /* the other load file imports it */
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, "D0D1D2D3D4D5010101"), 0x9000);
	assert_int_equal(host_plain(host, "0070000001"), 0x9000);
	assert_int_equal(host_plain(host, "01A4040009D0D1D2D3D4D501010100"), 0x9000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = host_command(host, "80E400%02X%02zX%s00", rows[i].p2,
					   strlen(rows[i].fields) / 2, rows[i].fields);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_int_equal(host_plain(host, "00708001"), 0x9000);
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE), 0x9000);
	assert_int_equal(card_object_count(host->card, CARD_APPLICATION), 0);
	assert_int_equal(card_object_count(host->card, CARD_LOAD_FILE), 1);
}

/* ---- command chaining ---- */

static void long_commands_are_chained(void **state)
{
	struct host *host = logged_in(state, LEVEL_ALL);
	struct bytes value;
	assert_int_equal(host_load(host, PACKAGE, default_load_file(host)), 0x9000);
	for (size_t filler = 180; filler < 700; filler += 65) {
		struct builder b = builder_in(host->arena), application = builder_in(host->arena);
		struct bytes fields, parameters;
		build_u8(&application, 0xC9);
		build_bytes(&application,
			    filler > 255 ? hex(host, "82%04zX", filler) : hex(host, "81%02zX", filler));
		build_zeros(&application, filler);
		assert_int_equal(builder_bytes(&application, &parameters), ERR_NONE);
		build_bytes(&b, hex(host, "07" PACKAGE "08" MODULE "09" INSTANCE "0100"));
		build_bytes(&b, parameters.len > 255 ? hex(host, "82%04zX", parameters.len)
						     : hex(host, "81%02zX", parameters.len));
		build_bytes(&b, parameters);
		build_u8(&b, 0x00);
		assert_int_equal(builder_bytes(&b, &fields), ERR_NONE);
		assert_int_equal(host_command_bytes(host, 0xE6, 0x0C, 0x00, fields), 0x9000);
		assert_true(card_stored_data(host->card, hex(host, INSTANCE), 0xC9, &value));
		assert_int_equal(value.len, filler);
		assert_int_equal(host_call(host, "80E40000", "4F09" INSTANCE), 0x9000);
	}
}

static void broken_chains_are_refused(void **state)
{
	struct host *host = logged_in(state, LEVEL_NONE);
	assert_int_equal(host_plain(host, "80E6820002070000"), 0x9000);
	assert_int_equal(host_plain(host, "80E6840002070000"), 0x6985); /* another P1 */
	assert_int_equal(host_plain(host, "80E6820002070000"), 0x9000);
	assert_int_equal(host_plain(host, "80E4800002070000"), 0x6985); /* another command */
	assert_int_equal(host_plain(host, "80E6820002070000"), 0x9000);
	assert_int_equal(host_plain(host, "80CA006600"), 0x6985);
	assert_int_equal(host_plain(host, "80CA006600"), 0x9000);
	assert_int_equal(host_plain(host, "80E68200"), 0x6700);
	uint16_t sw = 0x9000;
	for (int i = 0; i < 30 && sw == 0x9000; i++)
		sw = host_plain(host, "80E68200FF%0510d00", 0);
	assert_int_equal(sw, 0x6A86); /* longer than the card's limit */
	assert_int_equal(host_plain(host, "00A4040000"), 0x9000);
	assert_int_equal(host_plain(host, "80E6820002070000"), 0x6982);
}

static void refuses_on_request(void **state)
{
	struct host *host = logged_in(state, LEVEL_MAC);
	struct bytes file = load_file_make(host, PACKAGE, MODULE, NULL, 500);
	card_misbehave(host->card, &(struct card_misbehaviour){ .install_status = 0x6A84 });
	assert_int_equal(load_begin(host), 0x6A84);
	card_misbehave(host->card, &(struct card_misbehaviour){
					   .refuses_load = true, .load_block = 2, .load_status = 0x6581 });
	assert_int_equal(load_begin(host), 0x9000);
	assert_int_equal(load_block_of(host, 0, 0, bytes_first(file, 200)), 0x9000);
	assert_int_equal(load_block_of(host, 0, 1, bytes_first(bytes_from(file, 200), 200)), 0x9000);
	assert_int_equal(load_block_of(host, 0x80, 2, bytes_from(file, 400)), 0x6581);
	assert_false(is_there(host, PACKAGE));
	card_misbehave(host->card, &(struct card_misbehaviour){ 0 });
	assert_int_equal(host_load(host, PACKAGE, file), 0x9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(a_real_installation_works_at_every_level),
		CLAIM(what_was_loaded_is_known_by_its_digest),
		CLAIM(install_for_load_is_strict),
		CLAIM(load_needs_its_order),
		CLAIM(load_that_is_interrupted_leaves_nothing),
		CLAIM(only_one_load_at_a_time),
		CLAIM(load_file_must_be_what_was_announced),
		CLAIM(load_file_structure_is_checked_from_the_first_block),
		CLAIM(blocks_may_be_cut_anywhere),
		CLAIM(announced_hash_and_size_are_verified),
		CLAIM(install_for_install_is_strict),
		CLAIM(application_becomes_selectable_when_it_is_told),
		CLAIM(application_parameters_reach_the_application),
		CLAIM(card_reset_privilege_has_one_holder),
		CLAIM(implicit_selection_gives_a_channel_to_one_application),
		CLAIM(memory_is_given_back),
		CLAIM(memory_runs_out),
		CLAIM(security_domain_without_management_changes_nothing),
		CLAIM(security_domain_manages_content_once_personalized),
		CLAIM(extradition_keeps_hierarchies_trees),
		CLAIM(registry_update_is_all_or_nothing),
		CLAIM(delete_is_strict),
		CLAIM(long_commands_are_chained),
		CLAIM(broken_chains_are_refused),
		CLAIM(refuses_on_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
