/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack/disk: every kind of disk gives its image back to the byte and is the same when it is made
 * again; one that was changed or cut short is refused, and read without harm. The loaders' own
 * parts (kernel/lib/package.h, lzma.h, x86_branch.h; kernel/boot/loader) are what reads.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host/cmocka_all.h"

#include "abi/boot/pvh.h"
#include "abi/disk/mbr.h"
#include "abi/hull/disk.h"
#include "abi/hull/image.h"
#include "boot/loader/memory_map.h"
#include "lib/lzma.h"
#include "lib/package.h"
#include "lib/x86_branch.h"
#include "lib/xxh32.h"
#include "pack/disk/disk.h"

#define TEXT         0x1000
#define TEXT_BYTES   0x3321
#define RODATA       0xb000
#define RODATA_BYTES 0x1800
#define PAYLOAD      0xd000
#define ADDRESS(at)  (0x100000 + (at)-TEXT)
#define NR_SEGMENTS  3

static uint32_t seed = 1;

static uint32_t number(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Some order, some noise, and the opcode of calls. */
static void fill(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (number() % 4 == 0)
			at[i] = (uint8_t)number();
		else
			at[i] = i >= 64 && number() % 8 ? at[i - 64] : 0xe8;
	}
}

struct notes {
	Elf64_Nhdr pvh;
	char pvh_owner[4];
	uint64_t entry;
	Elf64_Nhdr slot;
	char slot_owner[8];
	struct image_slot is;
};

static void put_notes(uint8_t *at, uint64_t payload_bytes)
{
	struct notes notes = {
		.pvh = { 4, 8, PVH_NOTE_PHYS32_ENTRY },
		.pvh_owner = "Xen",
		.entry = ADDRESS(TEXT),
		.slot = { 5, sizeof(struct image_slot), IMAGE_NOTE_SLOT },
		.slot_owner = IMAGE_NOTE_OWNER,
		.is = {
			.version = IMAGE_SLOT_VERSION,
			.first_free = ADDRESS(PAYLOAD),
			.payload = payload_bytes ? ADDRESS(PAYLOAD) : 0,
			.payload_bytes = payload_bytes,
		},
	};

	memcpy(at, &notes, sizeof(notes));
}

/* As the packer makes them: three segments and the notes. */
static struct disk_bytes make_image(uint32_t payload_bytes)
{
	struct disk_bytes image = { .len = PAYLOAD + payload_bytes + 100 };
	const Elf64_Phdr load[NR_SEGMENTS] = {
		{ PT_LOAD, PF_R | PF_X, TEXT, 0, ADDRESS(TEXT), TEXT_BYTES, TEXT_BYTES, 4096 },
		{ PT_LOAD, PF_R | PF_W, RODATA, 0, ADDRESS(RODATA), RODATA_BYTES, 0x1f00, 4096 },
		{ PT_LOAD, PF_R, PAYLOAD, 0, ADDRESS(PAYLOAD), payload_bytes, payload_bytes, 4096 },
	};
	const Elf64_Phdr note = { PT_NOTE, PF_R, RODATA, 0, 0, sizeof(struct notes), 0, 4 };
	Elf64_Ehdr header = {
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = NR_SEGMENTS + 1,
	};

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	image.at = malloc(image.len);
	fill(image.at, image.len);
	memcpy(image.at, &header, sizeof(header));
	memcpy(image.at + sizeof(header), load, sizeof(load));
	memcpy(image.at + sizeof(header) + sizeof(load), &note, sizeof(note));
	put_notes(image.at + RODATA, payload_bytes);
	return image;
}

static struct disk_bytes make_disk(const struct disk_bytes *image, const struct disk_options *o)
{
	struct failure failure = { "" };
	struct disk_bytes disk = { 0 };

	if (disk_make(image->at, image->len, o, &disk, &failure) != 0)
		fail_msg("%s", failure.text);
	return disk;
}

static void check_disk(const struct disk_bytes *image, const struct disk_options *o)
{
	struct disk_bytes disk = make_disk(image, o), again = make_disk(image, o), back;
	struct failure failure = { "" };
	struct disk_facts facts;

	assert_true(disk_is_one(disk.at, disk.len));
	assert_int_equal(disk.len % DISK_SECTOR, 0);
	assert_int_equal(disk.at[510] | disk.at[511] << 8, MBR_SIGNATURE);
	assert_int_equal(disk.len, again.len);
	assert_memory_equal(disk.at, again.at, disk.len);
	assert_int_equal(disk_read(disk.at, disk.len, &back, &facts, &failure), 0);
	assert_int_equal(back.len, image->len);
	assert_memory_equal(back.at, image->at, image->len);
	assert_memory_equal(&facts.options, o, sizeof(*o));
	assert_int_equal(disk_verify(disk.at, disk.len, &failure), 0);
	free(back.at);
	free(again.at);
	free(disk.at);
}

static void check_kind(unsigned kind, uint32_t payload_bytes)
{
	struct disk_bytes image = make_image(payload_bytes);
	struct disk_options o;

	memset(&o, 0, sizeof(o)); /* compared with its padding */
	o.form = kind % 2 ? DISK_FORM_ISO : DISK_FORM_RAW;
	o.by_bios = kind / 2 % 3 != 1;
	o.by_uefi = kind / 2 % 3 != 0;
	o.compression = (enum disk_compression)(kind / 6 % 3);
	check_disk(&image, &o);
	free(image.at);
}

static void test_every_kind(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 2 * 3 * 3; kind++)
		check_kind(kind, 10000);
}

static void test_sizes(void **state)
{
	const uint32_t payloads[] = { 0, 1, 4095, 300000, 3000000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(payloads); i++)
		check_kind(2 * 3 * DISK_STORED + i, payloads[i]);
}

/* Each byte that is changed is noticed: by the reader, or by making the disk again. */
static void test_changed_bytes(void **state)
{
	const struct disk_options o = {
		.by_bios = true,
		.by_uefi = true,
		.compression = DISK_STORED,
	};
	struct disk_bytes image = make_image(3000), disk = make_disk(&image, &o), back;
	struct failure failure;

	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		size_t at = i < 50 ? i * 10 : number() % disk.len;
		uint8_t kept = disk.at[at];

		disk.at[at] ^= (uint8_t)(1u << number() % 8);
		assert_int_equal(disk_verify(disk.at, disk.len, &failure), -1);
		assert_true(failure.text[0] != '\0');
		if (disk_read(disk.at, disk.len, &back, NULL, &failure) == 0) {
			assert_int_equal(back.len, image.len);
			assert_memory_equal(back.at, image.at, image.len);
			free(back.at);
		}
		disk.at[at] = kept;
	}
	for (size_t len = 0; len < disk.len; len += 1 + len / 8)
		assert_int_equal(disk_verify(disk.at, len, &failure), -1);
	free(disk.at);
	free(image.at);
}

/* The head's sum is right, and what it says may be anything. */
static void test_lying_head(void **state)
{
	const struct disk_options o = { .by_bios = true };
	struct disk_bytes image = make_image(3000), disk = make_disk(&image, &o), back;
	struct disk_record record;
	struct package_header *h;
	struct failure failure;
	size_t head;

	(void)state;
	memcpy(&record, disk.at + DISK_RECORD, sizeof(record));
	h = (struct package_header *)(disk.at + record.package);
	head = sizeof(*h) + h->nr_parts * sizeof(struct package_part);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t *word = (uint32_t *)h + number() % (head / sizeof(uint32_t));
		uint32_t kept = *word, nr = h->nr_parts;

		*word = number() % 2 ? number() << 8 : *word + (number() % 65 - 32);
		if (h->nr_parts == nr) {
			h->sum = 0;
			h->sum = xxh32(h, head);
		}
		if (disk_read(disk.at, disk.len, &back, NULL, &failure) == 0)
			free(back.at);
		*word = kept;
	}
	free(disk.at);
	free(image.at);
}

static void test_bad_images(void **state)
{
	const struct disk_options o = { .by_bios = true };
	struct disk_bytes image = make_image(3000), disk;
	struct failure failure;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		size_t headers = sizeof(Elf64_Ehdr) + (NR_SEGMENTS + 1) * sizeof(Elf64_Phdr);
		uint8_t *byte = image.at + (i % 2 ? number() % headers
						  : RODATA + number() % sizeof(struct notes));
		size_t len = i % 3 ? image.len : number() % image.len;
		uint8_t kept = *byte;

		*byte = (uint8_t)number();
		/* Compressing what is well is not the point, and takes its time. */
		if (disk_make(image.at, len,
			      &(struct disk_options){
				      .by_bios = true,
				      .compression = DISK_STORED,
			      },
			      &disk, &failure) == 0)
			free(disk.at);
		else
			assert_true(failure.text[0] != '\0');
		*byte = kept;
	}
	assert_int_equal(disk_make("no ELF", 6, &o, &disk, &failure), -1);
	free(image.at);
}

static void test_lzma_garbage(void **state)
{
	struct lzma_model *model = malloc(sizeof(*model));
	uint8_t in[512];
	unsigned nr_accepted = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		uint8_t *out = malloc(1 + i % 5000);
		struct lzma_input input = { in, number() % sizeof(in) };

		for (size_t j = 0; j < sizeof(in); j++)
			in[j] = (uint8_t)(number() & number());
		in[0] = 0;
		nr_accepted += lzma_decode(model, input, out, 1 + i % 5000) == 0;
		free(out);
	}
	assert_true(nr_accepted < 2000);
	free(model);
}

static void test_branches_come_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		size_t len = number() % 3000;
		uint8_t *code = malloc(len + 1), *kept = malloc(len + 1);

		fill(code, len);
		memcpy(kept, code, len);
		x86_branch_encode(code, len);
		x86_branch_decode(code, len);
		assert_memory_equal(code, kept, len);
		free(code);
		free(kept);
	}
}

/* Against a map of single pages. */
static void test_memory_map(void **state)
{
	enum { PAGES = 200 };
	bool model[PAGES] = { false };
	struct memory_map map = { .nr = 0 };

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		unsigned begin = number() % PAGES, end = begin + number() % 30, nr = 0;
		bool add = number() % 2;

		end = end > PAGES ? PAGES : end;
		for (unsigned i = begin; i < end; i++)
			model[i] = add;
		if (add)
			memory_map_add(&map, begin * 4096ull, end * 4096ull);
		else
			memory_map_remove(&map, begin * 4096ull, end * 4096ull);
		for (unsigned i = 0; i < PAGES; i++)
			nr += model[i] && (i == 0 || !model[i - 1]);
		assert_int_equal(map.nr, nr);
		for (unsigned i = 0; i < PAGES; i++)
			assert_int_equal(memory_map_holds(&map, i * 4096ull, (i + 1) * 4096ull),
					 model[i]);
		if (memory_map_find(&map, 8192, 4096, PAGES * 4096ull)) {
			uint64_t at = memory_map_find(&map, 8192, 4096, PAGES * 4096ull);

			assert_true(model[at / 4096] && model[at / 4096 + 1]);
		}
	}
}

/* Of more ranges than a map has room for some are left out, and nothing is in it that is no RAM. */
static void test_full_memory_map(void **state)
{
	enum { PAGES = 1200 };
	bool model[PAGES] = { false };
	struct memory_map map = { .nr = 0 };
	unsigned nr_full = 0;

	(void)state;
	for (unsigned round = 0; round < 6000; round++) {
		unsigned begin = number() % PAGES, end = begin + 1 + number() % 2;
		bool add = number() % 4 != 0;

		end = end > PAGES ? PAGES : end;
		for (unsigned i = begin; i < end; i++)
			model[i] = add;
		if (add)
			memory_map_add(&map, begin * 4096ull, end * 4096ull);
		else
			memory_map_remove(&map, begin * 4096ull, end * 4096ull);
		assert_true(map.nr <= MEMORY_MAP_MAX);
		nr_full += map.nr == MEMORY_MAP_MAX;
		for (unsigned i = 0; i < map.nr; i++) {
			assert_true(map.ranges[i].begin < map.ranges[i].end);
			assert_true(i == 0 || map.ranges[i - 1].end < map.ranges[i].begin);
			for (uint64_t at = map.ranges[i].begin; at < map.ranges[i].end; at += 4096)
				assert_true(model[at / 4096]);
		}
	}
	assert_true(nr_full > 100);
}

/*
 * XXH32's published values, of the empty string and of "Nobody inspects the spammish repetition".
 */
static void test_sum(void **state)
{
	(void)state;
	assert_int_equal(xxh32("", 0), 0x02cc5d05);
	assert_int_equal(xxh32("Nobody inspects the spammish repetition", 39), 0xe2293b2f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind),         cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_changed_bytes),      cmocka_unit_test(test_lying_head),
		cmocka_unit_test(test_bad_images),         cmocka_unit_test(test_lzma_garbage),
		cmocka_unit_test(test_branches_come_back), cmocka_unit_test(test_memory_map),
		cmocka_unit_test(test_full_memory_map),    cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
