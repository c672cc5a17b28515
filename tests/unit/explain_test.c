/* What the plugin says about bytes of a card, and where it stops when they are wrong. */
#include "explain/explain.h"

#include "one_arena.h"

typedef enum err explainer(struct bytes content, struct builder *text, struct fault *fault);

static char told[8192];

/* The whole text, until the next call; `words` of the fault, or NULL when all of it is good. */
static const char *explained(explainer *explain, const char *digits, const char *words)
{
	struct builder text = builder_in(arena);
	struct fault fault = { .kind = ERR_NONE };

	assert_int_equal(explain(hex(digits), &text, &fault), words == NULL ? ERR_NONE : ERR_MALFORMED);
	if (words != NULL && strstr(fault.text, words) == NULL)
		fail_msg("%s", fault.text);
	assert_false(text.bad);
	assert_in_range(text.len, 0, sizeof told - 1);
	if (text.len > 0)
		memcpy(told, text.at, text.len);
	told[text.len] = 0;
	return told;
}

static void assert_says(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("the line is not in:\n%s", told);
}

static void installation_is_told_field_by_field(void **state)
{
	const char *text = explained(explain_apdu,
				     "80E60C002707D0D1D2D3D4D50108D0D1D2D3D4D5010108D0D1D2D3D4D50101"
				     "0102"
				     "09C90100EF04C80207D0"
				     "00"
				     "00",
				     NULL);

	assert_says(text, "INSTALL [for install and make selectable]");
	assert_says(text, "  CLA 80  GlobalPlatform, channel 0, no secure messaging\n");
	assert_says(text, "  P1  0C  for make selectable, for install\n");
	assert_says(text, "  load file AID  D0D1D2D3D4D501 (7 bytes)\n");
	assert_says(text, "    cvm-management\n");
	assert_says(text, "      C8 non-volatile memory for data  2000\n");
	assert_says(text, "  Le  00  as many as there are\n");
}

static void rmac_sessions_are_told(void **state)
{
	const char *begin = explained(explain_apdu, "807A10010403AABBCC", NULL);

	assert_says(begin, "BEGIN R-MAC SESSION");
	assert_says(begin, "  P1  10  R-MAC\n");
	assert_says(begin, "  P2  01  from the next answer on\n");
	assert_says(explained(explain_apdu, "807A300100", NULL), "  P1  30  R-MAC and R-ENCRYPTION\n");
	const char *end = explained(explain_apdu, "8078000300", NULL);
	assert_says(end, "END R-MAC SESSION");
	assert_says(end, "  P2  03  after this answer\n");
}

static void class_tells_channel_and_protection(void **state)
{
	assert_says(explained(explain_apdu,
			      "84E4008018"
			      "29F06AEC3180B3EFE91FF662310B945DE0D5FE66AD67A5B6",
			      NULL),
		    "channel 0, secure messaging\n");
	assert_says(explained(explain_apdu, "C2CA006600", NULL), "channel 6, no secure messaging\n");
	assert_says(explained(explain_apdu, "E3F24002084F0000000000000000", NULL),
		    "channel 7, secure messaging\n");
}

static void content_of_keys_is_not_told(void **state)
{
	const char *text = explained(explain_apdu,
				     "80D8008117"
				     "20"
				     "8010"
				     "00112233445566778899AABBCCDDEEFF"
				     "03AABBCC",
				     NULL);

	assert_says(text, "key of type 80\n");
	assert_says(text, "key check value  AABBCC (3 bytes)\n");
	assert_null(strstr(text, "00112233"));
}

static void answers_have_their_status_in_words(void **state)
{
	assert_says(explained(explain_apdu, "6A88", NULL), "SW  6A88  referenced data not found\n");
	assert_says(explained(explain_apdu,
			      "E3124F07A0000001510000"
			      "9F700107"
			      "C5039EFE80"
			      "9000",
			      NULL),
		    "C5 privileges  9EFE80 (3 bytes)\n      security-domain\n");
}

static void objects_are_named_by_where_they_stand(void **state)
{
	assert_says(explained(explain_tlv,
			      "E3"
			      "03"
			      "840101",
			      NULL),
		    "84 executable module AID  01 (1 byte)");
	assert_says(explained(explain_tlv,
			      "6F"
			      "03"
			      "840101",
			      NULL),
		    "84 application or file AID  01 (1 byte)");
	assert_says(explained(explain_tlv, "06092A864886FC6B040255", NULL), "1.2.840.114283.4.2.85");
}

static void scripts_are_told_command_by_command(void **state)
{
	const char *text = explained(explain_script,
				     "AE80"
				     "220580CA006600"
				     "830101"
				     "0000",
				     NULL);

	assert_says(text, "command script of indefinite length");
	assert_says(text, "command 1\n    GET DATA 0066\n");
	assert_says(text, "script chaining  01 (1 byte)\n");
	assert_says(explained(explain_script,
			      "AB06800101"
			      "900101",
			      NULL),
		    "refused: unknown tag in the script\n");
}

static void actions_of_scripts_are_told_in_words(void **state)
{
	const char *text = explained(explain_script,
				     "AE80"
				     "830111"
				     "810182"
				     "8200"
				     "220580CA006600"
				     "0000",
				     NULL);

	assert_says(text, "first of a chain that a reset of the card does not end\n");
	assert_says(text, "early response\n");
	assert_says(text, "nothing is done, the script goes on\n");
	assert_says(explained(explain_script,
			      "AF80"
			      "230262F1"
			      "0000",
			      NULL),
		    "62F1");
	assert_says(explained(explain_script,
			      "AF80"
			      "830101"
			      "0000",
			      NULL),
		    "refused: no previous script to chain to\n");
}

static void orders_and_reports_are_told_command_by_command(void **state)
{
	struct bytes order =
		bytes_of_text("{\"delay\":0,\"ramCommands\":[{\"ramCommandType\":\"ramStartCommand\"},"
			      "{\"ramCommandType\":\"seRamCommand\",\"listOfCAPDU\":[\"80CA006600\"]}]}");
	struct bytes report =
		bytes_of_text("{\"localAgentStatus\":{\"localAgentStatusEnum\":\"PROCESSED\","
			      "\"executedSeRamCommands\":1},\"ramResponses\":[{\"ramResponseType\":"
			      "\"seRamResponse\",\"listOfRAPDU\":[\"\",\"6A88\"]}]}");
	const char *text = explained(explain_script, bytes_to_hex(arena, order), NULL);

	assert_says(text, "Order of SERAM 2.0.0, the next request after 0 ms\n  ramStartCommand\n");
	assert_says(text, "seRamCommand\n    command 1\n      GET DATA 0066\n");
	text = explained(explain_script, bytes_to_hex(arena, report), NULL);
	assert_says(text, "Report of SERAM 2.0.0: PROCESSED\n  executed commands  1\n");
	assert_says(text, "answer 1\n      none\n    answer 2\n      SW  6A88");
	(void)explained(explain_script, "7B7D7D", "not JSON");
}

static void messages_over_http_are_told_with_their_script(void **state)
{
	static const char message[] = "POST /agent?cmd=1 HTTP/1.1\r\n"
				      "X-Admin-Script-Status: ok\r\n"
				      "Content-Length: 8\r\n\r\n"
				      "\xAF\x80\x23\x02\x6A\x88\x00\x00";
	char *digits = bytes_to_hex(arena, bytes_of(message, sizeof message - 1));
	const char *text = explained(explain_http, digits, NULL);

	assert_says(text, "HTTP  POST /agent?cmd=1 HTTP/1.1\n");
	assert_says(text, "  X-Admin-Script-Status  ok\n");
	assert_says(text, "SW  6A88");
	digits[strlen(digits) - 2] = 0;
	(void)explained(explain_http, digits, "not whole");
}

static void what_triggers_a_session_is_told(void **state)
{
	const char *text = explained(explain_session_parameters,
				     "811F831D840402028182850400020101"
				     "8607B000250301020389068A008B008C00",
				     NULL);

	assert_says(text, "  connection (OPEN CHANNEL)  02028182 (4 bytes)\n");
	assert_says(text, "  key  version 01 identifier 01\n");
	(void)explained(explain_session_parameters, "8405", "past its end");
}

static void what_can_be_read_stands_before_the_fault(void **state)
{
	assert_says(explained(explain_apdu, "80E60C000507D0D1D2D3", "ends inside its field load file AID"),
		    "INSTALL [for install and make selectable]");
	assert_says(explained(explain_tlv,
			      "4F01AA"
			      "4F05BB",
			      "does not end inside"),
		    "4F AID  AA (1 byte)\n");
	assert_says(explained(explain_script,
			      "AA0C"
			      "220580CA006600"
			      "220380CA00",
			      "no whole header"),
		    "GET DATA 0066");
	(void)explained(explain_tlv, "", "there are no bytes");
	(void)explained(explain_script, "A0", "begins with AA, AB, AE or AF");
	(void)explained(explain_cap, "0102", "");
}

/* The first is of tests/vectors/scp80-packet.json: without its keys only the header is seen. */
static void packets_are_explained_as_far_as_they_are_in_clear(void **state)
{
	const char *text = explained(
		explain_scp80, "00201506193535B00011AE733256918D050B87C94FBFE12E4DC402F262C41CF67F2F", NULL);

	assert_says(text, "SPI  0619\n");
	assert_says(text, "cryptographic checksum\n");
	assert_says(text, "proof of receipt\n");
	assert_says(text, "KIc  35 key set 3, triple DES with two keys\n");
	assert_says(text, "TAR  B00011 remote file management\n");
	assert_says(text, "ciphered counter, checksum and script  AE7332");
	text = explained(explain_scp80,
			 "027000001E1512011212B00120000000002A001122334455667788AA06220400A40000", NULL);
	assert_says(text, "counter  42\n");
	assert_says(text, "command script of definite length");
	text = explained(explain_scp80, "027100001612B00010000000002A00021122334455667788016132", NULL);
	assert_says(text, "status  02 the counter is too low\n");
	assert_says(text, "compact script  016132 (3 bytes)\n");
	(void)explained(explain_scp80, "0020150619", "announced");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installation_is_told_field_by_field),
		cmocka_unit_test(rmac_sessions_are_told),
		cmocka_unit_test(class_tells_channel_and_protection),
		cmocka_unit_test(content_of_keys_is_not_told),
		cmocka_unit_test(answers_have_their_status_in_words),
		cmocka_unit_test(objects_are_named_by_where_they_stand),
		cmocka_unit_test(scripts_are_told_command_by_command),
		cmocka_unit_test(actions_of_scripts_are_told_in_words),
		cmocka_unit_test(orders_and_reports_are_told_command_by_command),
		cmocka_unit_test(messages_over_http_are_told_with_their_script),
		cmocka_unit_test(what_triggers_a_session_is_told),
		cmocka_unit_test(what_can_be_read_stands_before_the_fault),
		cmocka_unit_test(packets_are_explained_as_far_as_they_are_in_clear),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
