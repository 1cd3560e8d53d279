/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving bytes in and out of a list of buffers. `offset` is always below vecs[0].len, or there is
 * nothing left: advance() steps over what is used up and over empty vectors.
 */
#include "core/uio.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"

enum direction { TO, FROM, ZERO };

static void advance(struct uio *u, size_t len)
{
	u->offset += len;
	u->left -= len;
	while (u->nr_vecs > 0 && u->offset >= u->vecs->len) {
		u->offset -= u->vecs->len;
		u->vecs++;
		u->nr_vecs--;
	}
}

void uio_init_vecs(struct uio *u, struct uio_vec *vecs, unsigned nr, bool user)
{
	*u = (struct uio){ .vecs = vecs, .nr_vecs = nr, .user = user };
	for (unsigned i = 0; i < nr; i++)
		u->left += vecs[i].len;
	advance(u, 0);
}

static void init_single(struct uio *u, struct uio_vec vec, bool user)
{
	*u = (struct uio){ .nr_vecs = 1, .left = vec.len, .user = user, .single = vec };
	u->vecs = &u->single;
	advance(u, 0);
}

void uio_init_user(struct uio *u, uaddr_t base, size_t len)
{
	init_single(u, (struct uio_vec){ base, len }, true);
}

void uio_init_kernel(struct uio *u, void *base, size_t len)
{
	init_single(u, (struct uio_vec){ (uaddr_t)base, len }, false);
}

static size_t move_kernel(void *at, void *mem, size_t len, enum direction direction)
{
	if (direction == TO)
		memcpy(at, mem, len);
	else if (direction == FROM)
		memcpy(mem, at, len);
	else
		memset(at, 0, len);
	return len;
}

static size_t move_user(uaddr_t at, void *mem, size_t len, enum direction direction)
{
	if (direction == TO)
		return user_write_some(at, mem, len);
	if (direction == FROM)
		return user_read_some(mem, at, len);
	return user_range_ok(at, len) ? len - arch_user_zero((void *)at, len) : 0;
}

static size_t move(struct uio *u, void *mem, size_t len, enum direction direction)
{
	size_t done = 0, n, got;
	uaddr_t at;

	while (done < len && u->left > 0) {
		at = u->vecs->base + u->offset;
		n = min(len - done, u->vecs->len - u->offset);
		got = u->user ? move_user(at, (char *)mem + done, n, direction)
			      : move_kernel((void *)at, (char *)mem + done, n, direction);
		advance(u, got);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

size_t uio_copy_to(struct uio *u, const void *src, size_t len)
{
	return move(u, (void *)src, len, TO);
}

size_t uio_copy_from(struct uio *u, void *dst, size_t len)
{
	return move(u, dst, len, FROM);
}

size_t uio_zero(struct uio *u, size_t len)
{
	return move(u, NULL, len, ZERO);
}

void uio_skip(struct uio *u, size_t len)
{
	size_t n;

	for (len = min(len, u->left); len > 0; len -= n) {
		n = min(len, u->vecs->len - u->offset);
		advance(u, n);
	}
}

/*
 * One byte of the first page is enough: the copy goes on from there and comes back if need be. For
 * writing, a locked exchange of 0 by 0 asks for the page and changes nothing: what another thread
 * stores there meanwhile stays.
 */
int uio_fault_in(const struct uio *u, bool write)
{
	uaddr_t at;
	uint32_t old;
	char byte;

	if (!u->user || u->left == 0)
		return 0;
	at = u->vecs->base + u->offset;
	if (write)
		return user_compare_exchange_u32(align_down(at, sizeof(old)), 0, 0, &old);
	return user_read(&byte, at, 1);
}
