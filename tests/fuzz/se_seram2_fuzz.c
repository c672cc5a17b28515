/* Messages of SERAM 2.0.0: what was understood is built again and understood again. */
#include "fuzz.h"

#include "seram/seram2.h"

static void read_offer(struct bytes json, struct arena *arena)
{
	struct seram2_offer offer;
	struct seram2_choice choice;
	struct bytes built;

	if (seram2_offer_parse(json, arena, &offer, NULL) != ERR_NONE)
		return;
	if (seram2_choose(&offer, &choice, NULL) == ERR_NONE)
		require(choice.version != NULL);
	if (seram2_offer_build(arena, &offer, &built) == ERR_NONE)
		require(seram2_offer_parse(built, arena, &offer, NULL) != ERR_MALFORMED);
}

static void read_choice(struct bytes json, struct arena *arena)
{
	struct seram2_choice choice;
	struct bytes built;

	if (seram2_choice_parse(json, arena, &choice, NULL) == ERR_NONE &&
	    seram2_choice_build(arena, &choice, &built) == ERR_NONE)
		require(seram2_choice_parse(built, arena, &choice, NULL) != ERR_MALFORMED);
}

static void read_order(struct bytes json, struct arena *arena)
{
	struct seram2_order order, again;
	struct bytes built;

	if (seram2_order_parse(json, arena, &order, NULL) != ERR_NONE ||
	    seram2_order_build(arena, &order, &built, NULL) != ERR_NONE ||
	    seram2_order_parse(built, arena, &again, NULL) != ERR_NONE)
		return;
	require(again.delay_ms == order.delay_ms && again.command_count == order.command_count);
}

static void read_report(struct bytes json, struct arena *arena)
{
	struct seram2_report report, again;
	struct bytes built;

	if (seram2_report_parse(json, arena, &report, NULL) != ERR_NONE ||
	    seram2_report_build(arena, &report, &built) != ERR_NONE ||
	    seram2_report_parse(built, arena, &again, NULL) != ERR_NONE)
		return;
	require(again.status == report.status && again.response_count == report.response_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static void (*const parsers[])(struct bytes json, struct arena * arena) = {
		read_offer,
		read_choice,
		read_order,
		read_report,
	};

	for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++) {
		struct arena *arena = arena_create(1 << 20);
		if (arena != NULL)
			parsers[i](bytes_of(at, len), arena);
		arena_free(arena);
	}
	return 0;
}
