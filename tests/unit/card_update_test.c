/* Extradition and registry update of the simulated card: who may, who accepts, and what stays restricted. */
#include "card_support.h"

#include "chip.h"

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"
#define DOMAIN   "A0000001515350AA01"
#define OTHER    "A0000001515350AA02"

static struct host *logged_in(void **state)
{
	struct host *host = *state;

	host_login(host, ISD_AID, LEVEL_MAC);
	return host;
}

static void load(struct host *host)
{
	assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 300)), 0x9000);
}

static struct card_object object(struct host *host, const char *aid)
{
	struct card_object object;

	assert_true(card_find(host->card, hex(host, "%s", aid), &object));
	return object;
}

/* Personalized, with this content of C9. */
static void make_domain(struct host *host, const char *aid, const char *privileges, const char *parameters)
{
	size_t length = strlen(parameters) / 2;

	assert_int_equal(host_call(host, "80E60C00",
				   "07" MASK_FILE "08" MASK_MODULE "09%s%02zX%s%02zXC9%02zX%s00", aid,
				   strlen(privileges) / 2, privileges, length + 2, length, parameters),
			 0x9000);
	host_login(host, aid, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F0400F09%s", aid), 0x9000);
}

static uint16_t extradite(struct host *host, const char *what, const char *domain)
{
	return host_call(host, "80E61000", "%02zX%s00%02zX%s000000", strlen(domain) / 2, domain,
			 strlen(what) / 2, what);
}

/* ---- restrictions ---- */

static void a_restricted_security_domain_stays_restricted(void **state)
{
	struct host *host = logged_in(state);

	make_domain(host, DOMAIN, "80C000", "");
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E64000", "000009" DOMAIN "0005EF03D9010300"), 0x9000);
	assert_int_equal(object(host, DOMAIN).restrictions, 0x03); /* load and delete */
	assert_int_equal(host_call(host, "80E64000", "000009" DOMAIN "0005EF03D9010000"), 0x9000);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	host->has_session = false;
	assert_int_equal(object(host, DOMAIN).restrictions, 0x03);
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E60200", "07" PACKAGE "00000000"), 0x6985);
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x6985);
	host_login(host, ISD_AID, LEVEL_MAC);
	load(host); /* the others may */
}

static void restrictions_of_the_card_bind_everybody(void **state)
{
	struct host *host = logged_in(state);

	load(host);
	assert_int_equal(host_call(host, "80E64000", "0000000005EF03D9010500"), 0x9000);
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x6985);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x6985);
	assert_int_equal(host_call(host, "80E64000", "0000000005EF03D9014000"), 0x9000);
	assert_int_equal(host_call(host, "80E64000", "0000000005EF03D9010000"), 0x6985);
}

static void only_global_lock_restricts_the_card(void **state)
{
	struct host *host = logged_in(state);

	make_domain(host, DOMAIN, "80C000", "");
	assert_int_equal(host_call(host, "80E64000", "0000000005EF03D9010100"), 0x6985);
	host_login(host, ISD_AID, LEVEL_MAC);
	make_domain(host, OTHER, "80C800", "");
	assert_int_equal(host_call(host, "80E64000", "0000000005EF03D9010100"), 0x9000);
}

static void restrictions_are_of_security_domains_and_come_alone_for_the_card(void **state)
{
	struct host *host = logged_in(state);

	load(host);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_int_equal(host_call(host, "80E64000", "000009" INSTANCE "0005EF03D9010100"), 0x6A80);
	assert_int_equal(host_call(host, "80E64000", "0000000000"), 0x6A80); /* of the card: nothing */
	assert_int_equal(host_call(host, "80E64000", "0000000008EF06D90101CF014100"), 0x6A80);
	assert_int_equal(host_call(host, "80E64000", "000000018005EF03D9010100"), 0x6A80);
}

/* ---- services and selection ---- */

static void services_need_the_privilege_global_service(void **state)
{
	struct host *host = logged_in(state);

	load(host);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_int_equal(host_call(host, "80E64000", "000009" INSTANCE "0006EF04CB02821100"), 0x6A80);
	assert_int_equal(host_call(host, "80E64000", "000009" INSTANCE "0300010006EF04CB02821100"), 0x9000);
	assert_hex(host, object(host, INSTANCE).services, "8211");
	assert_int_equal(card_reset(host->card), ERR_NONE);
	host->has_session = false;
	assert_hex(host, object(host, INSTANCE).services, "8211");
}

/* ---- extradition and deletion by consent ---- */

static void a_security_domain_may_take_nothing(void **state)
{
	struct host *host = logged_in(state);

	make_domain(host, DOMAIN, "80C000", "820100");
	host_login(host, ISD_AID, LEVEL_MAC);
	make_domain(host, OTHER, "80C000", "8201F0");
	host_login(host, ISD_AID, LEVEL_MAC);
	load(host);
	assert_int_equal(extradite(host, PACKAGE, DOMAIN), 0x6985);
	assert_int_equal(extradite(host, PACKAGE, OTHER), 0x9000);
}

static void a_security_domain_may_hold_what_it_has(void **state)
{
	struct host *host = logged_in(state);

	make_domain(host, DOMAIN, "80C000", "870100");
	load(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(extradite(host, PACKAGE, ISD_AID), 0x6985);
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(extradite(host, PACKAGE, ISD_AID), 0x9000); /* itself it may */
}

static void a_security_domain_may_refuse_deletion_by_others(void **state)
{
	struct host *host = logged_in(state);

	make_domain(host, DOMAIN, "80C000", "");
	make_domain(host, OTHER, "80C000", "830100"); /* below DOMAIN */
	load(host);
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x6985);
	host_login(host, OTHER, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x9000);
}

static void load_files_do_not_come_under_dap_verification(void **state)
{
	struct host *host = logged_in(state);

	make_domain(host, DOMAIN, "C0C000", "");
	host_login(host, ISD_AID, LEVEL_MAC);
	load(host);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_int_equal(extradite(host, PACKAGE, DOMAIN), 0x6985);
	assert_int_equal(extradite(host, INSTANCE, DOMAIN), 0x9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(a_restricted_security_domain_stays_restricted),
		CLAIM(restrictions_of_the_card_bind_everybody),
		CLAIM(only_global_lock_restricts_the_card),
		CLAIM(restrictions_are_of_security_domains_and_come_alone_for_the_card),
		CLAIM(services_need_the_privilege_global_service),
		CLAIM(a_security_domain_may_take_nothing),
		CLAIM(a_security_domain_may_hold_what_it_has),
		CLAIM(a_security_domain_may_refuse_deletion_by_others),
		CLAIM(load_files_do_not_come_under_dap_verification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
