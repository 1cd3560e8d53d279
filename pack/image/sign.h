/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures of images: ed25519 (RFC 8032) over the SHA-256 of the file, in which the signature
 * itself counts as zeros: every byte of kernel, launch record and root is covered. A disk is made
 * from its image alone, byte for byte (disk/disk.h), so that the image's signature is the disk's
 * too.
 *
 * Keys are PEM files as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write
 * them.
 */
#pragma once
#include <stdint.h>

#include "abi/hull/image.h"
#include "pack/failure.h"

/* Fails now rather than after a long build. */
int sign_check_key(const char *key_path, struct failure *failure);
/* Signs the file of that descriptor; the signature stands at `at`. */
int sign_file(int fd, uint64_t at, const char *key_path, struct failure *failure);
/* 0: it is this key's. -1, with what is wrong. */
int sign_verify(const void *bytes, uint64_t len, uint64_t at, const char *public_key_path,
		struct failure *failure);
