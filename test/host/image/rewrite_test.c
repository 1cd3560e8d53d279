/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack/rewrite: which instructions of a site are moved and what becomes of the others, with sites
 * made by hand; and whole files, this machine's own and damaged copies of them, which must be
 * refused or give a file that is good.
 */
#include "test/host/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hull/door.h"
#include "pack/rewrite/code.h"
#include "pack/rewrite/output.h"
#include "pack/rewrite/plan.h"
#include "pack/rewrite/rewrite.h"

#define BASE      0x400000u
#define CODE_AT   0x1000u /* in file and memory */
#define CODE_SIZE 0x1000u
#define STUBS     0x500000u

/* ---- a file of one segment ---- */

struct fixture {
	uint8_t bytes[CODE_AT + CODE_SIZE];
	struct elf_file *file;
	struct scan_syscall_site sites[8];
	struct scan_sites list;
	struct rewritten counts;
	struct plan plan;
};

static void make_file(struct fixture *f, const uint8_t *code, size_t len)
{
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = BASE + CODE_AT,
		.e_phoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	Elf64_Phdr p = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = BASE,
		.p_paddr = BASE,
		.p_filesz = sizeof(f->bytes),
		.p_memsz = sizeof(f->bytes),
		.p_align = 4096,
	};
	struct scan_error error;

	memset(f, 0, sizeof(*f));
	memset(f->bytes + CODE_AT, 0xcc, CODE_SIZE);
	memcpy(f->bytes, &h, sizeof(h));
	memcpy(f->bytes + sizeof(h), &p, sizeof(p));
	memcpy(f->bytes + CODE_AT, code, len);
	assert_int_equal(elf_file_read(&f->file, "fixture", f->bytes, sizeof(f->bytes), &error), 0);
	f->list.sites = f->sites;
}

/* A site whose run has instructions of these lengths, the last one the `syscall`; ends with 0. */
static struct scan_syscall_site *add_site(struct fixture *f, unsigned offset, const uint8_t *lens)
{
	struct scan_syscall_site *s = &f->sites[f->list.nr_sites++];
	uint64_t at = BASE + CODE_AT + offset;

	s->number = -1;
	for (; *lens; lens++) {
		s->run[s->nr_run++] = (struct scan_instruction){ .address = at,
								 .len_bytes = *lens };
		s->address = at;
		at += *lens;
	}
	return s;
}

static void make_plan(struct fixture *f)
{
	f->plan = (struct plan){ .file = f->file, .stubs = STUBS, .counts = &f->counts };
	assert_int_equal(plan_make(&f->plan, &f->list), 0);
}

static void done(struct fixture *f)
{
	plan_fini(&f->plan);
	elf_file_close(f->file);
}

static void expect_refusal(struct fixture *f, enum rewrite_refusal why)
{
	make_plan(f);
	assert_int_equal(f->counts.nr_rewritten, 0);
	assert_int_equal(f->counts.nr_refused[why], 1);
	assert_int_equal(f->plan.nr_changes, 0);
	done(f);
}

static int32_t distance_at(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The stub at `offset`: `moved` bytes, then the entry, going on behind the site at `back`. */
static void expect_stub(const struct fixture *f, size_t offset, size_t moved, uint64_t back)
{
	const uint8_t *at = f->plan.code + offset + moved;
	uint64_t end = STUBS + offset + moved + DOOR_STUB_LEA_SIZE;

	assert_memory_equal(at, "\x48\x8d\x0d", 3);
	assert_int_equal(end + (uint64_t)(int64_t)distance_at(at + 3), back);
	assert_memory_equal(at + 7, "\xff\x24\x25\x00\x00\x10\x80", 7);
	assert_int_equal(at[14], moved);
}

static void test_mov_and_syscall(void **state)
{
	static const uint8_t code[] = { 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3 };
	struct fixture f;

	(void)state;
	make_file(&f, code, sizeof(code));
	add_site(&f, 0, (const uint8_t[]){ 5, 2, 0 });
	make_plan(&f);
	assert_int_equal(f.counts.nr_rewritten, 1);
	assert_int_equal(f.plan.nr_changes, 1);
	assert_int_equal(f.plan.changes[0].address, BASE + CODE_AT);
	assert_int_equal(f.plan.changes[0].len_bytes, 5); /* the syscall stays */
	assert_int_equal(f.plan.changes[0].bytes[0], 0xe9);
	assert_int_equal(BASE + CODE_AT + 5 + distance_at(f.plan.changes[0].bytes + 1), STUBS);
	assert_memory_equal(f.plan.code, code, 5);
	expect_stub(&f, 0, 5, BASE + CODE_AT + 7);
	assert_int_equal(f.plan.code[5 + 15], 5); /* run_size */
	done(&f);
}

/* Go's: two moves of registers make room, the two before stay. */
static void test_as_few_as_make_room(void **state)
{
	static const uint8_t code[] = { 0x49, 0x89, 0xf2, 0x48, 0x89, 0xfa, 0x48,
					0x89, 0xce, 0x48, 0x89, 0xdf, 0x0f, 0x05 };
	struct fixture f;

	(void)state;
	make_file(&f, code, sizeof(code));
	add_site(&f, 0, (const uint8_t[]){ 3, 3, 3, 3, 2, 0 });
	make_plan(&f);
	assert_int_equal(f.plan.changes[0].address, BASE + CODE_AT + 6);
	assert_int_equal(f.plan.changes[0].len_bytes, 6);
	assert_int_equal(f.plan.changes[0].bytes[5], 0x90); /* filled */
	assert_memory_equal(f.plan.code, code + 6, 6);
	expect_stub(&f, 0, 6, BASE + CODE_AT + 14);
	done(&f);
}

/* lea 16(%rip), %rsi means the same place from the stub. */
static void test_relative_operand(void **state)
{
	static const uint8_t code[] = { 0x48, 0x8d, 0x35, 16, 0, 0, 0, 0x0f, 0x05 };
	struct fixture f;

	(void)state;
	make_file(&f, code, sizeof(code));
	add_site(&f, 0, (const uint8_t[]){ 7, 2, 0 });
	make_plan(&f);
	assert_int_equal(f.counts.nr_rewritten, 1);
	assert_int_equal(STUBS + 7 + distance_at(f.plan.code + 3), BASE + CODE_AT + 7 + 16);
	done(&f);
}

/* xor %eax, %eax; syscall; ret; the gap that follows serves this site and the next. */
static void test_gap(void **state)
{
	static const uint8_t code[] = {
		0x31, 0xc0, 0x0f, 0x05, 0xc3,                               /* 0 */
		0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, /* 5: to 16 */
		0x90, 0x31, 0xc0, 0x0f, 0x05, 0xeb, 0xfe,                   /* 15 */
	};
	const uint64_t at = BASE + CODE_AT;
	struct fixture f;

	(void)state;
	make_file(&f, code, sizeof(code));
	add_site(&f, 0, (const uint8_t[]){ 2, 2, 0 });
	add_site(&f, 16, (const uint8_t[]){ 2, 2, 0 });
	make_plan(&f);
	assert_int_equal(f.counts.nr_rewritten, 2);
	assert_int_equal(f.plan.changes[0].address, at);
	assert_memory_equal(f.plan.changes[0].bytes, "\xeb\x03", 2); /* to 5 */
	assert_int_equal(f.plan.changes[1].address, at + 5);
	assert_int_equal(f.plan.changes[1].bytes[0], 0xe9);
	assert_int_equal(at + 10 + distance_at(f.plan.changes[1].bytes + 1), STUBS);
	assert_int_equal(f.plan.changes[2].address, at + 16);
	assert_memory_equal(f.plan.changes[2].bytes, "\xeb\xf8", 2); /* back to 10 */
	assert_int_equal(f.plan.changes[3].address, at + 10);
	expect_stub(&f, 0, 2, at + 4);
	expect_stub(&f, 24, 2, at + 20);
	done(&f);
}

static void test_no_gap(void **state)
{
	static const uint8_t code[] = { 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x55, 0x90, 0x90 };
	struct fixture f;

	(void)state;
	make_file(&f, code, sizeof(code));
	add_site(&f, 0, (const uint8_t[]){ 2, 2, 0 });
	expect_refusal(&f, REWRITE_NO_ROOM);
}

/* mov %r10, %rdx; mov %rax, %rdi; syscall: somebody jumps to the second. */
static void test_entered(void **state)
{
	static const uint8_t code[] = { 0x49, 0x89, 0xd2, 0x48, 0x89, 0xc7, 0x0f, 0x05, 0x55 };
	struct scan_syscall_site *s;
	struct fixture f;

	(void)state;
	make_file(&f, code, sizeof(code));
	s = add_site(&f, 0, (const uint8_t[]){ 3, 3, 2, 0 });
	s->run[1].is_target = true;
	expect_refusal(&f, REWRITE_ENTERED);
	make_file(&f, code, sizeof(code));
	add_site(&f, 0, (const uint8_t[]){ 3, 3, 2, 0 })->maybe_target = true;
	expect_refusal(&f, REWRITE_ENTERED);
	/* To the first, or to the syscall: both are there afterwards. */
	make_file(&f, code, sizeof(code));
	s = add_site(&f, 0, (const uint8_t[]){ 3, 3, 2, 0 });
	s->run[0].is_target = s->run[2].is_target = true;
	make_plan(&f);
	assert_int_equal(f.counts.nr_rewritten, 1);
	done(&f);
}

static void test_immovable(void **state)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0x0f, 0x05, 0x55 };
	static const uint8_t sigreturn[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
	struct fixture f;

	(void)state;
	make_file(&f, endbr, sizeof(endbr));
	add_site(&f, 0, (const uint8_t[]){ 4, 2, 2, 0 });
	expect_refusal(&f, REWRITE_IMMOVABLE);
	make_file(&f, sigreturn, sizeof(sigreturn));
	add_site(&f, 0, (const uint8_t[]){ 7, 2, 0 })->number = 15;
	expect_refusal(&f, REWRITE_SIGRETURN);
}

/* What follows: setc; or a mov and a test before the jump that asks. */
static void test_flags(void **state)
{
	static const uint8_t used[] = { 0xb8, 39,   0,    0,    0,    0x0f, 0x05,
					0x48, 0x89, 0xc7, 0x0f, 0x92, 0xc0, 0xc3 };
	static const uint8_t set[] = { 0xb8, 39,   0,    0,    0,    0x0f, 0x05, 0x48,
				       0x89, 0xc7, 0x48, 0x85, 0xc0, 0x78, 0x01, 0xc3 };
	struct fixture f;

	(void)state;
	make_file(&f, used, sizeof(used));
	add_site(&f, 0, (const uint8_t[]){ 5, 2, 0 });
	expect_refusal(&f, REWRITE_FLAGS);
	make_file(&f, set, sizeof(set));
	add_site(&f, 0, (const uint8_t[]){ 5, 2, 0 });
	make_plan(&f);
	assert_int_equal(f.counts.nr_rewritten, 1);
	done(&f);
}

static void test_instructions_that_move(void **state)
{
	static const struct {
		uint8_t len, moves, bytes[10];
	} rows[] = {
		{ 5, 1, { 0x4c, 0x8b, 0x4c, 0x24, 0x08 } },    /* mov 8(%rsp), %r9 */
		{ 1, 1, { 0x5f } },                            /* pop %rdi */
		{ 9, 1, { 0x64, 0x8b, 0x04, 0x25, 0x10 } },    /* mov %fs:16, %eax */
		{ 6, 1, { 0x8b, 0x05, 0x10, 0, 0, 0 } },       /* mov 16(%rip), %eax */
		{ 7, 0, { 0x67, 0x8b, 0x05, 0x10, 0, 0, 0 } }, /* mov 16(%eip), %eax */
		{ 2, 0, { 0x74, 0x10 } },                      /* je */
		{ 2, 0, { 0xe3, 0x10 } },                      /* jrcxz */
		{ 5, 0, { 0xe8, 0, 0, 0, 0 } },                /* call */
		{ 6, 0, { 0xc7, 0xf8, 0, 0, 0, 0 } },          /* xbegin */
		{ 2, 0, { 0x0f, 0x05 } },                      /* syscall */
		{ 1, 0, { 0xcc } },                            /* int3 */
		{ 1, 0, { 0x06 } },                            /* none */
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].bytes[0] == 0x64) /* has 8 bytes in truth: a wrong length is refused */
			assert_false(code_move(out, rows[i].bytes, 9, BASE, STUBS));
		assert_int_equal(code_move(out, rows[i].bytes,
					   rows[i].bytes[0] == 0x64 ? 8 : rows[i].len, BASE, STUBS),
				 rows[i].moves);
	}
	/* Out of reach of a rel32. */
	assert_false(code_move(out, rows[3].bytes, 6, BASE, BASE + (3ull << 30)));
}

/* ---- whole files ---- */

struct file_bytes {
	uint8_t *bytes;
	size_t len;
};

static bool load(struct file_bytes *out, const char *path)
{
	FILE *f = fopen(path, "rb");

	*out = (struct file_bytes){ .bytes = NULL };
	if (!f)
		return false;
	fseek(f, 0, SEEK_END);
	out->len = (size_t)ftell(f);
	rewind(f);
	out->bytes = malloc(out->len);
	assert_non_null(out->bytes);
	assert_int_equal(fread(out->bytes, 1, out->len, f), out->len);
	fclose(f);
	return true;
}

/* What comes out can be read, and is known for what it is. */
static void check_result(const struct rewritten *r)
{
	struct scan_error error;
	struct failure failure;
	struct rewritten again;
	struct elf_file *file;

	if (!r->bytes)
		return;
	assert_int_equal(elf_file_read(&file, "rewritten", r->bytes, r->len_bytes, &error), 0);
	elf_file_close(file);
	assert_int_equal(rewrite_bytes(&again, "rewritten", r->bytes, r->len_bytes, &failure), 0);
	assert_int_equal(again.outcome, REWRITE_ALREADY);
	assert_int_equal(again.nr_rewritten, r->nr_rewritten);
	assert_null(again.bytes);
}

static const char *const paths[] = { "/lib64/ld-linux-x86-64.so.2", "/bin/true", "/bin/busybox" };

static void test_whole_files(void **state)
{
	struct rewritten r, twice;
	struct failure failure;
	struct file_bytes in;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!load(&in, paths[i]))
			continue;
		assert_int_equal(rewrite_bytes(&r, paths[i], in.bytes, in.len, &failure), 0);
		check_result(&r);
		assert_int_equal(rewrite_bytes(&twice, paths[i], in.bytes, in.len, &failure), 0);
		assert_int_equal(twice.len_bytes, r.len_bytes);
		if (r.bytes)
			assert_memory_equal(twice.bytes, r.bytes, r.len_bytes);
		rewritten_fini(&r);
		rewritten_fini(&twice);
		free(in.bytes);
	}
}

static uint64_t seed = 88172645463325252ull;

static uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Headers most of all: what the rest of the file means hangs on them. */
static void damage(struct file_bytes *f)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff };

	for (uint64_t n = random_u64() % 8; n-- > 0;) {
		uint64_t span = random_u64() % 4 ? 1024 : f->len;
		uint64_t from = random_u64() % 4 ? 0 : f->len - (f->len < 8192 ? f->len : 8192);
		uint64_t at = from + random_u64() % span;

		if (at < f->len)
			f->bytes[at] = random_u64() % 2 ? odd[random_u64() % sizeof(odd)]
							: (uint8_t)random_u64();
	}
	if (random_u64() % 4 == 0)
		f->len = random_u64() % (f->len + 1);
}

static void test_damaged_files(void **state)
{
	const char *count = getenv("HULL_FUZZ_COUNT");
	int rounds = count ? atoi(count) : 60;
	struct file_bytes in, copy;
	struct failure failure;
	struct rewritten r;

	(void)state;
	for (int i = 0; i < rounds; i++) {
		if (!load(&in, paths[(size_t)i % 2]))
			continue;
		copy = (struct file_bytes){ malloc(in.len), in.len };
		assert_non_null(copy.bytes);
		memcpy(copy.bytes, in.bytes, in.len);
		damage(&copy);
		failure.text[0] = '\0';
		if (rewrite_bytes(&r, "damaged", copy.bytes, copy.len, &failure))
			assert_true(failure.text[0] != '\0');
		else
			check_result(&r);
		rewritten_fini(&r);
		free(copy.bytes);
		free(in.bytes);
	}
}

/* An archive behind the program, which it finds from the file's end. */
static void test_data_behind(void **state)
{
	struct rewritten r;
	struct failure failure;
	struct file_bytes in;

	(void)state;
	if (!load(&in, paths[0]))
		return;
	in.bytes = realloc(in.bytes, in.len + 5);
	assert_non_null(in.bytes);
	memcpy(in.bytes + in.len, "data", 5);
	assert_int_equal(rewrite_bytes(&r, "archive", in.bytes, in.len + 5, &failure), -1);
	assert_non_null(strstr(failure.text, "archive: 5 bytes follow"));
	free(in.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mov_and_syscall),
		cmocka_unit_test(test_as_few_as_make_room),
		cmocka_unit_test(test_relative_operand),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_no_gap),
		cmocka_unit_test(test_entered),
		cmocka_unit_test(test_immovable),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_instructions_that_move),
		cmocka_unit_test(test_whole_files),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_data_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
