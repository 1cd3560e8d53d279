/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of local sockets (unix(7), "Address format"). A file's name stands for its inode: the
 * personality resolves it and hands a key. An abstract name is its bytes, for each type of socket.
 * Both kinds are in one hash table, from bind until the socket closes.
 */
#include "core/random.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/unix/unix.h"

#define NR_BUCKETS      256u
#define PATH_MAX_BYTES  (UNIX_ADDRESS_MAX - UNIX_PATH_OFFSET)
#define AUTOBIND_DIGITS 5
#define AUTOBIND_NAMES  (1u << 20)

static struct list *buckets; /* [I once set] */

void unix_name_get(struct unix_name *n)
{
	ref_get(&n->ref);
}

void unix_name_put(struct unix_name *n)
{
	if (n != NULL && ref_put(&n->ref))
		kmem_free(n);
}

/* ---- addresses ---- */

static const char *path_of(const struct socket_address *a)
{
	return a->bytes + UNIX_PATH_OFFSET;
}

static bool is_abstract(const struct socket_address *a)
{
	return path_of(a)[0] == '\0';
}

int unix_address_check(const struct socket_address *a)
{
	if (a->len <= UNIX_PATH_OFFSET || a->len > UNIX_ADDRESS_MAX || a->family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* The path need not end in a NUL; what follows one does not count. */
static void path_copy(char path[PATH_MAX_BYTES + 1], const struct socket_address *a)
{
	size_t len = strnlen(path_of(a), a->len - UNIX_PATH_OFFSET);

	memcpy(path, path_of(a), len);
	path[len] = '\0';
}

/* ---- the table ---- */

static struct list *bucket(uint64_t hash)
{
	return &buckets[hash % NR_BUCKETS];
}

static struct list *bucket_of_key(const void *id)
{
	return bucket(hash_u64((uint64_t)(uintptr_t)id) >> 8);
}

static struct list *bucket_of_abstract(const struct socket_address *a, int type)
{
	return bucket(hash_bytes(a->bytes, a->len, (uint64_t)type));
}

/* -ENOMEM. */
static int prepare_table(void)
{
	struct list *now, *none = NULL;

	if (atomic_load(&buckets) != NULL)
		return 0;
	now = kmem_new_array(struct list, NR_BUCKETS);
	if (now == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < NR_BUCKETS; i++)
		list_init(&now[i]);
	if (!atomic_compare_exchange(&buckets, &none, now))
		kmem_free(now);
	return 0;
}

static struct unix_socket *find_key_locked(const void *id)
{
	struct unix_name *n;

	list_foreach(bucket_of_key(id), n, link) {
		if (n->key.id == id)
			return n->owner;
	}
	return NULL;
}

static struct unix_socket *find_abstract_locked(const struct socket_address *a, int type)
{
	struct unix_name *n;

	list_foreach(bucket_of_abstract(a, type), n, link) {
		if (n->type == type && n->address.len == a->len &&
		    memcmp(n->address.bytes, a->bytes, a->len) == 0)
			return n->owner;
	}
	return NULL;
}

static struct unix_socket *counted(struct unix_socket *u)
{
	if (u != NULL)
		unix_get(u);
	return u;
}

static int find_file(const struct socket_address *a, int type, struct unix_socket **out)
{
	char path[PATH_MAX_BYTES + 1];
	struct socket_key key;
	int err;

	path_copy(path, a);
	err = socket_host.name_find(path, &key);
	if (err != 0)
		return err;
	spin_lock(&unix_lock);
	*out = counted(find_key_locked(key.id));
	spin_unlock(&unix_lock);
	socket_host.name_put(&key);
	if (*out == NULL)
		return -ECONNREFUSED;
	if ((*out)->socket.type == type)
		return 0;
	unix_put(*out);
	*out = NULL;
	return -EPROTOTYPE;
}

int unix_name_find(const struct socket_address *a, int type, struct unix_socket **out)
{
	int err = prepare_table();

	if (err != 0)
		return err;
	if (!is_abstract(a))
		return find_file(a, type, out);
	spin_lock(&unix_lock);
	*out = counted(find_abstract_locked(a, type));
	spin_unlock(&unix_lock);
	return *out == NULL ? -ECONNREFUSED : 0;
}

void unix_name_forget_locked(struct unix_socket *u, struct socket_key *key)
{
	struct unix_name *n = u->name;

	*key = (struct socket_key){ .id = NULL };
	if (n == NULL || n->owner != u)
		return;
	list_remove(&n->link);
	n->owner = NULL;
	*key = n->key;
}

/* ---- bind ---- */

static struct unix_name *name_new(struct unix_socket *u, const struct socket_address *a)
{
	struct unix_name *n = kmem_new(struct unix_name);

	if (n == NULL)
		return NULL;
	ref_init(&n->ref);
	list_init(&n->link);
	n->owner = u;
	n->type = u->socket.type;
	n->address = *a;
	return n;
}

/* Puts n into the table as u's. -EINVAL: u has a name; -EADDRINUSE. */
static int take_name(struct unix_socket *u, struct unix_name *n)
{
	struct list *in;

	scoped_spin(&unix_lock);
	if (u->name != NULL)
		return -EINVAL;
	if (n->key.id == NULL && find_abstract_locked(&n->address, n->type) != NULL)
		return -EADDRINUSE;
	in = n->key.id != NULL ? bucket_of_key(n->key.id)
			       : bucket_of_abstract(&n->address, n->type);
	list_append(in, &n->link);
	atomic_store(&u->name, n);
	return 0;
}

static int bind_abstract(struct unix_socket *u, const struct socket_address *a)
{
	struct unix_name *n = name_new(u, a);
	int err;

	if (n == NULL)
		return -ENOMEM;
	err = take_name(u, n);
	if (err != 0)
		unix_name_put(n);
	return err;
}

static int bind_file(struct unix_socket *u, const struct socket_address *a, uint32_t mode)
{
	char path[PATH_MAX_BYTES + 1];
	struct unix_name *n = name_new(u, a);
	int err;

	if (n == NULL)
		return -ENOMEM;
	path_copy(path, a);
	n->address.len = UNIX_PATH_OFFSET + (unsigned)strlen(path) + 1; /* its NUL counts */
	memcpy(n->address.bytes + UNIX_PATH_OFFSET, path, strlen(path) + 1);
	err = socket_host.name_make(path, mode, &n->key);
	if (err != 0)
		goto err_put;
	err = take_name(u, n);
	if (err == 0)
		return 0;
	socket_host.name_put(&n->key);
	socket_host.name_undo(path);
err_put:
	unix_name_put(n);
	return err;
}

/* Five hexadecimal digits that nobody has (unix(7), "Autobind feature"). */
int unix_autobind(struct unix_socket *u)
{
	struct socket_address a = { .family = AF_UNIX };
	uint32_t number;
	int err = prepare_table();

	if (err != 0)
		return err;
	if (atomic_load(&u->name) != NULL)
		return 0;
	random_get(&number, sizeof(number));
	a.len = UNIX_PATH_OFFSET + 1 + AUTOBIND_DIGITS;
	for (unsigned tries = 0; tries < AUTOBIND_NAMES; tries++) {
		fmt(a.bytes + UNIX_PATH_OFFSET + 1, AUTOBIND_DIGITS + 1, "%05x",
		    (number + tries) % AUTOBIND_NAMES);
		err = bind_abstract(u, &a);
		if (err == -EINVAL)
			return 0; /* somebody else gave it a name */
		if (err != -EADDRINUSE)
			return err;
	}
	return -ENOSPC;
}

int unix_autobind_if_asked(struct unix_socket *u)
{
	return unix_wants_sender(u) ? unix_autobind(u) : 0;
}

int unix_bind(struct socket *s, const struct socket_address *a, uint32_t mode)
{
	struct unix_socket *u = unix_of(s);
	int err;

	if (a->len == UNIX_PATH_OFFSET && a->family == AF_UNIX)
		return unix_autobind(u);
	err = unix_address_check(a);
	if (err == 0)
		err = prepare_table();
	if (err != 0)
		return err;
	return is_abstract(a) ? bind_abstract(u, a) : bind_file(u, a, mode);
}
