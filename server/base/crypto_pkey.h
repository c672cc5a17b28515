/* A public key in the form that OpenSSL verifies with: for the files of this folder only. */
#ifndef CARDEA_CRYPTO_PKEY_H
#define CARDEA_CRYPTO_PKEY_H

#include <cardea/crypto_ec.h>
#include <openssl/evp.h>

/* NULL for what is no point of the curve. To be freed with EVP_PKEY_free. */
EVP_PKEY *pkey_of_public(enum ec_curve curve, struct bytes point);

#endif
