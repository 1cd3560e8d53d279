/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of memory, as readv(2) has them. */
#include "monitor/net/iov.h"
#include <string.h>
#include "lib/compiler.h"

size_t iov_bytes(const struct iovec *iov, unsigned nr)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < nr; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

size_t iov_copy_out(const struct iovec *iov, unsigned nr, size_t offset, void *to, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < nr && done < len; i++) {
		size_t skip = min(offset, iov[i].iov_len);
		size_t part = min(iov[i].iov_len - skip, len - done);

		offset -= skip;
		if (part > 0)
			memcpy((char *)to + done, (const char *)iov[i].iov_base + skip, part);
		done += part;
	}
	return done;
}

size_t iov_copy_in(const struct iovec *iov, unsigned nr, size_t offset, const void *from,
		   size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < nr && done < len; i++) {
		size_t skip = min(offset, iov[i].iov_len);
		size_t part = min(iov[i].iov_len - skip, len - done);

		offset -= skip;
		if (part > 0)
			memcpy((char *)iov[i].iov_base + skip, (const char *)from + done, part);
		done += part;
	}
	return done;
}

unsigned iov_skip(const struct iovec *iov, unsigned nr, size_t skip, struct iovec *out)
{
	unsigned nr_out = 0;

	for (unsigned i = 0; i < nr; i++) {
		size_t part = min(skip, iov[i].iov_len);

		skip -= part;
		if (part == iov[i].iov_len)
			continue;
		out[nr_out++] = (struct iovec){ .iov_base = (char *)iov[i].iov_base + part,
						.iov_len = iov[i].iov_len - part };
	}
	return nr_out;
}
