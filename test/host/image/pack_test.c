/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack/ as a library: the tree's paths and links; a tree written as EROFS and read back; broken
 * file systems, images, kernels and hull.yaml, by seeds: an error with a text, never a crash.
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/disk/erofs.h"
#include "abi/hull/boot.h"
#include "pack/fs/cpio.h"
#include "pack/fs/erofs.h"
#include "pack/fs/erofs_read.h"
#include "pack/image/image_hash.h"
#include "pack/image/image_write.h"
#include "pack/config/yaml.h"
#include "test/host/cmocka_all.h"

#define ROUNDS 3000

static struct failure failure;

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct node *add(struct tree *tree, const char *path, uint32_t mode, const char *text)
{
	struct node *node = tree_add(tree, path, mode, &failure);

	assert_non_null(node);
	if (S_ISLNK(mode))
		node->target = text;
	else if (S_ISREG(mode))
		tree_set_text(node, text);
	return node;
}

/* ---- the tree ---- */

static void tree_paths(void **state)
{
	struct arena arena = { NULL };
	struct tree tree;
	struct node *file;

	(void)state;
	tree_init(&tree, &arena);
	add(&tree, "/usr/lib/x", S_IFREG | 0644, "x");
	add(&tree, "/lib", S_IFLNK | 0777, "usr/lib");
	file = tree_find(&tree, "/lib/../lib/./x", true);
	assert_non_null(file);
	assert_ptr_equal(file, tree_find(&tree, "//usr/lib/x", false));
	assert_ptr_equal(tree_find(&tree, "/../../lib/x", true), file);
	assert_true(S_ISLNK(tree_find(&tree, "/lib", false)->mode));
	assert_true(S_ISDIR(tree_find(&tree, "/lib", true)->mode));
	add(&tree, "/lib/y", S_IFREG | 0644, "y");
	assert_non_null(tree_find(&tree, "/usr/lib/y", false));
	add(&tree, "/a", S_IFLNK | 0777, "b");
	add(&tree, "/b", S_IFLNK | 0777, "/a");
	assert_null(tree_find(&tree, "/a", true));
	assert_null(tree_find(&tree, "/usr/lib/x/y", true));
	assert_null(tree_add(&tree, "/a/x", S_IFREG, &failure));
	assert_null(tree_add(&tree, "/x/..", S_IFREG, &failure));
	assert_null(tree_add(&tree, "", S_IFREG, &failure));
	arena_fini(&arena);
}

static void tree_hard_links(void **state)
{
	struct arena arena = { NULL };
	struct tree tree;
	struct node *file;

	(void)state;
	tree_init(&tree, &arena);
	file = add(&tree, "/dir/first", S_IFREG | 0644, "text");
	assert_int_equal(tree_link(&tree, "/second", file, &failure), 0);
	assert_int_equal(tree_link(&tree, "/third", file, &failure), 0);
	assert_int_equal(file->nlink, 3);
	tree_remove(tree_find(&tree, "/dir", false));
	assert_null(tree_find(&tree, "/dir/first", false));
	file = tree_inode(tree_find(&tree, "/second", false));
	assert_int_equal(file->nlink, 2);
	assert_ptr_equal(file, tree_inode(tree_find(&tree, "/third", false)));
	assert_memory_equal(file->content.bytes, "text", 4);
	add(&tree, "/third", S_IFREG | 0600, "other");
	assert_int_equal(tree_inode(tree_find(&tree, "/second", false))->nlink, 1);
	assert_memory_equal(tree_find(&tree, "/third", false)->content.bytes, "other", 5);
	arena_fini(&arena);
}

/* ---- EROFS ---- */

/* Directories of several blocks, tails of all sizes, links, devices, attributes. */
static void fill(struct tree *tree, struct arena *arena)
{
	struct node *node;

	tree_init(tree, arena);
	for (unsigned i = 0; i < 700; i++)
		add(tree,
		    arena_printf(arena, "/many/%u-%.*s", i, (int)(i % 60),
				 "long names fill "
				 "the blocks of a directory soon, and more"),
		    S_IFREG | 0644, "");
	for (unsigned i = 0; i < 40; i++) {
		size_t len = i * 311 + (i % 4) * 4096;
		char *text = arena_alloc(arena, len + 1);

		memset(text, 'a' + (int)(i % 26), len);
		node = add(tree, arena_printf(arena, "/sizes/%zu", len), S_IFREG | 0755, text);
		node->uid = i % 3 ? i : 100000 + i;
		node->mtime = i % 5 ? TREE_NO_TIME : 1000000 + i;
	}
	assert_int_equal(tree_link(tree, "/link", tree_find(tree, "/sizes/0", false), &failure), 0);
	add(tree, "/soft", S_IFLNK | 0777, "many/../sizes");
	node = add(tree, "/null", S_IFCHR | 0666, NULL);
	node->rdev = 0x103;
	node = add(tree, "/with", S_IFREG | 0644, "attributes");
	node->xattrs = arena_alloc(arena, sizeof(*node->xattrs));
	*node->xattrs = (struct xattr){ NULL, "user.key", "value", 5 };
	add(tree, "/empty", S_IFDIR | 01777, NULL);
}

/* In memory of its exact size, so that ASan sees what goes beyond. */
static uint8_t *written(struct tree *tree, size_t *len)
{
	struct erofs_plan plan;
	struct sink *sink;
	uint8_t *bytes;
	int fd = memfd_create("erofs", MFD_CLOEXEC);

	assert_int_equal(erofs_plan(&plan, tree, 7, &failure), 0);
	sink = sink_new(fd);
	erofs_write(&plan, sink);
	assert_false(sink_failed(sink, &failure));
	sink_free(sink);
	*len = (size_t)plan.blocks * EROFS_BLOCK;
	bytes = malloc(*len);
	assert_int_equal(pread(fd, bytes, *len, 0), *len);
	close(fd);
	return bytes;
}

static unsigned count_names(const struct node *node)
{
	unsigned nr = 1;

	for (size_t i = 0; i < node->nr_entries; i++)
		nr += count_names(node->entries[i]);
	return nr;
}

static void erofs_comes_back(void **state)
{
	struct arena arena = { NULL };
	struct erofs_list list;
	struct tree tree;
	uint8_t *bytes;
	size_t len;

	(void)state;
	fill(&tree, &arena);
	bytes = written(&tree, &len);
	assert_int_equal(erofs_read(&list, &arena, bytes, len, &failure), 0);
	assert_int_equal(list.nr, count_names(tree.root));
	for (size_t i = 0; i < list.nr; i++) {
		struct node *node = tree_find(&tree, list.entries[i].path, false);

		assert_non_null(node);
		node = tree_inode(node);
		assert_int_equal(node->mode, list.entries[i].mode);
		assert_int_equal(node->uid, list.entries[i].uid);
		if (S_ISREG(node->mode))
			assert_int_equal(node->content.size_bytes, list.entries[i].size_bytes);
		if (S_ISLNK(node->mode))
			assert_string_equal(node->target, list.entries[i].target);
	}
	free(bytes);
	arena_fini(&arena);
}

static void erofs_damaged(void **state)
{
	struct arena arena = { NULL }, round;
	struct erofs_list list;
	struct tree tree;
	uint8_t *bytes, *copy;
	uint64_t seed = 1;
	size_t len;

	(void)state;
	fill(&tree, &arena);
	bytes = written(&tree, &len);
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		size_t cut = i % 4 ? len : random_next(&seed) % len;

		copy = malloc(cut ? cut : 1);
		memcpy(copy, bytes, cut);
		for (unsigned k = 0; k <= i % 8 && cut; k++)
			copy[random_next(&seed) % (i % 2 && cut > 40000 ? 40000 : cut)] ^=
				(uint8_t)(1 << random_next(&seed) % 8);
		round = (struct arena){ NULL };
		failure.text[0] = '\0';
		if (erofs_read(&list, &round, copy, cut, &failure))
			assert_string_not_equal(failure.text, "");
		arena_fini(&round);
		free(copy);
	}
	free(bytes);
	arena_fini(&arena);
}

static void cpio_is_whole(void **state)
{
	struct arena arena = { NULL };
	const void *archive;
	struct tree tree;
	size_t len;

	(void)state;
	fill(&tree, &arena);
	assert_int_equal(cpio_make(&tree, 0, &archive, &len, &failure), 0);
	assert_int_equal(len % 4, 0);
	assert_memory_equal(archive, "070701", 6);
	arena_fini(&arena);
}

/* ---- images ---- */

/* The smallest kernel that can be made an image: headers, a note with a slot, a page. */
static size_t make_kernel(uint8_t bytes[8192])
{
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = KERNEL_BASE + 0x100000,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	struct {
		Elf64_Nhdr note;
		char owner[8];
		struct image_slot slot;
	} note = {
		.note = { sizeof(IMAGE_NOTE_OWNER), sizeof(struct image_slot), IMAGE_NOTE_SLOT },
		.owner = IMAGE_NOTE_OWNER,
		.slot = { .version = IMAGE_SLOT_VERSION, .first_free = 0x102000 },
	};
	Elf64_Phdr segments[3] = {
		{ .p_type = PT_LOAD,
		  .p_offset = 4096,
		  .p_filesz = 4096,
		  .p_memsz = 4096,
		  .p_paddr = 0x100000,
		  .p_vaddr = KERNEL_BASE + 0x100000 },
		{ .p_type = PT_NULL },
		{ .p_type = PT_NOTE, .p_offset = 4096, .p_filesz = sizeof(note), .p_align = 4 },
	};

	memset(bytes, 0, 8192);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), segments, sizeof(segments));
	memcpy(bytes + 4096, &note, sizeof(note));
	return 8192;
}

static uint8_t *make_image(struct arena *arena, size_t *len)
{
	static uint8_t kernel[8192];
	struct launch launch = { NULL };
	struct image_parts parts = {
		.kernel = kernel,
		.kernel_len = make_kernel(kernel),
		.kernel_name = "kernel",
		.launch = &launch,
		.facts = "{}",
		.is_signed = true,
	};
	struct image_sizes sizes;
	struct erofs_plan plan;
	struct tree tree;
	uint8_t *bytes;
	int fd = memfd_create("image", MFD_CLOEXEC);

	tree_init(&tree, arena);
	add(&tree, "/a", S_IFREG | 0644, "text");
	assert_int_equal(erofs_plan(&plan, &tree, 0, &failure), 0);
	parts.root = &plan;
	launch_add_string(&launch, LAUNCH_PROGRAM, "/a");
	assert_int_equal(launch_end(&launch), 0);
	assert_int_equal(image_write(fd, &parts, &sizes, &failure), 0);
	launch_fini(&launch);
	*len = sizes.whole;
	bytes = malloc(*len);
	assert_int_equal(pread(fd, bytes, *len, 0), *len);
	close(fd);
	return bytes;
}

static void image_comes_back(void **state)
{
	struct arena arena = { NULL };
	struct image_file image;
	uint64_t section_len;
	size_t len;
	uint8_t *bytes = make_image(&arena, &len);

	(void)state;
	assert_int_equal(image_file_read(&image, "image", bytes, len, &failure), 0);
	assert_int_equal(image_file_check(&image, "image", &failure), 0);
	assert_int_equal(image_hash_check(&image, "image", &failure), 0);
	assert_non_null(image_file_section(&image, IMAGE_ROOT, &section_len));
	assert_int_equal(section_len % EROFS_BLOCK, 0);
	assert_non_null(image_file_section(&image, IMAGE_SIGNATURE, &section_len));
	assert_int_equal(section_len, sizeof(struct image_signature));
	assert_null(image_file_section(&image, IMAGE_CALLS, &section_len));
	free(bytes);
	arena_fini(&arena);
}

/* A bit that is not noticed is of the signature, or between sections. */
static void image_damaged(void **state)
{
	struct arena arena = { NULL };
	struct image_file image;
	uint64_t seed = 5;
	size_t len;
	uint8_t *bytes = make_image(&arena, &len);

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t cut = i % 3 ? len : random_next(&seed) % len, at = 0;
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, bytes, cut);
		if (cut == len) {
			at = random_next(&seed) % (i % 2 ? 300 : len);
			copy[at] ^= (uint8_t)(1 << random_next(&seed) % 8);
		}
		failure.text[0] = '\0';
		if (image_file_read(&image, "image", copy, cut, &failure) ||
		    image_file_check(&image, "image", &failure) ||
		    image_hash_check(&image, "image", &failure))
			assert_string_not_equal(failure.text, "");
		else
			assert_true(at > image.payload_at);
		free(copy);
	}
	free(bytes);
	arena_fini(&arena);
}

/* ---- hull.yaml ---- */

static const char example[] =
	"program: /bin/echo\n"
	"args: [a, \"b c\", 'd']\n"
	"env: {A: b, C: d}\n"
	"files:\n"
	"  - /etc/hostname\n"
	"  - {from: x, to: /y, mode: 0644, owner: '1:2', exclude: ['*.o', z]}\n"
	"exclude: q\n"
	"network:\n"
	"  address: ['10.0.0.2/24,10.0.0.1']\n"
	"  dns: [10.0.0.1]\n"
	"  ports: ['8080:80/udp']\n"
	"volumes: ['a:/b:ro']\n"
	"memory: 64M\n"
	"cpus: 2\n"
	"target: iso\n"
	"firmware: bios\n"
	"format: cpio\n"
	"minimal: {calls: [read], parts: ['-ipv6'], verify: --version}\n"
	"patch: no\n"
	"read-only: yes\n";

static void write_text(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void yaml_is_read(void **state)
{
	char path[] = "/tmp/hull-pack-test-XXXXXX";
	struct arena arena = { NULL };
	struct config config;

	(void)state;
	close(mkstemp(path));
	write_text(path, example, strlen(example));
	config_init(&config);
	assert_int_equal(yaml_read(&config, &arena, path, &failure), 0);
	assert_string_equal(config.program, "/bin/echo");
	assert_int_equal(config.args.nr, 3);
	assert_string_equal(config.args.at[1], "b c");
	assert_int_equal(config.env.nr, 2);
	assert_int_equal(config.nr_files, 2);
	assert_string_equal(config.files[1].from, "/tmp/x");
	assert_int_equal(config.files[1].exclude.nr, 2);
	assert_int_equal(config.memory_bytes, 64 << 20);
	assert_true(config.minimal && config.has_calls && config.verify && config.no_patch);
	assert_int_equal(config.target, TARGET_ISO);
	unlink(path);
	arena_fini(&arena);
}

static void yaml_damaged(void **state)
{
	char path[] = "/tmp/hull-pack-test-XXXXXX", text[sizeof(example)];
	uint64_t seed = 9;

	(void)state;
	close(mkstemp(path));
	for (unsigned i = 0; i < ROUNDS; i++) {
		static const char signs[] = "[]{}:,-'\"\n #&*|>!%\\\t0a";
		struct arena arena = { NULL };
		struct config config;

		memcpy(text, example, sizeof(text));
		for (unsigned k = 0; k <= i % 3; k++)
			text[random_next(&seed) % (sizeof(text) - 1)] =
				signs[random_next(&seed) % (sizeof(signs) - 1)];
		write_text(path, text, sizeof(text) - 1);
		config_init(&config);
		failure.text[0] = '\0';
		if (yaml_read(&config, &arena, path, &failure))
			assert_true(strncmp(failure.text, path, strlen(path)) == 0);
		arena_fini(&arena);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_paths),       cmocka_unit_test(tree_hard_links),
		cmocka_unit_test(erofs_comes_back), cmocka_unit_test(erofs_damaged),
		cmocka_unit_test(cpio_is_whole),    cmocka_unit_test(image_comes_back),
		cmocka_unit_test(image_damaged),    cmocka_unit_test(yaml_is_read),
		cmocka_unit_test(yaml_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
