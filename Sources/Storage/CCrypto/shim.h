#ifndef PACKHOUSE_CCRYPTO_SHIM_H
#define PACKHOUSE_CCRYPTO_SHIM_H

// The plain-struct digest contexts (SHA256_CTX and its kin) can be saved and restored, which a
// resumable upload needs; the EVP interface that replaces them cannot.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

#endif
