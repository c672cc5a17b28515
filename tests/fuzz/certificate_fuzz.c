/* Whatever a device sends as its certificate: what is read of it holds, and without an authority nobody is
 * trusted. */
#include "fuzz.h"

#include <openssl/x509_vfy.h>
#include <string.h>

#include "certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const unsigned char *next = at;
	X509 *x509 = d2i_X509(NULL, &next, (long)len);
	X509_STORE *nobody = X509_STORE_new();
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	struct certificate certificate;

	require(nobody != NULL && store != NULL);
	if (x509 != NULL && X509_STORE_CTX_init(store, nobody, x509, NULL) == 1) {
		(void)certificate_check(store, &certificate);
		require(certificate.issuer_count == 0);
		require(certificate.name_count <= CERTIFICATE_NAMES_MAX);
		for (size_t i = 0; i < certificate.name_count; i++) {
			const struct bytes name = bytes_of_text(certificate.names[i]);
			require(name.len > 0 && name.len < CERTIFICATE_NAME_SIZE && bytes_are_utf8(name));
		}
	}
	X509_STORE_CTX_free(store);
	X509_STORE_free(nobody);
	X509_free(x509);
	return 0;
}
