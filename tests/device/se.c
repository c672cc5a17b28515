#include "se_kind.h"

#include <stdlib.h>

void se_close(struct se *se)
{
	if (se != NULL)
		se->kind->close(se);
}

enum err se_transmit(struct se *se, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	return se->kind->transmit(se, arena, command, ret_answer);
}

enum err se_reset(struct se *se)
{
	return se->kind->reset(se);
}

struct bytes se_atr(const struct se *se)
{
	return se->kind->atr(se);
}

/* ---- the simulated card ---- */

struct simulated {
	struct se se;
	struct card *card;
};

static enum err transmit(struct se *se, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	return card_transmit(((struct simulated *)se)->card, arena, command, ret_answer);
}

static enum err reset(struct se *se)
{
	return card_reset(((struct simulated *)se)->card);
}

static struct bytes atr(const struct se *se)
{
	return card_atr(((const struct simulated *)se)->card);
}

static void close_card(struct se *se)
{
	card_close(((struct simulated *)se)->card);
	free(se);
}

struct card *se_simulated_card(struct se *se)
{
	return ((struct simulated *)se)->card;
}

static const struct se_kind simulated_kind = { transmit, reset, atr, close_card };

enum err se_open_simulated(const char *state_path, const struct card_settings *settings, struct se **ret_se,
			   struct fault *fault)
{
	struct simulated *simulated = malloc(sizeof(*simulated));
	enum err err;

	if (simulated == NULL)
		return ERR_NOMEM;
	simulated->se.kind = &simulated_kind;
	err = card_open(state_path, settings, &simulated->card, fault);
	if (err != ERR_NONE) {
		free(simulated);
		return err;
	}
	*ret_se = &simulated->se;
	return ERR_NONE;
}
