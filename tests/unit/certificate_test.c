#include "certificate.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dtls_client.h"
#include "endpoint.h"
#include "papers.h"

#define ENDPOINT "dev1"
#define CCM8     "ECDHE-ECDSA-AES128-CCM8"
#define ISSUER   "CN=Root,O=Cardea"

/* What an operator has, and a server that runs with it. */
struct shop {
	char folder[64];
	struct paper root, middle, stranger, server;
	struct certificates *certificates;
	struct lab *lab;
};

static const char *place(const struct shop *shop, const char *name)
{
	static char path[8][128];
	static size_t turn;
	char *to = path[turn++ % 8];

	snprintf(to, sizeof(path[0]), "%s/%s", shop->folder, name);
	return to;
}

static struct certificate_files files_of(const struct shop *shop)
{
	return (struct certificate_files){
		.chain = place(shop, "server.pem"),
		.key = place(shop, "server.key"),
		.authorities = place(shop, "root.pem"),
		.revocations = "",
	};
}

static void open_server(struct shop *shop, const struct certificate_files *files)
{
	struct endpoint_settings settings = lab_settings();
	struct fault fault = { 0 };

	if (certificates_create(files, &shop->certificates, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	settings.coap_listen = "";
	settings.coaps_listen = "127.0.0.1:0";
	settings.certificates = shop->certificates;
	shop->lab = lab_open(&settings);
	shop->lab->server.is_secure = true;
}

static void close_server(struct shop *shop)
{
	lab_close(shop->lab);
	certificates_free(shop->certificates);
}

static struct paper authority(const char *name, const struct paper *issuer)
{
	return paper_make(
		&(struct paper_terms){ .common_name = name, .issuer = issuer, .is_authority = true });
}

static int open_shop(void **state)
{
	struct shop *shop = calloc(1, sizeof(*shop));

	assert_non_null(shop);
	snprintf(shop->folder, sizeof(shop->folder), "/tmp/cardea-certificate-XXXXXX");
	assert_non_null(mkdtemp(shop->folder));
	shop->root = authority("Root", NULL);
	shop->middle = authority("Middle", &shop->root);
	shop->stranger = authority("Root", NULL);
	shop->server = paper_make(&(struct paper_terms){ .issuer = &shop->middle, .common_name = "server" });
	paper_write(&shop->server, &shop->middle, place(shop, "server.pem"));
	paper_write_key(&shop->server, place(shop, "server.key"));
	paper_write(&shop->root, NULL, place(shop, "root.pem"));
	const struct certificate_files files = files_of(shop);
	open_server(shop, &files);
	*state = shop;
	return 0;
}

static int close_shop(void **state)
{
	static const char *const names[] = { "server.pem", "server.key", "root.pem", "lists.pem",
					     "other.pem" };
	struct shop *shop = *state;

	close_server(shop);
	paper_free(&shop->root);
	paper_free(&shop->middle);
	paper_free(&shop->stranger);
	paper_free(&shop->server);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(place(shop, names[i]));
	assert_int_equal(rmdir(shop->folder), 0);
	free(shop);
	return 0;
}

/* ---- credentials ---- */

static void put(struct shop *shop, const char *endpoint, const char *identity)
{
	assert_int_equal(credentials_put_x509(shop->lab->credentials, endpoint, identity), ERR_NONE);
}

static void put_issuer(struct shop *shop, const char *endpoint)
{
	char identity[CREDENTIAL_NAME_SIZE];

	put(shop, endpoint, x509_identity_of_issuer(endpoint, ISSUER, identity));
}

static void put_print(struct shop *shop, const char *endpoint, const struct paper *paper)
{
	char identity[CREDENTIAL_NAME_SIZE];
	uint8_t print[SHA256_SIZE];

	assert_int_equal(X509_digest(paper->x509, EVP_sha256(), print, NULL), 1);
	put(shop, endpoint, x509_identity_of_print(print, identity));
}

static struct paper device_paper(const struct shop *shop)
{
	return paper_make(&(struct paper_terms){
		.issuer = &shop->root, .common_name = ENDPOINT, .usage = "clientAuth" });
}

/* ---- clients ---- */

/* `above` may be NULL: it sends the certificate of an intermediate authority too. */
static struct client *showing(struct shop *shop, const struct paper *paper, const struct paper *above,
			      const char *suite, SSL_SESSION *resumed)
{
	struct client *client = client_open(shop->lab, NULL, NULL, suite, resumed, -1);

	assert_int_equal(SSL_use_certificate(client->ssl, paper->x509), 1);
	assert_int_equal(SSL_use_PrivateKey(client->ssl, paper->key), 1);
	if (above != NULL)
		assert_int_equal(SSL_add1_chain_cert(client->ssl, above->x509), 1);
	return client;
}

static struct client *connected(struct shop *shop, const struct paper *paper)
{
	struct client *client = showing(shop, paper, NULL, CCM8, NULL);

	client_connect(shop->lab, client);
	return client;
}

static void accepted_as(struct shop *shop, const struct paper *paper, const struct paper *above,
			const char *endpoint)
{
	struct client *client = showing(shop, paper, above, CCM8, NULL);

	client_connect(shop->lab, client);
	client_registers(shop->lab, client, 1);
	assert_string_equal(shop->lab->request.identity, endpoint);
	client_ends(shop->lab, client);
}

/* And nothing is left of it. */
static void refused(struct shop *shop, const struct paper *paper, const struct paper *above, int reason)
{
	struct client *client = showing(shop, paper, above, CCM8, NULL);
	int result = 0;

	lab_until(shop->lab, (result = client_step(client)) != 0);
	assert_int_equal(result, -1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), reason);
	lab_turn_for(shop->lab, 5);
	assert_int_equal(endpoint_counts(shop->lab->endpoint).sessions, 0);
	assert_int_equal(endpoint_counts(shop->lab->endpoint).peers, 0);
	assert_int_equal(shop->lab->moved.count, 0);
	client_close(client);
}

static void refused_under(struct shop *shop, const struct paper_terms *terms, int reason)
{
	struct paper paper = paper_make(terms);

	refused(shop, &paper, NULL, reason);
	paper_free(&paper);
}

/* ---- who is let in ---- */

static void certificate_of_the_authority_is_the_device_that_it_names(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	struct client *client = connected(shop, &paper);
	client_registers(shop->lab, client, 1);
	assert_string_equal(shop->lab->request.identity, ENDPOINT);
	assert_true(shop->lab->request.from.is_secure);
	assert_int_equal(shop->lab->moved.count, 1);
	client_close(client);
	paper_free(&paper);
}

static void every_suite_that_we_promise_works(void **state)
{
	static const char *const suites[] = {
		"ECDHE-ECDSA-AES128-CCM8",
		"ECDHE-ECDSA-AES128-CCM",
		"ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES128-SHA256",
	};
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct client *client = showing(shop, &paper, NULL, suites[i], NULL);
		client_connect(shop->lab, client);
		assert_string_equal(SSL_get_cipher(client->ssl), suites[i]);
		for (uint8_t mid = 1; mid < 6; mid++)
			client_registers(shop->lab, client, mid);
		client_close(client);
	}
	assert_int_equal(shop->lab->request.count, 20);
	paper_free(&paper);
}

static void pre_shared_keys_are_taken_at_the_same_port(void **state)
{
	struct shop *shop = *state;
	struct secret key;
	int result = 0;

	assert_int_equal(secret_from(bytes_of_text("0123456789abcdef"), &key), ERR_NONE);
	assert_int_equal(credentials_put_psk(shop->lab->credentials, "dev2", "two", &key), ERR_NONE);
	struct client *client =
		client_open(shop->lab, "two", "0123456789abcdef", "PSK-AES128-CBC-SHA256:" CCM8, NULL, -1);
	client_connect(shop->lab, client);
	client_registers(shop->lab, client, 1);
	assert_string_equal(shop->lab->request.identity, "dev2");
	client_ends(shop->lab, client);

	client = client_open(shop->lab, NULL, NULL, CCM8, NULL, -1); /* neither key nor certificate */
	lab_until(shop->lab, (result = client_step(client)) != 0);
	assert_int_equal(result, -1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
	client_close(client);
}

static void server_shows_its_chain(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	struct client *client = connected(shop, &paper);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(client->ssl);
	assert_int_equal(sk_X509_num(chain), 2);
	assert_int_equal(X509_cmp(sk_X509_value(chain, 0), shop->server.x509), 0);
	assert_int_equal(X509_cmp(sk_X509_value(chain, 1), shop->middle.x509), 0);
	client_close(client);
	paper_free(&paper);
}

static void intermediate_authority_leads_to_the_root(void **state)
{
	struct shop *shop = *state;
	struct paper paper =
		paper_make(&(struct paper_terms){ .issuer = &shop->middle, .common_name = ENDPOINT });

	put_issuer(shop, ENDPOINT);
	accepted_as(shop, &paper, &shop->middle, ENDPOINT);
	shop->lab->moved.count = 0;
	refused(shop, &paper, NULL, SSL_R_TLSV1_ALERT_UNKNOWN_CA);
	paper_free(&paper);
}

static void pinned_certificate_needs_no_authority_and_no_name(void **state)
{
	struct shop *shop = *state;
	struct paper paper = paper_make(&(struct paper_terms){ .common_name = "something else" }),
		     other = device_paper(shop);

	put_print(shop, ENDPOINT, &paper);
	accepted_as(shop, &paper, NULL, ENDPOINT);
	shop->lab->moved.count = 0;
	refused(shop, &other, NULL, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE); /* the name alone is no use */
	paper_free(&paper);
	paper_free(&other);
}

static void names_are_uri_then_common_name_then_dns(void **state)
{
	static const struct {
		const char *common_name, *alternatives, *endpoint;
	} rows[] = {
		{ "dev1", NULL, "dev1" },
		{ NULL, "URI:urn:dev:os:1-2", "urn:dev:os:1-2" },
		{ "dev1", "DNS:dev2.example.com,URI:urn:dev:3", "urn:dev:3" },
		{ "dev1", "DNS:dev2.example.com", "dev1" },
		{ NULL, "DNS:dev2.example.com", "dev2.example.com" },
		{ "ger\xC3\xA4t", NULL, "ger\xC3\xA4t" },
	};
	struct shop *shop = *state;

	credentials_accept_issued(shop->lab->credentials, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct paper paper =
			paper_make(&(struct paper_terms){ .issuer = &shop->root,
							  .common_name = rows[i].common_name,
							  .alternatives = rows[i].alternatives });
		accepted_as(shop, &paper, NULL, rows[i].endpoint);
		paper_free(&paper);
	}
}

static void any_name_of_a_certificate_may_have_the_credential(void **state)
{
	struct shop *shop = *state;
	struct paper paper = paper_make(&(struct paper_terms){
		.issuer = &shop->root, .common_name = "dev1", .alternatives = "DNS:dev2,URI:urn:dev:3" });

	put_issuer(shop, "dev2");
	accepted_as(shop, &paper, NULL, "dev2");
	paper_free(&paper);
}

static void authority_alone_is_enough_only_when_the_configuration_says_so(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);
	struct secret key;

	refused(shop, &paper, NULL, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
	credentials_accept_issued(shop->lab->credentials, true);
	accepted_as(shop, &paper, NULL, ENDPOINT);
	shop->lab->moved.count = 0;
	/* Whoever has a key comes with that. */
	assert_int_equal(secret_from(bytes_of_text("0123456789abcdef"), &key), ERR_NONE);
	assert_int_equal(credentials_put_psk(shop->lab->credentials, ENDPOINT, "one", &key), ERR_NONE);
	refused(shop, &paper, NULL, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
	paper_free(&paper);
}

/* ---- who is not ---- */

static void refusals_say_why(void **state)
{
	struct shop *shop = *state;
	const struct paper *root = &shop->root;
	const struct {
		struct paper_terms terms;
		int reason;
	} rows[] = {
		{ { .issuer = root, .common_name = ENDPOINT, .from_s = -200, .until_s = -100 },
		  SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED },
		{ { .issuer = root, .common_name = ENDPOINT, .from_s = 100, .until_s = 200 },
		  SSL_R_SSLV3_ALERT_BAD_CERTIFICATE },
		{ { .issuer = root, .common_name = ENDPOINT, .usage = "serverAuth" },
		  SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE },
		{ { .issuer = root, .common_name = "dev2" }, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE },
		{ { .issuer = root }, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE },
		{ { .common_name = ENDPOINT }, SSL_R_TLSV1_ALERT_UNKNOWN_CA },
		{ { .issuer = &shop->stranger, .common_name = ENDPOINT }, SSL_R_TLSV1_ALERT_UNKNOWN_CA },
		{ { .issuer = root, .common_name = ENDPOINT, .is_authority = true },
		  SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE },
		{ { .issuer = root, .common_name = ENDPOINT, .curve = "secp224r1" },
		  SSL_R_SSLV3_ALERT_BAD_CERTIFICATE },
	};

	put_issuer(shop, ENDPOINT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused_under(shop, &rows[i].terms, rows[i].reason);
}

static void pinned_certificate_is_checked_too(void **state)
{
	static const struct {
		struct paper_terms terms;
		int reason;
	} rows[] = {
		{ { .from_s = -200, .until_s = -100 }, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED },
		{ { .from_s = 100, .until_s = 200 }, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE },
		{ { .usage = "serverAuth" }, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE },
	};
	struct shop *shop = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct paper paper = paper_make(&rows[i].terms);
		put_print(shop, ENDPOINT, &paper);
		refused(shop, &paper, NULL, rows[i].reason);
		paper_free(&paper);
	}
}

static void certificate_without_its_key_is_nothing(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop), thief = { X509_dup(paper.x509), EVP_EC_gen("P-256") };
	struct client *client = client_open(shop->lab, NULL, NULL, CCM8, NULL, -1);

	put_issuer(shop, ENDPOINT);
	assert_int_equal(X509_set_pubkey(thief.x509, thief.key), 1); /* so that OpenSSL lends itself to it */
	assert_int_equal(SSL_use_certificate(client->ssl, thief.x509), 1);
	assert_int_equal(SSL_use_PrivateKey(client->ssl, thief.key), 1);
	int result = 0;
	lab_until(shop->lab, (result = client_step(client)) != 0);
	assert_int_equal(result, -1);
	assert_int_equal(endpoint_counts(shop->lab->endpoint).sessions, 0);
	client_close(client);
	paper_free(&paper);
	paper_free(&thief);
}

static void names_that_deceive_are_no_names(void **state)
{
	struct shop *shop = *state;
	struct paper paper = paper_make(&(struct paper_terms){ .issuer = &shop->root });
	X509_NAME *subject = X509_get_subject_name(paper.x509);

	credentials_accept_issued(shop->lab->credentials, true);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
						    (const unsigned char *)"dev1\0.example.com", 17, -1, 0),
			 1);
	assert_true(X509_sign(paper.x509, shop->root.key, EVP_sha256()) > 0);
	refused(shop, &paper, NULL, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
	paper_free(&paper);
}

static void revoked_certificate_is_refused(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop), good = device_paper(shop);
	struct certificate_files files = files_of(shop);

	close_server(shop);
	paper_write_list(&shop->root, &paper, place(shop, "lists.pem"));
	files.revocations = place(shop, "lists.pem");
	open_server(shop, &files);
	put_issuer(shop, ENDPOINT);
	refused(shop, &paper, NULL, SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED);
	put_print(shop, ENDPOINT, &paper);
	refused(shop, &paper, NULL, SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED);
	put_issuer(shop, ENDPOINT);
	accepted_as(shop, &good, NULL, ENDPOINT);
	paper_free(&paper);
	paper_free(&good);
}

/* ---- later ---- */

static void session_is_resumed(struct shop *shop, bool with_ticket)
{
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	struct client *client = showing(shop, &paper, NULL, CCM8, NULL);
	if (!with_ticket)
		SSL_set_options(client->ssl, SSL_OP_NO_TICKET);
	client_connect(shop->lab, client);
	client_registers(shop->lab, client, 1);
	SSL_SESSION *session = SSL_get1_session(client->ssl);
	assert_int_equal(SSL_SESSION_has_ticket(session), with_ticket);
	client_ends(shop->lab, client);

	/* From a new address; the certificate is not shown again. */
	client = client_open(shop->lab, NULL, NULL, CCM8, session, -1);
	client_connect(shop->lab, client);
	assert_true(SSL_session_reused(client->ssl));
	client_registers(shop->lab, client, 2);
	assert_string_equal(shop->lab->request.identity, ENDPOINT);
	assert_int_equal(shop->lab->moved.count, 2);
	client_ends(shop->lab, client);

	/* With another credential the session of the old one is worth nothing. */
	put(shop, ENDPOINT, "name:dev1,issuer:CN=Other");
	client = client_open(shop->lab, NULL, NULL, CCM8, session, -1);
	int result = 0;
	for (int i = 0; i < 40 && result == 0; i++) {
		result = client_step(client);
		lab_turn_for(shop->lab, 1);
	}
	assert_int_equal(endpoint_counts(shop->lab->endpoint).sessions, 0);
	SSL_SESSION_free(session);
	client_close(client);
	paper_free(&paper);
}

static void session_is_resumed_by_ticket(void **state)
{
	session_is_resumed(*state, true);
}

static void session_is_resumed_by_its_id(void **state)
{
	session_is_resumed(*state, false);
}

static void session_of_an_issued_certificate_is_resumed_while_that_is_enough(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	credentials_accept_issued(shop->lab->credentials, true);
	struct client *client = connected(shop, &paper);
	client_registers(shop->lab, client, 1);
	SSL_SESSION *session = SSL_get1_session(client->ssl);
	client_ends(shop->lab, client);
	client = showing(shop, &paper, NULL, CCM8, session);
	client_connect(shop->lab, client);
	assert_true(SSL_session_reused(client->ssl));
	client_registers(shop->lab, client, 2);
	client_ends(shop->lab, client);
	credentials_accept_issued(shop->lab->credentials, false);
	shop->lab->moved.count = 0;
	refused(shop, &paper, NULL, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
	SSL_SESSION_free(session);
	paper_free(&paper);
}

static void session_is_not_resumed_after_the_certificate_has_expired(void **state)
{
	struct shop *shop = *state;
	struct paper paper = paper_make(&(struct paper_terms){
		.issuer = &shop->root, .common_name = ENDPOINT, .from_s = -10, .until_s = 2 });

	put_issuer(shop, ENDPOINT);
	struct client *client = connected(shop, &paper);
	client_registers(shop->lab, client, 1);
	SSL_SESSION *session = SSL_get1_session(client->ssl);
	client_ends(shop->lab, client);
	lab_turn_for(shop->lab, 2500);
	client = showing(shop, &paper, NULL, CCM8, session);
	int result = 0;
	lab_until(shop->lab, (result = client_step(client)) != 0);
	assert_int_equal(result, -1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED);
	SSL_SESSION_free(session);
	client_close(client);
	paper_free(&paper);
}

static void known_device_may_come_from_a_new_address(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	struct client *old = connected(shop, &paper);
	client_registers(shop->lab, old, 1);
	const struct coap_address old_address = shop->lab->request.from;
	struct client *client = connected(shop, &paper);
	client_registers(shop->lab, client, 1);
	assert_int_equal(shop->lab->moved.count, 2);
	assert_string_equal(shop->lab->moved.identity, ENDPOINT);
	assert_true(coap_address_equal(&shop->lab->moved.from, &shop->lab->request.from));
	assert_false(coap_address_equal(&shop->lab->moved.from, &old_address));
	assert_int_equal(endpoint_counts(shop->lab->endpoint).sessions, 1);
	client_close(old);
	client_close(client);
	paper_free(&paper);
}

static void session_ends_with_its_credential(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	struct client *client = connected(shop, &paper);
	client_registers(shop->lab, client, 1);
	put_issuer(shop, "dev2"); /* another's does not matter */
	client_registers(shop->lab, client, 2);
	credentials_remove(shop->lab->credentials, CREDENTIAL_KIND_X509, ENDPOINT);
	client_send(client, "44 02 12 03 A1 A2 A3 A4 B2 \"rd\"");
	lab_until(shop->lab, endpoint_counts(shop->lab->endpoint).sessions == 0);
	assert_int_equal(shop->lab->request.count, 2);
	client_close(client);
	paper_free(&paper);
}

static void name_that_a_client_asks_for_is_ignored(void **state)
{
	struct shop *shop = *state;
	struct paper paper = device_paper(shop);

	put_issuer(shop, ENDPOINT);
	struct client *client = showing(shop, &paper, NULL, CCM8, NULL);
	assert_int_equal(SSL_set_tlsext_host_name(client->ssl, "nobody.example.com"), 1);
	client_connect(shop->lab, client);
	client_registers(shop->lab, client, 1);
	client_close(client);
	paper_free(&paper);
}

/* ---- files ---- */

static void files_that_do_not_fit_are_named(void **state)
{
	struct shop *shop = *state;
	struct paper weak = paper_make(&(struct paper_terms){ .common_name = "weak", .curve = "secp224r1" });
	const char *chain = place(shop, "server.pem"), *key = place(shop, "server.key"),
		   *other = place(shop, "other.pem");
	const struct {
		struct certificate_files files;
		enum err err;
		const char *reason;
	} rows[] = {
		{ { "/nowhere.pem", key, "", "" }, ERR_NOT_FOUND, "/nowhere.pem: No such file or directory" },
		{ { chain, "/nowhere.key", "", "" },
		  ERR_NOT_FOUND,
		  "/nowhere.key: No such file or directory" },
		{ { chain, key, "/nowhere", "" }, ERR_NOT_FOUND, "/nowhere: No such file or directory" },
		{ { key, key, "", "" }, ERR_MALFORMED, "has no certificate" },
		{ { chain, chain, "", "" }, ERR_MALFORMED, "no private key in PEM" },
		{ { chain, other, "", "" }, ERR_UNSUPPORTED, "must be an elliptic curve key" },
		{ { chain, key, key, "" }, ERR_MALFORMED, "has no certificate" },
		{ { chain, key, chain, chain }, ERR_MALFORMED, "has no revocation list" },
		{ { other, key, "", "" }, ERR_MALFORMED, "has no certificate" },
	};

	paper_write_key(&weak, other);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct certificates *certificates = NULL;
		struct fault fault = { 0 };
		assert_int_equal(certificates_create(&rows[i].files, &certificates, &fault), rows[i].err);
		assert_null(certificates);
		assert_non_null(strstr(fault.text, rows[i].reason));
	}
	paper_write(&weak, NULL, other);
	struct certificates *certificates = NULL;
	struct fault fault = { 0 };
	const struct certificate_files files = { other, key, "", "" };
	assert_int_equal(certificates_create(&files, &certificates, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "is not the key of the first certificate"));
	paper_free(&weak);
}

static struct bytes content_of(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	const size_t len = fread(to, 1, size, file);
	fclose(file);
	return bytes_of(to, len);
}

static void one_certificate_is_read_from_pem(void **state)
{
	struct shop *shop = *state;
	struct arena *arena = arena_create(0);
	struct fault fault = { 0 };
	struct bytes der;
	char text[8192];
	struct bytes pem = content_of(place(shop, "server.pem"), text, sizeof(text));

	assert_int_equal(certificate_from_pem(arena, pem, &der, &fault), ERR_MALFORMED);
	assert_string_equal(fault.text, "more than one certificate: the device's alone");
	fault = (struct fault){ 0 };
	assert_int_equal(certificate_from_pem(arena, bytes_of_text("none"), &der, &fault), ERR_MALFORMED);
	assert_string_equal(fault.text, "no certificate in PEM");
	paper_write(&shop->server, NULL, place(shop, "other.pem"));
	pem = content_of(place(shop, "other.pem"), text, sizeof(text));
	assert_int_equal(certificate_from_pem(arena, pem, &der, NULL), ERR_NONE);
	assert_true(bytes_equal(der, certificates_own(shop->certificates)));
	arena_free(arena);
}

static void key_is_read_from_pem_when_it_is_that_of_the_certificate(void **state)
{
	struct shop *shop = *state;
	struct arena *arena = arena_create(0);
	struct paper weak = paper_make(&(struct paper_terms){ .common_name = "weak", .curve = "secp224r1" });
	const struct bytes own = certificates_own(shop->certificates);
	struct fault fault = { 0 };
	struct bytes der;
	char text[8192];
	struct bytes pem = content_of(place(shop, "server.key"), text, sizeof(text));

	assert_int_equal(certificate_key_from_pem(arena, pem, own, &der, NULL), ERR_NONE);
	const unsigned char *at = der.at;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
	assert_int_equal(EVP_PKEY_eq(key, shop->server.key), 1);
	EVP_PKEY_free(key);
	paper_write_key(&shop->root, place(shop, "other.pem"));
	pem = content_of(place(shop, "other.pem"), text, sizeof(text));
	assert_int_equal(certificate_key_from_pem(arena, pem, own, &der, &fault), ERR_MALFORMED);
	assert_string_equal(fault.text, "is not the key of the certificate");
	paper_write_key(&weak, place(shop, "other.pem"));
	pem = content_of(place(shop, "other.pem"), text, sizeof(text));
	assert_int_equal(certificate_key_from_pem(arena, pem, own, &der, NULL), ERR_UNSUPPORTED);
	assert_int_equal(certificate_key_from_pem(arena, bytes_of_text("none"), own, &der, NULL),
			 ERR_MALFORMED);
	paper_free(&weak);
	arena_free(arena);
}

#define IN_SHOP(test) cmocka_unit_test_setup_teardown(test, open_shop, close_shop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SHOP(certificate_of_the_authority_is_the_device_that_it_names),
		IN_SHOP(every_suite_that_we_promise_works),
		IN_SHOP(pre_shared_keys_are_taken_at_the_same_port),
		IN_SHOP(server_shows_its_chain),
		IN_SHOP(intermediate_authority_leads_to_the_root),
		IN_SHOP(pinned_certificate_needs_no_authority_and_no_name),
		IN_SHOP(names_are_uri_then_common_name_then_dns),
		IN_SHOP(any_name_of_a_certificate_may_have_the_credential),
		IN_SHOP(authority_alone_is_enough_only_when_the_configuration_says_so),
		IN_SHOP(refusals_say_why),
		IN_SHOP(pinned_certificate_is_checked_too),
		IN_SHOP(certificate_without_its_key_is_nothing),
		IN_SHOP(names_that_deceive_are_no_names),
		IN_SHOP(revoked_certificate_is_refused),
		IN_SHOP(session_is_resumed_by_ticket),
		IN_SHOP(session_is_resumed_by_its_id),
		IN_SHOP(session_of_an_issued_certificate_is_resumed_while_that_is_enough),
		IN_SHOP(session_is_not_resumed_after_the_certificate_has_expired),
		IN_SHOP(known_device_may_come_from_a_new_address),
		IN_SHOP(session_ends_with_its_credential),
		IN_SHOP(name_that_a_client_asks_for_is_ignored),
		IN_SHOP(files_that_do_not_fit_are_named),
		IN_SHOP(one_certificate_is_read_from_pem),
		IN_SHOP(key_is_read_from_pem_when_it_is_that_of_the_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
