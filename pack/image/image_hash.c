/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. FIPS 180-4, by libcrypto. */
#include <openssl/evp.h>
#include <string.h>

#include "pack/image/image_hash.h"

int image_hash_check(const struct image_file *image, const char *name, struct failure *failure)
{
	const uint8_t *payload = image->kernel.bytes + image->payload_at;

	for (unsigned i = 0; i < image->header.nr_sections; i++) {
		const struct image_section *section = &image->sections[i];
		uint8_t digest[32] = { 0 };

		if (section->kind == IMAGE_SIGNATURE)
			continue;
		if (EVP_Digest(payload + section->offset, section->size_bytes, digest, NULL,
			       EVP_sha256(), NULL) != 1)
			return failure_set(failure, "SHA-256 cannot be had from libcrypto");
		if (memcmp(digest, section->sha256, sizeof(digest)) == 0)
			continue;
		return failure_set(failure,
				   "%s: the image is damaged: %s is not what was written (its "
				   "SHA-256 differs); build it again, or copy it again",
				   name, image_file_section_name(section));
	}
	return 0;
}
