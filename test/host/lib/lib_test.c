/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/lib against models: the tree and the radix tree against arrays, fmt and the string
 * functions against the C library's, ChaCha20 against RFC 8439, cpio archives cut and bent at
 * every byte.
 */
#include "test/host/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bitmap.h"
#include "lib/chacha.h"
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/hash.h"
#include "lib/radix.h"
#include "lib/tree.h"

/* kernel/lib/string.c under the names that mk/test-host.mk gives it. */
void *kernel_memcpy(void *dst, const void *src, size_t len);
void *kernel_memmove(void *dst, const void *src, size_t len);
void *kernel_memset(void *dst, int byte, size_t len);
int kernel_memcmp(const void *a, const void *b, size_t len);
void *kernel_memchr(const void *s, int byte, size_t len);
size_t kernel_strlen(const char *s);
size_t kernel_strnlen(const char *s, size_t max);
int kernel_strcmp(const char *a, const char *b);
int kernel_strncmp(const char *a, const char *b, size_t max);
char *kernel_strchr(const char *s, int c);
char *kernel_strrchr(const char *s, int c);
char *kernel_strstr(const char *hay, const char *needle);
size_t string_copy(char *dst, const char *src, size_t size);

/* ---- tree ---- */

#define NR_ITEMS 1500

struct item {
	struct tree_node node;
	int key;
	bool in;
};

static int node_rank(const struct tree_node *n)
{
	return n != NULL ? n->rank : -1;
}

/* The rules of a weak AVL tree, the parent links, and the order. Returns the size. */
static int check_subtree(const struct tree_node *n, int low, int high)
{
	const struct item *it = tree_entry(n, struct item, node);
	int left = n != NULL ? n->rank - node_rank(n->left) : 1;
	int right = n != NULL ? n->rank - node_rank(n->right) : 1;

	if (n == NULL)
		return 0;
	assert_true(left >= 1 && left <= 2 && right >= 1 && right <= 2);
	assert_true(n->left != NULL || n->right != NULL || n->rank == 0);
	assert_true(it->key > low && it->key < high && it->in);
	assert_true(n->left == NULL || n->left->parent == n);
	assert_true(n->right == NULL || n->right->parent == n);
	return 1 + check_subtree(n->left, low, it->key) + check_subtree(n->right, it->key, high);
}

static void insert_item(struct tree *t, struct item *it)
{
	struct tree_node **slot = &t->root, *parent = NULL;

	while (*slot != NULL) {
		parent = *slot;
		slot = it->key < tree_entry(parent, struct item, node)->key ? &parent->left
									    : &parent->right;
	}
	tree_insert(t, parent, slot, &it->node);
	it->in = true;
}

static void check_walk(const struct tree *t, const struct item *items, int count)
{
	struct tree_node *n = tree_first(t), *last = NULL;

	for (int i = 0; i < NR_ITEMS; i++) {
		if (!items[i].in)
			continue;
		assert_ptr_equal(n, &items[i].node);
		assert_ptr_equal(tree_prev(n), last);
		last = n;
		n = tree_next(n);
		count--;
	}
	assert_null(n);
	assert_ptr_equal(tree_last(t), last);
	assert_int_equal(count, 0);
}

static void test_tree(void **state)
{
	struct item *items = calloc(NR_ITEMS, sizeof(*items));
	struct tree t = { NULL };
	int count = 0, i;

	(void)state;
	srand(1);
	for (i = 0; i < NR_ITEMS; i++)
		items[i].key = i;
	for (int step = 0; step < 40000; step++) {
		i = step < 3000 ? step / 2 : rand() % NR_ITEMS;
		if (items[i].in && (step / 5000) % 2 == rand() % 3 / 2) {
			tree_remove(&t, &items[i].node);
			items[i].in = false;
			count--;
		} else if (!items[i].in) {
			insert_item(&t, &items[i]);
			count++;
		}
		if (step % 500 == 0) {
			assert_int_equal(check_subtree(t.root, -1, NR_ITEMS), count);
			check_walk(&t, items, count);
		}
	}
	for (i = 0; i < NR_ITEMS; i++) {
		if (items[i].in)
			tree_remove(&t, &items[i].node);
		items[i].in = false;
		assert_int_equal(check_subtree(t.root, -1, NR_ITEMS) >= 0, 1);
	}
	assert_null(t.root);
	free(items);
}

/* ---- radix ---- */

static int nodes_alive, nodes_until_failure = -1;

static void *node_new(size_t size)
{
	if (nodes_until_failure == 0)
		return NULL;
	if (nodes_until_failure > 0)
		nodes_until_failure--;
	nodes_alive++;
	return calloc(1, size);
}

static void node_free(void *node, size_t size)
{
	(void)size;
	nodes_alive--;
	free(node);
}

static const struct radix_alloc node_alloc = { node_new, node_free };

static const uint64_t scales[] = { 1, 63, 4096, 1ull << 20, 1ull << 40, 1ull << 57 };

static void check_radix_walk(struct radix *r, const uint64_t *keys, void **items, size_t n)
{
	uint64_t at = 0, found = 0, present = 0;

	for (size_t i = 0; i < n; i++)
		present += items[i] != NULL;
	while (radix_next(r, &at) != NULL) {
		found++;
		for (size_t i = 0; i < n; i++) {
			if (keys[i] == at)
				assert_ptr_equal(radix_get(r, at), items[i]);
		}
		if (++at == 0)
			break;
	}
	assert_int_equal(found, present);
}

static void test_radix(void **state)
{
	enum { N = 300 };
	uint64_t keys[N];
	void *items[N] = { NULL };
	struct radix r;
	size_t i;

	(void)state;
	srand(2);
	radix_init(&r, &node_alloc);
	for (i = 0; i < N; i++)
		keys[i] = i == 0 ? UINT64_MAX : i * scales[i % ARRAY_SIZE(scales)];
	for (int step = 0; step < 20000; step++) {
		i = (size_t)rand() % N;
		for (size_t k = 0; k < i; k++)
			i = keys[k] == keys[i] ? k : i;
		if (rand() % 2 || step < 500) {
			items[i] = &keys[rand() % N];
			assert_int_equal(radix_set(&r, keys[i], items[i]), 0);
		} else {
			assert_ptr_equal(radix_remove(&r, keys[i]), items[i]);
			items[i] = NULL;
		}
		assert_ptr_equal(radix_get(&r, keys[i]), items[i]);
		if (step % 400 == 0)
			check_radix_walk(&r, keys, items, N);
	}
	for (i = 0; i < N; i++)
		assert_ptr_equal(radix_remove(&r, keys[i]), items[i]);
	assert_int_equal(nodes_alive, 0);
	assert_null(r.root);
}

static void test_radix_no_memory(void **state)
{
	static char item;
	struct radix r;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(scales); s++) {
		radix_init(&r, &node_alloc);
		for (int fail = 0; fail < 30; fail++) {
			nodes_until_failure = -1;
			assert_int_equal(radix_set(&r, 5, &item), 0);
			nodes_until_failure = fail;
			if (radix_set(&r, 70 * scales[s], &item) == 0)
				assert_ptr_equal(radix_remove(&r, 70 * scales[s]), &item);
			assert_null(radix_get(&r, 70 * scales[s]));
			assert_ptr_equal(radix_remove(&r, 5), &item);
			assert_int_equal(nodes_alive, 0);
		}
	}
	nodes_until_failure = -1;
}

/* ---- fmt ---- */

#define SAME(...) \
	do { \
		char mine[200], theirs[200]; \
		int n = fmt(mine, sizeof(mine), __VA_ARGS__); \
		int m = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
		assert_string_equal(mine, theirs); \
		assert_int_equal(n, m); \
	} while (0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
static void test_fmt(void **state)
{
	static const int values[] = { 0, 1, -1, 42, -12345, 2147483647, -2147483647 - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		int v = values[i];

		SAME("%d|%5d|%-7d|%07d|%+d|% d|%.5d|%8.3d|%-8.3d|%.0d", v, v, v, v, v, v, v, v, v,
		     v);
		SAME("%x|%#x|%X|%#010x|%-#10x|%o|%#o|%u|%.4x|%#.6o", v, v, v, v, v, v, v, v, v, v);
		SAME("%hhd|%hd|%ld|%lld|%zd|%jd|%td", v, v, (long)v, (long long)v, (ssize_t)v,
		     (intmax_t)v, (ptrdiff_t)v);
		SAME("%hhx|%hu|%lx|%llo|%zu", v, v, (long)v, (long long)v, (size_t)v);
		SAME("%*d|%-*d|%.*d|%*.*d", 9, v, 9, v, 4, v, -9, 3, v);
	}
	SAME("%s|%10s|%-10s|%.2s|%.10s|%*.*s", "abc", "abc", "abc", "abc", "abc", 6, 2, "abc");
	SAME("%c%3c%-3c|%%|%p", 'x', 'y', 'z', (void *)test_fmt);
	SAME("plain");
	SAME("%s", "");
	SAME("%lx %lu %ld", UINT64_MAX, UINT64_MAX, INT64_MIN);
}
#pragma GCC diagnostic pop

static void test_fmt_cut(void **state)
{
	char buf[8] = "#######";

	(void)state;
	assert_int_equal(fmt(buf, 4, "%d", 123456), 6);
	assert_string_equal(buf, "123");
	assert_int_equal(buf[4], '#');
	assert_int_equal(fmt(NULL, 0, "%s", "hello"), 5);
	assert_int_equal(fmt(buf, 1, "abc"), 3);
	assert_string_equal(buf, "");
}

/* ---- strings ---- */

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void random_text(char *s, size_t max)
{
	size_t len = (size_t)rand() % max;

	for (size_t i = 0; i < len; i++)
		s[i] = (char)("ab\xff"[rand() % 3]);
	s[len] = '\0';
}

static void test_strings(void **state)
{
	char a[40], b[10], copy[12];

	(void)state;
	srand(3);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand() % 12;

		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		random_text(a, 30);
		random_text(b, 5);
		assert_int_equal(kernel_strlen(a), strlen(a));
		assert_int_equal(kernel_strnlen(a, n), strnlen(a, n));
		assert_int_equal(sign(kernel_strcmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sign(kernel_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		assert_int_equal(sign(kernel_memcmp(a, b, n % 10)), sign(memcmp(a, b, n % 10)));
		assert_ptr_equal(kernel_strchr(a, 'b'), strchr(a, 'b'));
		assert_ptr_equal(kernel_strchr(a, 0), strchr(a, 0));
		assert_ptr_equal(kernel_strrchr(a, 'b'), strrchr(a, 'b'));
		assert_ptr_equal(kernel_strstr(a, b), strstr(a, b));
		assert_ptr_equal(kernel_memchr(a, 0xff, n), memchr(a, 0xff, n));
		assert_int_equal(string_copy(copy, a, n), strlen(a));
		if (n > 0) {
			assert_int_equal(strncmp(copy, a, n - 1), 0);
			assert_true(strlen(copy) < n);
		}
	}
}

static void test_memory(void **state)
{
	char mine[64], theirs[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		size_t from = (size_t)rand() % 32, to = (size_t)rand() % 32;
		size_t len = (size_t)rand() % 32;

		for (size_t k = 0; k < sizeof(mine); k++)
			mine[k] = theirs[k] = (char)rand();
		assert_ptr_equal(kernel_memmove(mine + to, mine + from, len), mine + to);
		memmove(theirs + to, theirs + from, len);
		assert_memory_equal(mine, theirs, sizeof(mine));
		kernel_memset(mine + to, i, len);
		memset(theirs + to, i, len);
		assert_memory_equal(mine, theirs, sizeof(mine));
		kernel_memcpy(mine, theirs + 32, 32);
		memcpy(theirs, theirs + 32, 32);
		assert_memory_equal(mine, theirs, sizeof(mine));
	}
}

/* ---- the rest ---- */

static void test_bitmap(void **state)
{
	uint64_t map[BITMAP_WORDS(200)] = { 0 };

	(void)state;
	assert_int_equal(bitmap_find_set(map, 200, 0), 200);
	assert_int_equal(bitmap_find_clear(map, 200, 130), 130);
	for (size_t i = 0; i < 200; i += 3)
		bitmap_set(map, i);
	for (size_t i = 0; i < 198; i++) {
		assert_int_equal(bitmap_find_set(map, 200, i), (i + 2) / 3 * 3);
		assert_int_equal(bitmap_find_clear(map, 200, i), i % 3 == 0 ? i + 1 : i);
		assert_int_equal(bitmap_test(map, i), i % 3 == 0);
	}
	for (size_t i = 0; i < 200; i++)
		bitmap_set(map, i);
	assert_int_equal(bitmap_find_clear(map, 200, 0), 200);
	bitmap_clear(map, 199);
	assert_int_equal(bitmap_find_clear(map, 200, 7), 199);
	assert_int_equal(bitmap_find_clear(map, 199, 7), 199);
}

/* RFC 8439 §2.3.2, its nonce and counter put together as 64-bit words. */
static void test_chacha(void **state)
{
	static const uint8_t first[] = { 0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15 };
	uint32_t key[8];
	uint8_t out[64];

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		key[i] = 0x03020100u + i * 0x04040404u;
	chacha20_block(key, 0x0900000000000001ull, 0x4a000000ull, out);
	assert_memory_equal(out, first, sizeof(first));
	assert_int_equal(out[63], 0x4e);
}

static void test_hash(void **state)
{
	unsigned buckets[64] = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < 6400; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		buckets[hash_bytes(name, strlen(name), 7) % 64]++;
	}
	for (int i = 0; i < 64; i++)
		assert_in_range(buckets[i], 50, 160);
	assert_true(hash_bytes("a", 1, 1) != hash_bytes("a", 1, 2));
	assert_true(hash_bytes("a\0", 2, 1) != hash_bytes("a", 1, 1));
}

/* ---- cpio ---- */

static size_t add_entry(char *at, const char *name, const char *data)
{
	size_t len = strlen(name) + 1, n;

	n = (size_t)sprintf(at, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 7,
			    0100644, 1, 2, 1, 99, strlen(data), 0, 0, 3, 4, len, 0);
	memcpy(at + n, name, len);
	n = align_up(n + len, 4ul);
	memcpy(at + n, data, strlen(data));
	return align_up(n + strlen(data), 4ul);
}

static size_t make_archive(char *at)
{
	size_t n = add_entry(at, "etc", "");

	n += add_entry(at + n, "etc/motd", "hello, world\n");
	n += add_entry(at + n, "x", "12345678");
	return n + add_entry(at + n, "TRAILER!!!", "");
}

static volatile char sum; /* so that every byte is really read */

static int read_all(const void *archive, size_t len)
{
	struct cpio_reader r;
	struct cpio_entry e;
	int nr = 0, got;

	cpio_reader_init(&r, archive, len);
	while ((got = cpio_reader_next(&r, &e)) == 1) {
		nr++;
		sum ^= e.name[strlen(e.name)];
		for (uint64_t i = 0; i < e.size_bytes; i++)
			sum ^= ((const char *)e.data)[i];
		assert_true(nr < 100);
	}
	return got == 0 ? nr : got;
}

static void test_cpio(void **state)
{
	char archive[2048] = { 0 };
	size_t len = make_archive(archive);
	struct cpio_reader r;
	struct cpio_entry e;

	(void)state;
	cpio_reader_init(&r, archive, len);
	assert_int_equal(cpio_reader_next(&r, &e), 1);
	assert_int_equal(cpio_reader_next(&r, &e), 1);
	assert_string_equal(e.name, "etc/motd");
	assert_int_equal(e.size_bytes, 13);
	assert_memory_equal(e.data, "hello, world\n", 13);
	assert_int_equal(e.mode, 0100644);
	assert_int_equal(e.rdev_minor, 4);
	assert_int_equal(read_all(archive, len), 3);
	assert_int_equal(read_all(archive, sizeof(archive)), 3); /* zeros behind it */
	make_archive(archive + align_up(len, 512ul));
	assert_int_equal(read_all(archive, sizeof(archive)), 6); /* a second archive */
}

static void test_cpio_malformed(void **state)
{
	char archive[1024];
	size_t len = make_archive(archive);
	char *copy;

	(void)state;
	srand(4);
	for (size_t cut = 0; cut < len - 4; cut++) {
		copy = malloc(cut + 1); /* its end is ASan's to watch */
		memcpy(copy, archive, cut);
		assert_true(read_all(copy, cut) <= 3);
		free(copy);
	}
	copy = malloc(len);
	for (int i = 0; i < 20000; i++) {
		memcpy(copy, archive, len);
		for (int k = rand() % 3; k >= 0; k--)
			copy[(size_t)rand() % len] = (char)rand();
		read_all(copy, len);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_radix),
		cmocka_unit_test(test_radix_no_memory),
		cmocka_unit_test(test_fmt),
		cmocka_unit_test(test_fmt_cut),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_chacha),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_cpio),
		cmocka_unit_test(test_cpio_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
