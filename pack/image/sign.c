/* SPDX-License-Identifier: BSD-2-Clause */
/* Signs and verifies images by libcrypto (sign.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/image/sign.h"

#define DIGEST_BYTES 32
#define PART_BYTES   ((size_t)256 << 10)

static EVP_PKEY *read_key(const char *path, bool is_public, struct failure *failure)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key;

	if (!file) {
		failure_set(failure, "the key %s: %s", path, strerror(errno));
		return NULL;
	}
	key = is_public ? PEM_read_PUBKEY(file, NULL, NULL, NULL)
			: PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	if (key && EVP_PKEY_id(key) == EVP_PKEY_ED25519)
		return key;
	EVP_PKEY_free(key);
	failure_set(failure, "the key %s: it is no ed25519 %s key in PEM; make one by: %s", path,
		    is_public ? "public" : "private",
		    is_public ? "openssl pkey -in KEY -pubout"
			      : "openssl genpkey -algorithm ed25519");
	return NULL;
}

int sign_check_key(const char *key_path, struct failure *failure)
{
	EVP_PKEY *key = read_key(key_path, false, failure);

	EVP_PKEY_free(key);
	return key ? 0 : -1;
}

/* Takes bytes of the file at an offset, those of the signature as zeros. */
static void hash_part(EVP_MD_CTX *hash, uint8_t *bytes, size_t len, const uint64_t at[2])
{
	uint64_t from = at[0], signature = at[1], end = signature + sizeof(struct image_signature);

	for (uint64_t i = signature > from ? signature : from; i < end && i < from + len; i++)
		bytes[i - from] = 0;
	EVP_DigestUpdate(hash, bytes, len);
}

static int hash_failed(EVP_MD_CTX *hash, struct failure *failure)
{
	EVP_MD_CTX_free(hash);
	return failure_set(failure, "SHA-256 cannot be had from libcrypto");
}

static int hash_file(int fd, uint64_t at, uint8_t digest[DIGEST_BYTES], struct failure *failure)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t *part = malloc(PART_BYTES);
	uint64_t offset = 0;
	ssize_t n = 0;

	if (!hash || !part || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) {
		free(part);
		return hash_failed(hash, failure);
	}
	while ((n = pread(fd, part, PART_BYTES, (off_t)offset)) > 0) {
		hash_part(hash, part, (size_t)n, (uint64_t[]){ offset, at });
		offset += (uint64_t)n;
	}
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	free(part);
	return n < 0 ? failure_set(failure, "reading the image back: %s", strerror(errno)) : 0;
}

static int make_signature(EVP_PKEY *key, const uint8_t digest[DIGEST_BYTES],
			  struct image_signature *out, struct failure *failure)
{
	size_t key_len = sizeof(out->public_key), len = sizeof(out->signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok;

	*out = (struct image_signature){ .algorithm = IMAGE_ED25519 };
	ok = context && EVP_PKEY_get_raw_public_key(key, out->public_key, &key_len) == 1 &&
	     EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestSign(context, out->signature, &len, digest, DIGEST_BYTES) == 1;
	EVP_MD_CTX_free(context);
	return ok ? 0 : failure_set(failure, "libcrypto cannot sign with this key");
}

int sign_file(int fd, uint64_t at, const char *key_path, struct failure *failure)
{
	EVP_PKEY *key = read_key(key_path, false, failure);
	struct image_signature signature;
	uint8_t digest[DIGEST_BYTES];
	int err;

	if (!key)
		return -1;
	err = hash_file(fd, at, digest, failure);
	if (!err)
		err = make_signature(key, digest, &signature, failure);
	EVP_PKEY_free(key);
	if (!err && pwrite(fd, &signature, sizeof(signature), (off_t)at) != sizeof(signature))
		err = failure_set(failure, "writing the signature: %s", strerror(errno));
	return err;
}

/* The file's digest, from memory that is only read. */
static int hash_bytes(const uint8_t *bytes, uint64_t len, uint64_t at, uint8_t digest[DIGEST_BYTES],
		      struct failure *failure)
{
	static const struct image_signature zeros;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint64_t behind = at + sizeof(zeros);

	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return hash_failed(hash, failure);
	EVP_DigestUpdate(hash, bytes, at);
	EVP_DigestUpdate(hash, &zeros, sizeof(zeros));
	EVP_DigestUpdate(hash, bytes + behind, len - behind);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	return 0;
}

int sign_verify(const void *bytes, uint64_t len, uint64_t at, const char *public_key_path,
		struct failure *failure)
{
	EVP_PKEY *key = read_key(public_key_path, true, failure);
	struct image_signature signature;
	uint8_t digest[DIGEST_BYTES];
	EVP_MD_CTX *context;
	int ok;

	if (!key)
		return -1;
	if (at > len || len - at < sizeof(signature)) {
		EVP_PKEY_free(key);
		return failure_set(failure, "the signature lies outside of the file");
	}
	memcpy(&signature, (const uint8_t *)bytes + at, sizeof(signature));
	if (signature.algorithm != IMAGE_ED25519 || hash_bytes(bytes, len, at, digest, failure)) {
		EVP_PKEY_free(key);
		return failure_set(failure, "the signature is of a kind that is not known");
	}
	context = EVP_MD_CTX_new();
	ok = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(context, signature.signature, sizeof(signature.signature), digest,
			      sizeof(digest)) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	if (ok)
		return 0;
	return failure_set(failure,
			   "the signature is not one of %s over this image: it was made "
			   "by another key, or the image was changed",
			   public_key_path);
}
