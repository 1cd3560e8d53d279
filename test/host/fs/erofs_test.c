/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * erofs against mkfs.erofs(1): a tree of the host's is packed in each of the forms that mkfs knows,
 * and everything about it must be seen as it is on the host. Then the same images with flipped bits
 * and cut short: whatever is in them, looking at all of it ends, and nothing outside of the image
 * is read (the sanitizers).
 */
#include "test/host/cmocka_all.h"

#include <asm/fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/magic.h>

#include "arch/mmu.h"
#include "core/boot_root.h"
#include "lib/errno.h"
#include "lib/lz4.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"
#include "test/host/fs/fs_world.h"

#define is(expr, value) assert_int_equal((expr), (value))

#define IMAGE_ORDER 11 /* 8 MiB */
#define IMAGE_MAX   (PAGE_SIZE << IMAGE_ORDER)
#define DEPTH_MAX   16
#define NAMES_MAX   4096

/* glibc's are of another shape than the kernel's, whose headers are above. */
struct host_file {
	char kind; /* 'f', 'd' or 'l' */
	unsigned mode, nlink;
	long size;
};
int host_stat(const char *path, struct host_file *out);
int host_make_tree(const char *dir);

static const char *const forms[] = {
	"",
	"-Enoinline_data",
	"-Eforce-inode-extended",
	"-Eforce-inode-compact",
	"--chunksize=4096",
	"--chunksize=65536",
	"-zlz4",
	"-zlz4hc,12 -C65536",
	"-zlz4 -Elegacy-compress",
	"-zlz4hc -C32768 -Elegacy-compress",
};

static char top[] = "/tmp/hull-erofs-XXXXXX"; /* the tree is in top/tree, the image top/image */
static uint8_t *memory, *pristine;
static size_t image_len;

static bool has_mkfs(void)
{
	return system("mkfs.erofs --help >/dev/null 2>&1") == 0;
}

/* The image that mkfs makes of the tree, in memory as the machine would have it. */
static void load_image(const char *form)
{
	char text[512];
	FILE *f;

	snprintf(text, sizeof(text), "mkfs.erofs -T 1000 %s %s/image %s/tree >/dev/null 2>&1", form,
		 top, top);
	is(system(text), 0);
	snprintf(text, sizeof(text), "%s/image", top);
	f = fopen(text, "rb");
	assert_non_null(f);
	image_len = fread(pristine, 1, IMAGE_MAX, f);
	fclose(f);
	assert_in_range(image_len, 4096, IMAGE_MAX - 1);
	is(image_len % PAGE_SIZE, 0);
	is(mprotect(memory, IMAGE_MAX, PROT_READ | PROT_WRITE), 0);
	memcpy(memory, pristine, image_len);
	is(mprotect(memory + image_len, IMAGE_MAX - image_len, PROT_NONE), 0);
	boot_root = memory;
	boot_root_bytes = image_len;
}

static int mount_it(void)
{
	int err = world_exists("/e") ? 0 : vfs_mkdir(NULL, "/e", 0755);

	return err != 0 ? err : vfs_mount("erofs", "root", "/e", 0, "");
}

static void unmount_it(void)
{
	struct path p = world_path("/e");
	int err = vfs_unmount(&p, 0);

	path_put(&p);
	assert_true(err == 0 || err == -EBUSY);
	if (err == -EBUSY) { /* of our own count */
		p = world_path("/e");
		assert_ptr_not_equal(p.dentry, p.mnt->root);
		path_put(&p);
	}
}

/* ---- everything is as on the host ---- */

static void check_bytes(const char *host, const char *guest)
{
	struct file *f = world_open(guest, O_RDONLY);
	uint8_t here[10000], there[10000];
	FILE *real = fopen(host, "rb");
	ssize_t got;
	size_t n;

	assert_non_null(real);
	do {
		n = fread(there, 1, sizeof(there), real);
		got = 0;
		while ((size_t)got < n) { /* a read may be short */
			ssize_t part = world_file_read(f, here + got, n - (size_t)got);

			assert_true(part > 0);
			got += part;
		}
		assert_memory_equal(here, there, n);
	} while (n > 0);
	is(world_file_read(f, here, sizeof(here)), 0);
	fclose(real);
	file_put(f);
}

static void check_one(const char *host)
{
	char guest[1024], here[4096], there[4096];
	struct host_file real;
	struct statx st;
	ssize_t len;

	snprintf(guest, sizeof(guest), "/e%s", host + strlen(top) + strlen("/tree"));
	is(host_stat(host, &real), 0);
	is(world_stat(guest, &st), 0);
	is(st.stx_mode & 07777, real.mode);
	is(st.stx_mtime.tv_sec, 1000);
	if (real.kind != 'd') {
		is(st.stx_nlink, real.nlink);
		is(st.stx_size, real.size);
	}
	if (real.kind == 'f')
		check_bytes(host, guest);
	if (real.kind == 'l') {
		struct path p;

		is(vfs_lookup(NULL, guest, LOOKUP_NOFOLLOW, &p), 0);
		len = vfs_readlink(&p, here, sizeof(here));
		path_put(&p);
		is(len, readlink(host, there, sizeof(there)));
		assert_memory_equal(here, there, (size_t)len);
	}
}

static unsigned nr_checked;

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	check_one(path);
	nr_checked++;
	return 0;
}

static void check_tree(void)
{
	char tree[64];

	snprintf(tree, sizeof(tree), "%s/tree", top);
	nr_checked = 0;
	is(nftw(tree, visit, 16, FTW_PHYS), 0);
	assert_true(nr_checked > 300);
}

/* ---- names ---- */

static unsigned count_names(const char *dir)
{
	const char *names = world_list(dir);
	unsigned nr = 0;

	for (; *names != '\0'; names++)
		nr += *names == ' ';
	return nr;
}

static void check_names(void)
{
	char name[64];
	struct path p;

	is(count_names("/e/many"), 300);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "/e/many/a_name_of_some_length,_number_%d", i);
		assert_true(world_exists(name));
	}
	is(vfs_lookup(NULL, "/e/many/a_name_of_some_length,_number_300", 0, &p), -ENOENT);
	is(vfs_lookup(NULL, "/e/many/", 0, &p), 0);
	path_put(&p);
	is(vfs_lookup(NULL, "/e/many/0", 0, &p), -ENOENT);
	is(vfs_lookup(NULL, "/e/many/zzz", 0, &p), -ENOENT);
	is(vfs_lookup(NULL, "/e/empty/x", 0, &p), -ENOENT);
	is(count_names("/e/empty"), 0);
	is(vfs_mkdir(NULL, "/e/new", 0755), -EROFS);
}

/* Both names of one file are one inode; extended attributes. */
static void check_identity(void)
{
	struct path a = world_path("/e/hard"), b = world_path("/e/text");
	char value[64];

	assert_ptr_equal(a.dentry->inode, b.dentry->inode);
	is(a.dentry->inode->nlink, 2);
	if (vfs_xattr_get(&a, "user.colour", NULL, 0) != -ENODATA) { /* where /tmp has them */
		is(vfs_xattr_get(&a, "user.colour", value, sizeof(value)), 5);
		assert_memory_equal(value, "green", 5);
		is(vfs_xattr_get(&a, "user.colour", value, 2), -ERANGE);
		is(vfs_xattr_get(&a, "user.colours", value, sizeof(value)), -ENODATA);
		is(vfs_xattr_list(&a, value, sizeof(value)), 12);
		assert_string_equal(value, "user.colour");
	}
	path_put(&a);
	path_put(&b);
}

static void test_forms(void **state)
{
	struct path p;
	struct statfs_info info;

	if (!has_mkfs())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		world_start();
		load_image(forms[i]);
		is(mount_it(), 0);
		check_tree();
		check_names();
		check_identity();
		p = world_path("/e");
		is(vfs_statfs(&p, &info), 0);
		is(info.type, EROFS_SUPER_MAGIC_V1);
		is(info.blocks * 4096, image_len);
		path_put(&p);
		unmount_it();
		assert_memory_equal(memory, pristine, image_len);
	}
}

/* ---- where pages lie ---- */

static struct page *page_of(const char *name, uint64_t idx)
{
	struct path p = world_path(name);
	struct page *page = NULL;

	is(object_page(&p.dentry->inode->object, idx, 0, &page), 0);
	page_put(page);
	path_put(&p);
	return page;
}

static bool is_in_image(const struct page *page)
{
	const uint8_t *at = page_to_ptr(page);

	return at >= memory && at < memory + image_len;
}

/* A whole block is read where it lies, and costs no memory; a tail behind an inode is a copy. */
static void test_in_place(void **state)
{
	uint64_t free_before;
	struct page *page;

	if (!has_mkfs())
		skip();
	world_start();
	load_image("");
	is(mount_it(), 0);
	page = page_of("/e/bytes", 0);
	assert_true(is_in_image(page));
	free_before = world_free_pages();
	for (uint64_t i = 0; i < 100; i++)
		assert_true(is_in_image(page_of("/e/bytes", i)));
	assert_true(free_before - world_free_pages() <= 4); /* the tree's nodes */
	is(page_of("/e/bytes", 0), page);
	assert_false(is_in_image(page_of("/e/text", 0)));
	page_drop_caches();
	assert_ptr_equal(page_of("/e/bytes", 0), page);
	unmount_it();
	assert_null(page->object);
}

/* Two files that share their blocks: the second has copies. */
static void test_shared_blocks(void **state)
{
	if (!has_mkfs())
		skip();
	world_start();
	load_image("--chunksize=4096");
	is(mount_it(), 0);
	assert_true(is_in_image(page_of("/e/bytes", 3)));
	assert_false(is_in_image(page_of("/e/twin", 3)));
	assert_memory_equal(page_to_ptr(page_of("/e/bytes", 3)), page_to_ptr(page_of("/e/twin", 3)),
			    PAGE_SIZE);
	unmount_it();
}

/* Under an overlay it is the same, until it is written. */
static void test_overlay(void **state)
{
	if (!has_mkfs())
		skip();
	world_start();
	load_image("");
	is(vfs_mkdir(NULL, "/o", 0755), 0);
	is(vfs_mount("overlay", "root", "/o", 0, "lowerfs=erofs:root,size=4m"), 0);
	assert_true(world_reads("/o/text", "some text\n"));
	is(world_append("/o/text", "and more\n"), 0);
	assert_true(world_reads("/o/text", "some text\nand more\n"));
	assert_true(world_reads("/o/hard", "some text\nand more\n"));
	is(vfs_unlink(NULL, "/o/bytes"), 0);
	assert_false(world_exists("/o/bytes"));
	is(vfs_rmdir(NULL, "/o/many"), -ENOTEMPTY);
	assert_memory_equal(memory, pristine, image_len);
}

/* ---- damaged images ---- */

static uint64_t seed = 1;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static struct walk {
	struct dir_sink sink;
	unsigned nr;
	char names[NAMES_MAX][NAME_LEN_MAX + 1];
} * walks[DEPTH_MAX]; /* of each depth: names of a directory */

static bool collect(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned type,
		    int64_t next)
{
	struct walk *w = container_of(s, struct walk, sink);

	(void)ino;
	(void)type;
	(void)next;
	if (w->nr == NAMES_MAX)
		return false;
	memcpy(w->names[w->nr], name, len);
	w->names[w->nr++][len] = '\0';
	return true;
}

static void read_all(const struct path *p)
{
	static uint8_t buf[64 * 1024];
	char link[PATH_LEN_MAX];
	ssize_t n, left = 2 * (ssize_t)IMAGE_MAX; /* a damaged size may be anything */
	struct file *f;

	(void)!vfs_xattr_list(p, link, sizeof(link));
	(void)!vfs_xattr_get(p, "user.colour", link, sizeof(link));
	if (S_ISLNK(p->dentry->inode->mode))
		(void)!vfs_readlink(p, link, sizeof(link));
	if (!S_ISREG(p->dentry->inode->mode) || vfs_open_path(p, O_RDONLY, &f) != 0)
		return;
	do {
		n = world_file_read(f, buf, sizeof(buf));
		left -= n;
	} while (n > 0 && left > 0);
	file_put(f);
}

static void walk_dir(const struct path *dir, unsigned depth)
{
	struct walk *w = walks[depth];
	struct path p;
	struct file *f;
	unsigned before;

	if (vfs_open_path(dir, O_RDONLY | O_DIRECTORY, &f) != 0)
		return;
	w->sink.emit = collect;
	w->nr = 0;
	do {
		before = w->nr;
	} while (vfs_readdir(f, &w->sink) == 0 && w->nr != before);
	file_put(f);
	for (unsigned i = 0; i < w->nr; i++) {
		if (strcmp(w->names[i], ".") == 0 || strcmp(w->names[i], "..") == 0 ||
		    vfs_lookup(dir, w->names[i], LOOKUP_NOFOLLOW, &p) != 0)
			continue;
		read_all(&p);
		if (S_ISDIR(p.dentry->inode->mode) && depth + 1 < DEPTH_MAX)
			walk_dir(&p, depth + 1);
		path_put(&p);
	}
}

static void damage(void)
{
	size_t hot = 16384 < image_len ? 16384 : image_len;
	unsigned nr = 1 + (unsigned)(next_random() % 8);

	memcpy(memory, pristine, image_len);
	boot_root_bytes = image_len;
	while (nr-- > 0) {
		/* half of them where there is most to be misled by */
		size_t at = next_random() % (next_random() % 2 ? hot : image_len);

		/* the superblock's checksum would end the test at once */
		if (at < 1024 || at >= 4096 || next_random() % 16 == 0)
			memory[at] = next_random() % 2 ? (uint8_t)next_random()
						       : memory[at] ^ (uint8_t)(1u << at % 8);
	}
	if (next_random() % 16 == 0)
		boot_root_bytes = next_random() % image_len;
}

static void test_damage(void **state)
{
	const char *rounds = getenv("HULL_EROFS_ROUNDS");
	unsigned nr = getenv("HULL_SOAK") ? 300 : 10, nr_mounted = 0;
	struct path p;

	if (!has_mkfs())
		skip();
	nr = rounds ? (unsigned)atoi(rounds) : nr;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		world_start();
		load_image(forms[i]);
		for (unsigned k = 0; k < nr; k++) {
			damage();
			if (mount_it() != 0)
				continue;
			nr_mounted++;
			p = world_path("/e");
			walk_dir(&p, 0);
			path_put(&p);
			unmount_it();
		}
	}
	assert_true(nr_mounted > nr);
}

/* Whatever allocation fails, nothing is lost, and it works the next time. */
static void test_no_memory(void **state)
{
	uint64_t nth = 1, free_before;
	bool failed = true;
	struct path p;

	if (!has_mkfs())
		skip();
	for (; failed; nth += 1 + nth / 8) {
		world_start();
		load_image(nth % 2 ? "" : "-zlz4");
		free_before = world_free_pages();
		kmem_fail_at(nth);
		if (mount_it() == 0) {
			p = world_path("/e");
			walk_dir(&p, 0);
			path_put(&p);
			failed = kmem_fail_at(0);
			check_names();
			unmount_it();
		} else {
			assert_true(kmem_fail_at(0));
		}
		page_drop_caches();
		assert_in_range(world_free_pages() + 16, free_before, free_before + 32);
	}
	assert_true(nth > 100);
}

static void test_short(void **state)
{
	if (!has_mkfs())
		skip();
	world_start();
	load_image("");
	for (boot_root_bytes = 0; boot_root_bytes < image_len; boot_root_bytes += 4096)
		is(mount_it(), -EINVAL);
	boot_root_bytes = image_len;
	memory[1024 + 100] ^= 1;
	is(mount_it(), -EINVAL);
	boot_root = NULL;
	is(mount_it(), -ENODEV);
}

/* ---- the decoder alone ---- */

static void test_lz4(void **state)
{
	static const uint8_t runs[] = { 0x1f, 'a',  1,   0,   255, 255, 255,
					10,   0x50, 'h', 'e', 'l', 'l', 'o' };
	static const uint8_t too_far[] = { 0x14, 'a', 2, 0, 0x10, 'b' };
	const size_t len = 1 + 4 + 15 + 3 * 255 + 10 + 5;
	uint8_t out[1024];

	is(lz4_decode(runs, sizeof(runs), out, len), len);
	assert_memory_equal(out + len - 6, "ahello", 6);
	is(lz4_decode(runs, sizeof(runs), out, len - 3), len - 3);
	is(lz4_decode(runs, sizeof(runs), out, len + 1), -EINVAL);
	for (size_t cut = 0; cut < sizeof(runs); cut++)
		is(lz4_decode(runs, cut, out, len), -EINVAL);
	is(lz4_decode(too_far, sizeof(too_far), out, 10), -EINVAL);
	is(lz4_decode(runs, 0, out, 0), 0);
}

static int start(void **state)
{
	char tree[64];

	world_start();
	memory = page_to_ptr(page_alloc(IMAGE_ORDER, 0));
	pristine = malloc(IMAGE_MAX);
	for (int i = 0; i < DEPTH_MAX; i++)
		walks[i] = malloc(sizeof(*walks[i]));
	if (mkdtemp(top) == NULL)
		return -1;
	snprintf(tree, sizeof(tree), "%s/tree", top);
	return host_make_tree(tree);
}

static int end(void **state)
{
	char text[64];

	snprintf(text, sizeof(text), "rm -r %s", top);
	free(pristine);
	for (int i = 0; i < DEPTH_MAX; i++)
		free(walks[i]);
	return system(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),   cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_overlay), cmocka_unit_test(test_shared_blocks),
		cmocka_unit_test(test_damage),  cmocka_unit_test(test_short),
		cmocka_unit_test(test_lz4),     cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, start, end);
}
