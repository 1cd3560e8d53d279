/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory. A range is first checked to lie in the program's half; then arch's copy loop runs,
 * whose page faults either bring the page in or end the loop at the first byte that cannot be had.
 */
#include "mm/user.h"

#include "arch/mmu.h"
#include "lib/errno.h"
#include "lib/string.h"

#define STRING_CHUNK 128ul

static void *pointer(uaddr_t addr)
{
	return (void *)addr;
}

bool user_range_ok(uaddr_t addr, size_t len)
{
	return addr <= USER_TOP && len <= USER_TOP - addr;
}

int user_read(void *dst, uaddr_t src, size_t len)
{
	if (!user_range_ok(src, len))
		return -EFAULT;
	return arch_user_copy(dst, pointer(src), len) == 0 ? 0 : -EFAULT;
}

int user_write(uaddr_t dst, const void *src, size_t len)
{
	if (!user_range_ok(dst, len))
		return -EFAULT;
	return arch_user_copy(pointer(dst), src, len) == 0 ? 0 : -EFAULT;
}

/* How much of the range lies in the program's half. */
static size_t clip(uaddr_t addr, size_t len)
{
	return addr >= USER_TOP ? 0 : min(len, (size_t)(USER_TOP - addr));
}

size_t user_read_some(void *dst, uaddr_t src, size_t len)
{
	size_t n = clip(src, len);

	return n - arch_user_copy(dst, pointer(src), n);
}

size_t user_write_some(uaddr_t dst, const void *src, size_t len)
{
	size_t n = clip(dst, len);

	return n - arch_user_copy(pointer(dst), src, n);
}

int user_zero(uaddr_t dst, size_t len)
{
	if (!user_range_ok(dst, len))
		return -EFAULT;
	return arch_user_zero(pointer(dst), len) == 0 ? 0 : -EFAULT;
}

/* A string may end right before memory that is not there: chunks never cross a page. */
ssize_t user_string(char *dst, uaddr_t src, size_t size)
{
	size_t done = 0, want, got;
	const char *end;

	while (done < size) {
		want = min(size - done, STRING_CHUNK);
		want = min(want, PAGE_SIZE - (src + done) % PAGE_SIZE);
		got = user_read_some(dst + done, src + done, want);
		end = memchr(dst + done, '\0', got);
		if (end != NULL)
			return end - dst;
		if (got < want)
			return -EFAULT;
		done += got;
	}
	return -ENAMETOOLONG;
}

int user_compare_exchange_u32(uaddr_t addr, uint32_t expected, uint32_t desired, uint32_t *old)
{
	if (!user_range_ok(addr, sizeof(uint32_t)) || !is_aligned(addr, sizeof(uint32_t)))
		return -EFAULT;
	return arch_user_compare_exchange_u32(pointer(addr), expected, desired, old);
}

int user_read_u32(uint32_t *out, uaddr_t addr)
{
	return user_read(out, addr, sizeof(*out));
}
