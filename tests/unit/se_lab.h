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
	unsigned wishes_at_wait; /* the n-th wait from now on ends with the agent's wish for a session; 0: none */
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

/* The same without a package. */
void lab_do(struct lab *lab, const char *operation, const char *params);
void lab_assert_done(const struct lab *lab);
void lab_assert_failed(const struct lab *lab, enum err kind, const char *words);
bool lab_flag(const struct lab *lab, const char *name); /* of the result */

/* Runs a job on a lab that `open` opens, once for each request that it makes, with the link broken there in every way. */
void lab_break_everywhere(void (*open)(struct lab *lab), void (*job)(struct lab *lab),
			  void (*check)(struct lab *lab));
/* The same with the power cut in every command. */
void lab_cut_everywhere(void (*open)(struct lab *lab), void (*job)(struct lab *lab),
			void (*check)(struct lab *lab));

struct bytes lab_hex(struct lab *lab, const char *hex);
/* A CAP file of version 1.0 with so many applets: the package's AID and 01, 02, ... */
struct bytes lab_package(struct lab *lab, const char *aid_hex, size_t applet_count, size_t code_bytes);
struct card_object lab_object(struct lab *lab, const char *aid_hex); /* it must be there */
bool lab_has(struct lab *lab, const char *aid_hex);

#endif
