/* A card in a reader, through pcscd (PC/SC Workgroup part 5; ISO/IEC 7816-3, 12.2.1: commands under T=0) */
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "se_kind.h"

#define ANSWER_MAX  (256 + 2)
#define READERS_MAX 4096
#define HEADER_SIZE 5 /* with P3 */

struct reader_card {
	struct se se;
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;
	uint8_t atr[MAX_ATR_SIZE];
	size_t atr_len;
};

/* ---- errors ---- */

static const struct {
	LONG code;
	enum err err;
} error_rows[] = {
	{ SCARD_E_TIMEOUT, ERR_TIMEOUT },        { SCARD_W_UNRESPONSIVE_CARD, ERR_TIMEOUT },
	{ SCARD_E_NOT_TRANSACTED, ERR_TIMEOUT }, { SCARD_E_NO_MEMORY, ERR_NOMEM },
	{ SCARD_E_COMM_DATA_LOST, ERR_TIMEOUT },
};

static enum err err_of(LONG code)
{
	if (code == SCARD_S_SUCCESS)
		return ERR_NONE;
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
		if (error_rows[i].code == code)
			return error_rows[i].err;
	}
	return ERR_UNAVAILABLE;
}

static enum err failed(LONG code, const char *what, struct fault *fault)
{
	return fault_set(fault, err_of(code), "%s: %s", what, pcsc_stringify_error(code));
}

/* ---- the kind ---- */

/* T=0 has no Le behind data, and always a P3. */
static size_t command_for(DWORD protocol, struct bytes command, uint8_t to[static HEADER_SIZE + 256])
{
	size_t len = command.len;

	memcpy(to, command.at, len);
	if (protocol != SCARD_PROTOCOL_T0)
		return len;
	if (len == HEADER_SIZE - 1)
		to[len++] = 0;
	if (len > HEADER_SIZE && len == HEADER_SIZE + to[HEADER_SIZE - 1] + 1u)
		len--;
	return len;
}

static enum err transmit(struct se *se, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	struct reader_card *card = (struct reader_card *)se;
	const SCARD_IO_REQUEST *protocol = card->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	uint8_t sent[HEADER_SIZE + 256], answer[ANSWER_MAX];
	DWORD len = sizeof(answer);

	if (command.len < HEADER_SIZE - 1 || command.len > sizeof(sent))
		return ERR_LIMIT;
	size_t sent_len = command_for(card->protocol, command, sent);
	enum err err = err_of(SCardTransmit(card->card, protocol, sent, sent_len, NULL, answer, &len));
	return err == ERR_NONE ? bytes_copy(arena, bytes_of(answer, len), ret_answer) : err;
}

static enum err read_atr(struct reader_card *card)
{
	DWORD len = sizeof(card->atr);
	LONG code = SCardStatus(card->card, NULL, NULL, NULL, NULL, card->atr, &len);

	card->atr_len = code == SCARD_S_SUCCESS ? len : 0;
	return err_of(code);
}

static enum err reset(struct se *se)
{
	struct reader_card *card = (struct reader_card *)se;
	LONG code = SCardReconnect(card->card, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
				   SCARD_UNPOWER_CARD, &card->protocol);

	return code == SCARD_S_SUCCESS ? read_atr(card) : err_of(code);
}

static struct bytes atr(const struct se *se)
{
	const struct reader_card *card = (const struct reader_card *)se;

	return bytes_of(card->atr, card->atr_len);
}

static void close_card(struct se *se)
{
	struct reader_card *card = (struct reader_card *)se;

	if (card->card != 0)
		SCardDisconnect(card->card, SCARD_UNPOWER_CARD);
	if (card->context != 0)
		SCardReleaseContext(card->context);
	free(card);
}

static const struct se_kind reader_kind = { transmit, reset, atr, close_card };

/* ---- opening ---- */

/* The names end with a 0 byte each, the list with one more. NULL when there is none such. */
static const char *choose(const char *names, const char *wanted, unsigned index)
{
	for (const char *name = names; name[0] != 0; name += strlen(name) + 1) {
		if (wanted != NULL && strncmp(name, wanted, strlen(wanted)) != 0)
			continue;
		if (index-- == 0)
			return name;
	}
	return NULL;
}

static enum err connect_card(struct reader_card *card, const char *reader, unsigned index,
			     struct fault *fault)
{
	char names[READERS_MAX] = "";
	DWORD len = sizeof(names) - 1;
	LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &card->context);

	if (code != SCARD_S_SUCCESS)
		return failed(code, "pcscd", fault);
	code = SCardListReaders(card->context, NULL, names, &len);
	if (code != SCARD_S_SUCCESS && code != SCARD_E_NO_READERS_AVAILABLE)
		return failed(code, "readers", fault);
	const char *name = choose(names, reader, index);
	if (name == NULL)
		return fault_set(fault, ERR_UNAVAILABLE, "there is no reader %u%s%s", index,
				 reader != NULL ? " whose name begins with " : "",
				 reader != NULL ? reader : "");
	code = SCardConnect(card->context, name, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
			    &card->card, &card->protocol);
	return code == SCARD_S_SUCCESS ? read_atr(card) : failed(code, name, fault);
}

enum err se_open_reader(const char *reader, unsigned index, struct se **ret_se, struct fault *fault)
{
	struct reader_card *card = calloc(1, sizeof(*card));
	enum err err;

	if (card == NULL)
		return ERR_NOMEM;
	card->se.kind = &reader_kind;
	err = connect_card(card, reader, index, fault);
	if (err != ERR_NONE) {
		close_card(&card->se);
		return err;
	}
	*ret_se = &card->se;
	return ERR_NONE;
}
