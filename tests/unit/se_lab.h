/* A server for one job of the Secure Element plugin: its device is an agent with a simulated card. */
#ifndef CARDEA_TESTS_SE_LAB_H
#define CARDEA_TESTS_SE_LAB_H

#include "job_lab.h"
#include "se_agent.h"

struct lab {
	struct agent agent;
	struct job_lab job;
	bool loses_notifications;
	bool is_observing;
	int64_t told_state; /* the agent's state as last notified */
};

/* The lab stays where it is until it is closed. */
void lab_open(struct lab *lab, const struct card_settings *settings);
void lab_close(struct lab *lab);
void lab_add_keys(struct lab *lab, uint8_t version, const char *enc_hex, const char *mac_hex,
		  const char *dek_hex);
void lab_add_keys_of(struct lab *lab, const char *kind, uint8_t version, const char *enc_hex,
		     const char *mac_hex, const char *dek_hex);

/* Runs one job to its end. */
enum cardea_result lab_run(struct lab *lab, const char *operation, const char *params, struct bytes package);

struct bytes lab_hex(struct lab *lab, const char *hex);
bool lab_has(struct lab *lab, const char *aid_hex);

#endif
