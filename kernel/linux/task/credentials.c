/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a task is: user and group ids, supplementary groups, capabilities (credentials(7),
 * capabilities(7)). Credentials are immutable once shared: every change makes a copy, checks it and
 * puts it in place for the calling task; the C library does so on every thread.
 */
#include <linux/capability.h>
#include <linux/securebits.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/sys.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define NO_ID UINT32_MAX

void cred_install(struct cred *now)
{
	struct thread *self = thread_current();
	struct cred *was;

	spin_lock(&task_lock);
	was = self->cred;
	self->cred = now;
	WRITE_ONCE(process_current()->uid, now->uid);
	spin_unlock(&task_lock);
	cred_put(was);
}

long cred_change(long (*fn)(struct cred *now, unsigned long arg), unsigned long arg)
{
	struct cred *now = cred_copy(cred_current());
	long result;

	if (now == NULL)
		return -ENOMEM;
	result = fn(now, arg);
	if (result == 0)
		cred_install(now);
	else
		cred_put(now);
	return result;
}

static bool is_subset(uint64_t of, uint64_t set)
{
	return (set & ~of) == 0;
}

bool task_may_access(struct task *t)
{
	const struct cred *mine = cred_current();
	bool capable = cred_has_cap(mine, CAP_SYS_PTRACE), same;
	struct cred *theirs;

	if (t->process == process_current() || capable)
		return true;
	theirs = task_cred(t);
	same = mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
	       mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid &&
	       is_subset(mine->cap_permitted, theirs->cap_permitted);
	cred_put(theirs);
	return same && READ_ONCE(t->process->dumpable);
}

static uint64_t fs_caps(void)
{
	return 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
	       1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE |
	       1ull << CAP_MAC_OVERRIDE | 1ull << CAP_MKNOD;
}

/* The effects of a user-id change on capabilities (capabilities(7), "Effect of user ID
 * changes"). */
static void adjust_caps(const struct cred *was, struct cred *now)
{
	bool had_root = was->uid == 0 || was->euid == 0 || was->suid == 0;
	bool has_root = now->uid == 0 || now->euid == 0 || now->suid == 0;

	if ((was->securebits & SECBIT_NO_SETUID_FIXUP) != 0)
		return;
	if (had_root && !has_root) {
		if ((was->securebits & SECBIT_KEEP_CAPS) == 0) {
			now->cap_permitted = 0;
			now->cap_effective = 0;
		}
		now->cap_ambient = 0;
	}
	if (was->euid == 0 && now->euid != 0)
		now->cap_effective = 0;
	if (was->euid != 0 && now->euid == 0)
		now->cap_effective = now->cap_permitted;
}

/* Who is somebody else now is not to be looked into, nor does its parent's death tell it
 * (prctl(2) PR_SET_DUMPABLE, PR_SET_PDEATHSIG). */
static void commit_ids(struct cred *now)
{
	const struct cred *was = cred_current();

	if (was->euid != now->euid || was->egid != now->egid || was->fsuid != now->fsuid ||
	    was->fsgid != now->fsgid || !is_subset(was->cap_permitted, now->cap_permitted)) {
		WRITE_ONCE(process_current()->dumpable, false);
		task_current()->parent_death_signal = 0;
	}
	cred_install(now);
}

bool task_has_too_many_peers(uint32_t uid)
{
	return uid != 0 && task_count_user(uid) > process_limit(process_current(), RLIMIT_NPROC);
}

static long commit_uids(struct cred *now)
{
	/* execve(2), EAGAIN: programs do not look whether setuid(2) fails. */
	if (now->uid != cred_current()->uid)
		task_current()->exceeds_nproc = task_has_too_many_peers(now->uid);
	now->fsuid = now->euid;
	adjust_caps(cred_current(), now);
	commit_ids(now);
	return 0;
}

static bool may_setuid(void)
{
	return cred_has_cap(cred_current(), CAP_SETUID);
}

static bool may_setgid(void)
{
	return cred_has_cap(cred_current(), CAP_SETGID);
}

static bool is_one_of_uids(const struct cred *c, uint32_t id)
{
	return id == NO_ID || id == c->uid || id == c->euid || id == c->suid;
}

static bool is_one_of_gids(const struct cred *c, uint32_t id)
{
	return id == NO_ID || id == c->gid || id == c->egid || id == c->sgid;
}

static void set_unless_none(uint32_t *id, uint32_t to)
{
	if (to != NO_ID)
		*id = to;
}

long sys_getuid(void)
{
	return cred_current()->uid;
}

long sys_geteuid(void)
{
	return cred_current()->euid;
}

long sys_getgid(void)
{
	return cred_current()->gid;
}

long sys_getegid(void)
{
	return cred_current()->egid;
}

/* Real, effective and saved id; NO_ID leaves one as it is. */
struct ids {
	uint32_t real, effective, saved;
};

static long set_uids(const struct ids *to)
{
	struct cred *now = cred_copy(cred_current());

	if (now == NULL)
		return -ENOMEM;
	set_unless_none(&now->uid, to->real);
	set_unless_none(&now->euid, to->effective);
	set_unless_none(&now->suid, to->saved);
	return commit_uids(now);
}

static long set_gids(const struct ids *to)
{
	struct cred *now = cred_copy(cred_current());

	if (now == NULL)
		return -ENOMEM;
	set_unless_none(&now->gid, to->real);
	set_unless_none(&now->egid, to->effective);
	set_unless_none(&now->sgid, to->saved);
	now->fsgid = now->egid;
	commit_ids(now);
	return 0;
}

long sys_setuid(uint32_t uid)
{
	const struct cred *was = cred_current();
	uint32_t others = may_setuid() ? uid : NO_ID;

	if (uid == NO_ID)
		return -EINVAL;
	if (!may_setuid() && uid != was->uid && uid != was->suid)
		return -EPERM;
	return set_uids(&(struct ids){ others, uid, others });
}

long sys_setgid(uint32_t gid)
{
	const struct cred *was = cred_current();
	uint32_t others = may_setgid() ? gid : NO_ID;

	if (gid == NO_ID)
		return -EINVAL;
	if (!may_setgid() && gid != was->gid && gid != was->sgid)
		return -EPERM;
	return set_gids(&(struct ids){ others, gid, others });
}

/* setreuid(2): the saved id follows when the real one is set, or the effective one to another. */
static uint32_t saved_after(const struct ids *to, uint32_t was_real, uint32_t was_effective)
{
	if (to->real == NO_ID && (to->effective == NO_ID || to->effective == was_real))
		return NO_ID;
	return to->effective != NO_ID ? to->effective : was_effective;
}

long sys_setreuid(uint32_t ruid, uint32_t euid)
{
	const struct cred *was = cred_current();
	struct ids to = { ruid, euid, NO_ID };

	if (!may_setuid() && ((ruid != NO_ID && ruid != was->uid && ruid != was->euid) ||
			      !is_one_of_uids(was, euid)))
		return -EPERM;
	to.saved = saved_after(&to, was->uid, was->euid);
	return set_uids(&to);
}

long sys_setregid(uint32_t rgid, uint32_t egid)
{
	const struct cred *was = cred_current();
	struct ids to = { rgid, egid, NO_ID };

	if (!may_setgid() && ((rgid != NO_ID && rgid != was->gid && rgid != was->egid) ||
			      !is_one_of_gids(was, egid)))
		return -EPERM;
	to.saved = saved_after(&to, was->gid, was->egid);
	return set_gids(&to);
}

long sys_setresuid(uint32_t ruid, uint32_t euid, uint32_t suid)
{
	const struct cred *was = cred_current();

	if (!may_setuid() && (!is_one_of_uids(was, ruid) || !is_one_of_uids(was, euid) ||
			      !is_one_of_uids(was, suid)))
		return -EPERM;
	return set_uids(&(struct ids){ ruid, euid, suid });
}

long sys_setresgid(uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	const struct cred *was = cred_current();

	if (!may_setgid() && (!is_one_of_gids(was, rgid) || !is_one_of_gids(was, egid) ||
			      !is_one_of_gids(was, sgid)))
		return -EPERM;
	return set_gids(&(struct ids){ rgid, egid, sgid });
}

static long write_three(const uaddr_t to[3], const uint32_t ids[3])
{
	for (unsigned i = 0; i < 3; i++)
		if (user_write_struct(to[i], &ids[i]) != 0)
			return -EFAULT;
	return 0;
}

long sys_getresuid(uaddr_t ruid, uaddr_t euid, uaddr_t suid)
{
	const struct cred *c = cred_current();

	return write_three((const uaddr_t[3]){ ruid, euid, suid },
			   (const uint32_t[3]){ c->uid, c->euid, c->suid });
}

long sys_getresgid(uaddr_t rgid, uaddr_t egid, uaddr_t sgid)
{
	const struct cred *c = cred_current();

	return write_three((const uaddr_t[3]){ rgid, egid, sgid },
			   (const uint32_t[3]){ c->gid, c->egid, c->sgid });
}

/* Both give the id as it was, whatever happened (setfsuid(2)). */
long sys_setfsuid(uint32_t uid)
{
	const struct cred *was = cred_current();
	uint32_t old = was->fsuid;
	struct cred *now;

	if (uid == NO_ID || (!may_setuid() && !is_one_of_uids(was, uid) && uid != old))
		return old;
	now = cred_copy(was);
	if (now == NULL)
		return old;
	now->fsuid = uid;
	if ((was->securebits & SECBIT_NO_SETUID_FIXUP) == 0 && old == 0 && uid != 0)
		now->cap_effective &= ~fs_caps();
	if ((was->securebits & SECBIT_NO_SETUID_FIXUP) == 0 && old != 0 && uid == 0)
		now->cap_effective |= now->cap_permitted & fs_caps();
	commit_ids(now);
	return old;
}

long sys_setfsgid(uint32_t gid)
{
	const struct cred *was = cred_current();
	uint32_t old = was->fsgid;
	struct cred *now;

	if (gid == NO_ID || (!may_setgid() && !is_one_of_gids(was, gid) && gid != old))
		return old;
	now = cred_copy(was);
	if (now == NULL)
		return old;
	now->fsgid = gid;
	commit_ids(now);
	return old;
}

/* ---- groups ---- */

long sys_getgroups(int size, uaddr_t list)
{
	const struct cred *c = cred_current();

	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return c->nr_groups;
	if ((unsigned)size < c->nr_groups)
		return -EINVAL;
	if (user_write(list, c->groups, c->nr_groups * sizeof(uint32_t)) != 0)
		return -EFAULT;
	return c->nr_groups;
}

static int read_groups(struct cred *now, unsigned nr, uaddr_t list)
{
	uint32_t *groups = NULL;

	if (nr > 0) {
		groups = kmem_new_array(uint32_t, nr);
		if (groups == NULL)
			return -ENOMEM;
		if (user_read(groups, list, nr * sizeof(uint32_t)) != 0) {
			kmem_free(groups);
			return -EFAULT;
		}
	}
	cred_take_groups(now, groups, nr);
	return 0;
}

long sys_setgroups(int size, uaddr_t list)
{
	struct cred *now;
	int err;

	if (!may_setgid())
		return -EPERM;
	if (size < 0 || size > CRED_GROUPS_MAX)
		return -EINVAL;
	now = cred_copy(cred_current());
	if (now == NULL)
		return -ENOMEM;
	err = read_groups(now, (unsigned)size, list);
	if (err != 0) {
		cred_put(now);
		return err;
	}
	cred_install(now);
	return 0;
}

/* ---- capabilities ---- */

/* How many 32-bit words the caller's version has; -EINVAL, and the header says which one we
 * have. */
static int words_of_version(uaddr_t uheader, struct __user_cap_header_struct *h)
{
	if (user_read_struct(h, uheader) != 0)
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return 2;
	default:
		h->version = _LINUX_CAPABILITY_VERSION_3;
		return user_write_struct(uheader, h) != 0 ? -EFAULT : -EINVAL;
	}
}

long sys_capget(uaddr_t uheader, uaddr_t udata)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2];
	int words = words_of_version(uheader, &h);
	struct task *t;
	struct cred *c;

	if (words < 0)
		return words == -EINVAL && udata == 0 ? 0 : words;
	if (h.pid < 0)
		return -EINVAL;
	t = task_find(h.pid == 0 ? task_current()->tid : h.pid);
	if (t == NULL)
		return -ESRCH;
	spin_lock(&task_lock);
	c = cred_get(t->thread == NULL ? &cred_kernel : t->thread->cred);
	spin_unlock(&task_lock);
	for (int i = 0; i < 2; i++) {
		d[i].effective = (uint32_t)(c->cap_effective >> (32 * i));
		d[i].permitted = (uint32_t)(c->cap_permitted >> (32 * i));
		d[i].inheritable = (uint32_t)(c->cap_inheritable >> (32 * i));
	}
	cred_put(c);
	task_put(t);
	return udata == 0 ? 0 : user_write(udata, d, (size_t)words * sizeof(d[0]));
}

long sys_capset(uaddr_t uheader, uaddr_t udata)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2] = { { 0 } };
	const struct cred *was = cred_current();
	uint64_t effective, permitted, inheritable;
	int words = words_of_version(uheader, &h);
	struct cred *now;

	if (words < 0)
		return words;
	if (h.pid != 0 && h.pid != task_current()->tid)
		return -EPERM;
	if (user_read(d, udata, (size_t)words * sizeof(d[0])) != 0)
		return -EFAULT;
	effective = d[0].effective | (uint64_t)d[1].effective << 32;
	permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	if (!is_subset(was->cap_permitted, permitted) || !is_subset(permitted, effective) ||
	    !is_subset(was->cap_inheritable | was->cap_permitted, inheritable) ||
	    !is_subset(was->cap_inheritable | was->cap_bounding, inheritable))
		return -EPERM;
	now = cred_copy(was);
	if (now == NULL)
		return -ENOMEM;
	now->cap_effective = effective;
	now->cap_permitted = permitted;
	now->cap_inheritable = inheritable;
	now->cap_ambient &= permitted & inheritable;
	cred_install(now);
	return 0;
}
