/* What libcoap takes as a request or an answer has a good format for us too, and what we take reads the same
 * when it is written again. (The other way round libcoap refuses elective options of a wrong length, which
 * RFC 7252 5.4.3 skips.) */
#include "fuzz.h"

#include <coap3/coap.h>

#include "pdu.h"

#define DATAGRAM_MAX 2048

static void agrees_with_libcoap(struct bytes datagram, enum pdu_verdict verdict, const struct pdu *pdu,
				const struct coap_message *message)
{
	coap_pdu_t *theirs = coap_pdu_init(0, 0, 0, DATAGRAM_MAX);
	const uint8_t *payload;
	size_t payload_len;

	require(theirs != NULL);
	if (coap_pdu_parse(COAP_PROTO_UDP, datagram.at, datagram.len, theirs) == 1 && pdu->code != 0 &&
	    (pdu_is_request(pdu) || pdu_is_response(pdu))) {
		require(verdict != PDU_FORMAT_ERROR);
		require(coap_pdu_get_mid(theirs) == pdu->mid);
		require((uint8_t)coap_pdu_get_code(theirs) == pdu->code);
		require(coap_get_data(theirs, &payload_len, &payload) == (message->payload.len > 0));
		require(message->payload.len == 0 ||
			bytes_equal(bytes_of(payload, payload_len), message->payload));
	}
	coap_delete_pdu(theirs);
}

static void reads_the_same_again(const struct pdu *pdu, const struct coap_message *message)
{
	uint8_t datagram[2 * DATAGRAM_MAX];
	struct pdu again;
	struct coap_message message_again;
	size_t written = pdu_write(pdu, message, message->payload, datagram, sizeof(datagram));

	require(written > 0);
	require(pdu_read(bytes_of(datagram, written), &again, &message_again) == PDU_GOOD);
	require(message_again.path_count == message->path_count);
	require(message_again.query_count == (pdu_is_request(pdu) ? message->query_count : 0));
	for (size_t i = 0; i < message->path_count; i++)
		require(bytes_equal(message_again.path[i], message->path[i]));
	require(message_again.content_format == message->content_format);
	require(message_again.accept == message->accept);
	require(message_again.has_observe == message->has_observe &&
		message_again.observe == message->observe);
	require(bytes_equal(message_again.payload, message->payload));
	require(again.block1.number == pdu->block1.number && again.block2.number == pdu->block2.number);
	require(again.has_size1 == pdu->has_size1 && again.size1 == pdu->size1);
	require(again.request_tag_len == pdu->request_tag_len && again.etag_len == pdu->etag_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct pdu pdu;
	struct coap_message message;

	if (len > DATAGRAM_MAX)
		return 0;
	enum pdu_verdict verdict = pdu_read(bytes_of(at, len), &pdu, &message);
	if (verdict != PDU_IGNORE)
		agrees_with_libcoap(bytes_of(at, len), verdict, &pdu, &message);
	if (verdict == PDU_GOOD && pdu.code != 0)
		reads_the_same_again(&pdu, &message);
	return 0;
}
