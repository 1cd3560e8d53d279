/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan/: the number at a `syscall`, traced back (each case is a few instructions, assembled here
 * and made a program of its own); what is not reached; files that are broken in many ways; the
 * closure in a root of its own; the runs before each site.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scan/code/code.h"
#include "scan/scan.h"
#include "scan/sites.h"

#define BASE    0x400000ull
#define HEADERS (sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr))

/* A case: instructions between two symbols, and what is to be found in them. */
#define CASE(name, text) \
	extern const uint8_t name##_start[], name##_end[]; \
	__asm__(".pushsection .rodata\n" #name "_start:\n" text "\n" #name "_end:\n.popsection")

CASE(constants, "mov $39,%eax; syscall; mov $60,%rax; syscall; hlt");
CASE(zero, "xor %eax,%eax; syscall; hlt");
CASE(conditional, "mov $1,%eax; mov $20,%ecx; test %edi,%edi; cmovne %ecx,%eax; syscall; hlt");
CASE(branches, "test %edi,%edi; je 1f; mov $2,%eax; jmp 2f; 1: mov $257,%eax; 2: syscall; hlt");
CASE(slot, "movl $3,-8(%rsp); mov $9,%eax; mov -8(%rsp),%eax; syscall; hlt");
CASE(pushed, "push $24; push $25; pop %rcx; pop %rax; syscall; hlt");
CASE(sums, "mov $10,%eax; add $4,%eax; sub $2,%eax; lea 1(%rax),%eax; syscall; hlt");
CASE(wrapper, "mov $41,%edi; call 1f; mov $42,%edi; call 1f; hlt; 1: mov %rdi,%rax; syscall; ret");
CASE(deep, "mov $43,%esi; call 1f; hlt; 1: mov %rsi,%rdi; jmp 2f; nop; 2: push %rbx; mov %rdi,%rbx;"
	   "call 3f; mov %rbx,%rax; pop %rbx; syscall; ret; 3: xor %edi,%edi; ret");
CASE(stack_argument,
     "sub $24,%rsp; movq $231,(%rsp); call 1f; hlt; 1: mov 8(%rsp),%rax; syscall; ret");
CASE(structure, "sub $24,%rsp; mov %rsp,%rdi; movl $105,8(%rsp); call 1f; hlt;"
		"1: mov 8(%rdi),%eax; syscall; ret");
CASE(loop, "mov $8,%eax; mov $5,%ecx; 1: dec %ecx; jnz 1b; syscall; hlt");
CASE(pointer, "lea 1f(%rip),%rax; call *%rax; hlt; 1: mov $5,%eax; syscall; ret");
CASE(frame, "push %rbp; mov %rsp,%rbp; and $-32,%rsp; sub $64,%rsp; movl $11,-4(%rbp);"
	    "movl $12,4(%rsp); mov -4(%rbp),%eax; syscall; leave; hlt");
CASE(never_returns, "mov $13,%eax; test %edi,%edi; jne 1f; call 2f; 1: syscall; hlt;"
		    "2: mov $60,%eax; syscall; jmp 2b");
CASE(saved, "mov $7,%r9d; call 1f; mov %r9d,%eax; syscall; hlt; 1: xor %ecx,%ecx; ret");
CASE(not_reached, "mov $4,%eax; syscall; hlt; nop; nop; mov $99,%eax; syscall; ret");
CASE(low, "xor %eax,%eax; mov $56,%al; syscall; hlt");
CASE(returned, "call 1f; syscall; hlt; 1: mov (%rdi),%eax; ret");
CASE(loaded, "mov (%rsi,%rdi,4),%eax; syscall; hlt");
CASE(given, "mov %rdi,%rax; syscall; hlt");
CASE(old_door, "mov $1,%eax; int $0x80; mov $2,%eax; sysenter; hlt");
CASE(spilled,
     "1: cmp %rsp,%rdi; jbe 2f; syscall; hlt; 2: mov %rax,8(%rsp); call 3f; mov 8(%rsp),%rax;"
     "jmp 1b; 3: ret");

/* A program at BASE with these instructions; the caller frees it. */
static uint8_t *make_program(const uint8_t *start, const uint8_t *end, size_t *len)
{
	const Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
				    .e_type = ET_EXEC,
				    .e_machine = EM_X86_64,
				    .e_version = 1,
				    .e_entry = BASE + HEADERS,
				    .e_phoff = sizeof(Elf64_Ehdr),
				    .e_ehsize = sizeof(Elf64_Ehdr),
				    .e_phentsize = sizeof(Elf64_Phdr),
				    .e_phnum = 1 };
	Elf64_Phdr phdr = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = BASE };
	uint8_t *bytes;

	*len = HEADERS + (size_t)(end - start);
	phdr.p_filesz = phdr.p_memsz = *len;
	bytes = malloc(*len);
	assert_non_null(bytes);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &phdr, sizeof(phdr));
	memcpy(bytes + HEADERS, start, (size_t)(end - start));
	return bytes;
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static char folder[] = "/tmp/scan-test-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static const char *path_in(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct scan_answer *scan_bytes(const uint8_t *start, const uint8_t *end)
{
	struct scan_answer *answer;
	struct scan_error error;
	struct scan *scan;
	size_t len;
	uint8_t *bytes = make_program(start, end, &len);

	write_file(path_in("case"), bytes, len);
	free(bytes);
	assert_int_equal(scan_new(&scan), 0);
	assert_int_equal(scan_program(scan, path_in("case"), NULL, &answer, &error), 0);
	assert_int_equal(answer->closure->nr_objects, 1);
	/* the answer's names are in the files, which the scan keeps; numbers are not */
	for (unsigned i = 0; i < answer->nr_sites; i++)
		answer->sites[i].function = NULL;
	scan_free(scan);
	return answer;
}

struct expected {
	const char *name;
	const uint8_t *start, *end;
	unsigned calls[4], nr_calls, nr_unknown;
	enum scan_certainty certainty;
};

#define FOUND(case, unknown, sure, ...) \
	{ \
		.name = #case, .start = case##_start, .end = case##_end, .calls = { __VA_ARGS__ }, \
		.nr_calls = sizeof((unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned), \
		.nr_unknown = unknown, .certainty = sure \
	}

static void test_numbers(void **state)
{
	const struct expected all[] = {
		FOUND(constants, 0, SCAN_EXACT, 39, 60),
		FOUND(zero, 0, SCAN_EXACT, 0),
		FOUND(conditional, 0, SCAN_SET, 1, 20),
		FOUND(branches, 0, SCAN_SET, 2, 257),
		FOUND(slot, 0, SCAN_EXACT, 3),
		FOUND(pushed, 0, SCAN_EXACT, 24),
		FOUND(sums, 0, SCAN_EXACT, 13),
		FOUND(wrapper, 0, SCAN_ARGUMENT, 41, 42),
		FOUND(deep, 0, SCAN_ARGUMENT, 43),
		FOUND(stack_argument, 0, SCAN_ARGUMENT, 231),
		FOUND(structure, 0, SCAN_ARGUMENT, 105),
		FOUND(loop, 0, SCAN_EXACT, 8),
		FOUND(pointer, 0, SCAN_EXACT, 5),
		FOUND(frame, 0, SCAN_EXACT, 11),
		FOUND(never_returns, 0, SCAN_EXACT, 13, 60),
		FOUND(low, 0, SCAN_EXACT, 56),
		FOUND(saved, 0, SCAN_EXACT, 7),
		FOUND(not_reached, 0, SCAN_EXACT, 4),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct scan_answer *answer = scan_bytes(all[i].start, all[i].end);

		if (answer->nr_calls != all[i].nr_calls ||
		    answer->nr_unknown_sites != all[i].nr_unknown)
			print_error("case %s: %u calls, %u unknown (%s)\n", all[i].name,
				    answer->nr_calls, answer->nr_unknown_sites,
				    answer->nr_sites && answer->sites[0].unknown
					    ? answer->sites[0].unknown
					    : "");
		assert_int_equal(answer->nr_calls, all[i].nr_calls);
		assert_int_equal(answer->nr_unknown_sites, all[i].nr_unknown);
		for (unsigned n = 0; n < all[i].nr_calls; n++) {
			assert_int_equal(answer->calls[n].number, all[i].calls[n]);
			assert_int_equal(answer->calls[n].certainty, all[i].certainty);
		}
		scan_answer_free(answer);
	}
}

/* What cannot be known is named, with its place. */
static void test_unknown(void **state)
{
	const struct {
		const uint8_t *start, *end;
		unsigned nr_sites, nr_unknown;
	} all[] = { { returned_start, returned_end, 1, 1 },
		    { loaded_start, loaded_end, 1, 1 },
		    { given_start, given_end, 1, 1 },
		    { spilled_start, spilled_end, 1, 1 },
		    { old_door_start, old_door_end, 2, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct scan_answer *answer = scan_bytes(all[i].start, all[i].end);

		assert_int_equal(answer->nr_sites, all[i].nr_sites);
		assert_int_equal(answer->nr_unknown_sites, all[i].nr_unknown);
		assert_int_equal(answer->nr_calls, 0);
		for (unsigned n = 0; n < answer->nr_sites; n++) {
			assert_true(answer->sites[n].address >= BASE);
			assert_non_null(answer->sites[n].unknown);
		}
		scan_answer_free(answer);
	}
}

static struct elf_file *read_case(const uint8_t *start, const uint8_t *end)
{
	struct scan_error error;
	struct elf_file *file;
	size_t len;
	uint8_t *bytes = make_program(start, end, &len);

	assert_int_equal(elf_file_read(&file, "case", bytes, len, &error), 0);
	free(bytes);
	return file;
}

/* Each run ends in its syscall, has no gap, and marks what is jumped to. */
static void check_runs(const struct scan_sites *sites)
{
	for (unsigned i = 0; i < sites->nr_sites; i++) {
		const struct scan_syscall_site *site = &sites->sites[i];

		assert_in_range(site->nr_run, 1, SCAN_RUN_MAX);
		assert_int_equal(site->run[site->nr_run - 1].address, site->address);
		assert_int_equal(site->run[site->nr_run - 1].len_bytes, 2);
		for (unsigned n = 1; n < site->nr_run; n++)
			assert_int_equal(site->run[n].address,
					 site->run[n - 1].address + site->run[n - 1].len_bytes);
	}
}

static void test_sites(void **state)
{
	struct elf_file *file = read_case(branches_start, branches_end);
	struct scan_sites *sites;
	struct scan_error error;

	(void)state;
	assert_int_equal(scan_sites_find(&sites, file, &error), 0);
	assert_int_equal(sites->nr_sites, 1);
	check_runs(sites);
	assert_true(sites->sites[0].run[sites->sites[0].nr_run - 1].is_target);
	assert_int_equal(sites->sites[0].number, -1);
	scan_sites_free(sites);
	elf_file_close(file);

	file = read_case(not_reached_start, not_reached_end);
	assert_int_equal(scan_sites_find(&sites, file, &error), 0);
	check_runs(sites);
	assert_int_equal(sites->sites[0].number, 4);
	assert_int_equal(sites->sites[0].nr_run, 2);
	assert_false(sites->sites[0].run[1].is_target);
	scan_sites_free(sites);
	elf_file_close(file);
}

static void test_sites_of_libc(void **state)
{
	static const char path[] = "/lib/x86_64-linux-gnu/libc.so.6";
	struct scan_sites *sites;
	struct scan_error error;
	struct elf_file *file;
	unsigned nr_known = 0;

	(void)state;
	assert_int_equal(elf_file_open(&file, path, &error), 0);
	assert_int_equal(scan_sites_find(&sites, file, &error), 0);
	check_runs(sites);
	for (unsigned i = 0; i < sites->nr_sites; i++)
		nr_known += sites->sites[i].number >= 0;
	/* most are `mov $nr,%eax; syscall` */
	assert_true(sites->nr_sites > 100 && nr_known > sites->nr_sites * 9 / 10);
	scan_sites_free(sites);
	elf_file_close(file);
}

static void refuse(const void *bytes, size_t len, const char *why)
{
	struct scan_error error = { "" };
	struct elf_file *file;

	assert_int_equal(elf_file_read(&file, "broken", bytes, len, &error), -ENOEXEC);
	if (!strstr(error.text, why))
		print_error("%s: not \"%s\"\n", error.text, why);
	assert_non_null(strstr(error.text, why));
	assert_non_null(strstr(error.text, "broken: "));
}

static void test_refused(void **state)
{
	size_t len;
	uint8_t *good = make_program(constants_start, constants_end, &len);
	Elf64_Ehdr *header = (Elf64_Ehdr *)good;
	Elf64_Phdr *phdr = (Elf64_Phdr *)(good + sizeof(*header));

	(void)state;
	refuse("", 0, "not an ELF file");
	refuse("#!/bin/sh\n", 10, "not an ELF file");
	refuse(good, len - 1, "cut short");
	refuse(good, sizeof(*header) + 8, "cut short");
	header->e_machine = EM_AARCH64;
	refuse(good, len, "not for x86-64");
	header->e_machine = EM_X86_64;
	header->e_ident[EI_CLASS] = ELFCLASS32;
	refuse(good, len, "not for x86-64");
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_type = ET_REL;
	refuse(good, len, "neither a program nor a library");
	header->e_type = ET_EXEC;
	phdr->p_vaddr = 1ull << 40;
	refuse(good, len, "above 4 GiB");
	phdr->p_vaddr = BASE;
	phdr->p_type = PT_NOTE;
	refuse(good, len, "no segment");
	free(good);
}

static void test_no_such_file(void **state)
{
	struct scan_error error;
	struct elf_file *file;

	(void)state;
	assert_int_equal(elf_file_open(&file, "/nonexistent", &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent: No such file"));
	assert_int_equal(elf_file_open(&file, "/tmp", &error), -EISDIR);
	assert_int_equal(elf_file_open(&file, "/dev/null", &error), -EINVAL);
}

/* ---- broken files ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % limit;
}

static uint8_t *read_whole(const char *path, size_t *len)
{
	struct stat stat;
	const int fd = open(path, O_RDONLY);
	uint8_t *bytes;

	assert_true(fd >= 0 && fstat(fd, &stat) == 0);
	*len = (size_t)stat.st_size;
	bytes = malloc(*len);
	assert_int_equal(read(fd, bytes, *len), (ssize_t)*len);
	close(fd);
	return bytes;
}

/* Where an ELF file's tables are: its first pages, its dynamic section and its last pages. */
static size_t place_to_break(const uint8_t *bytes, size_t len)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
	const uint32_t kind = random_below(6);

	if (kind < 2 || len < 8192)
		return random_below((uint32_t)(len < 4096 ? len : 4096));
	if (kind == 2)
		return len - 1 - random_below(4096);
	if (kind == 3 && header->e_phnum < 64) {
		const Elf64_Phdr *phdr = (const Elf64_Phdr *)(bytes + sizeof(*header));

		for (unsigned i = 0; i < header->e_phnum; i++) {
			if (phdr[i].p_type == PT_DYNAMIC && phdr[i].p_offset + 512 < len)
				return phdr[i].p_offset + random_below(512);
		}
	}
	return random_below((uint32_t)len);
}

static void break_bytes(uint8_t *broken, const uint8_t *bytes, size_t len)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 8, 0x40 };

	memcpy(broken, bytes, len);
	for (uint32_t n = 1 + random_below(12); n > 0; n--)
		broken[place_to_break(bytes, len)] = random_below(2)
							     ? values[random_below(sizeof(values))]
							     : (uint8_t)random_below(256);
}

static void read_broken(const uint8_t *bytes, size_t len)
{
	struct scan_error error = { "" };
	struct scan_sites *sites;
	struct elf_file *file;

	if (elf_file_read(&file, "broken", bytes, len, &error) != 0) {
		assert_true(error.text[0] != 0);
		return;
	}
	if (scan_sites_find(&sites, file, &error) == 0)
		scan_sites_free(sites);
	elf_file_close(file);
}

static unsigned rounds(unsigned few)
{
	const char *text = getenv("SCAN_FUZZ_ROUNDS");

	return text ? (unsigned)atoi(text) : few;
}

/* No broken file does more than be refused or give an odd answer; ASan and UBSan watch. */
static void test_broken_files(void **state)
{
	size_t len;
	uint8_t *good = read_whole("/bin/true", &len), *broken = malloc(len);

	(void)state;
	for (unsigned seed = 0; seed < rounds(300); seed++) {
		random_state = seed;
		break_bytes(broken, good, len);
		read_broken(broken, len);
	}
	for (unsigned i = 0; i < 64; i++)
		read_broken(good, len * i / 64);
	free(good);
	free(broken);
}

static void test_broken_programs(void **state)
{
	struct scan_answer *answer;
	struct scan_error error;
	struct scan *scan;
	size_t len;
	uint8_t *good = read_whole("/bin/true", &len), *broken = malloc(len);

	(void)state;
	assert_int_equal(scan_new(&scan), 0);
	for (unsigned seed = 0; seed < rounds(40); seed++) {
		random_state = 1000 + seed;
		break_bytes(broken, good, len);
		unlink(path_in("broken"));
		write_file(path_in("broken"), broken, len);
		if (scan_program(scan, path_in("broken"), NULL, &answer, &error) == 0)
			scan_answer_free(answer);
		else
			assert_true(error.text[0] != 0);
	}
	scan_free(scan);
	free(good);
	free(broken);
}

/* Random instructions: the walk backwards ends, whatever the code is. */
static void test_random_code(void **state)
{
	uint8_t code[512];

	(void)state;
	for (unsigned seed = 0; seed < rounds(150); seed++) {
		random_state = 77 + seed;
		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = (uint8_t)random_below(256);
		for (size_t i = 16; i + 2 < sizeof(code); i += 32)
			memcpy(code + i, "\x0f\x05", 2);
		scan_answer_free(scan_bytes(code, code + sizeof(code)));
	}
}

/* ---- closures ---- */

static void copy_in(const char *root, const char *path, const char *as)
{
	char command[1024];

	snprintf(command, sizeof(command), "mkdir -p $(dirname %s%s) && cp -L %s %s%s", root, as,
		 path, root, as);
	assert_int_equal(system(command), 0);
}

/* The host's closure of a program, copied into a root, is found again there. */
static void test_closure_in_root(void **state)
{
	const char *root = folder;
	const struct closure_options options = { .root = root };
	struct closure *closure, *inside;
	struct scan_error error;

	(void)state;
	assert_int_equal(closure_find(&closure, "/usr/bin/ls", NULL, &error), 0);
	assert_int_equal(closure->nr_missing, 0);
	assert_true(closure->nr_objects >= 3);
	for (unsigned i = 0; i < closure->nr_objects; i++)
		copy_in(root, closure->objects[i].host_path, closure->objects[i].path);
	assert_int_equal(closure_find(&inside, "/usr/bin/ls", &options, &error), 0);
	assert_int_equal(inside->nr_missing, 0);
	assert_int_equal(inside->nr_objects, closure->nr_objects);
	for (unsigned i = 0; i < closure->nr_objects; i++) {
		assert_string_equal(inside->objects[i].name, closure->objects[i].name);
		assert_int_equal(strncmp(inside->objects[i].host_path, root, strlen(root)), 0);
	}
	closure_free(inside);
	/* a library that is gone is missing once, with who wanted it */
	unlink(path_in(closure->objects[1].path + 1));
	assert_int_equal(closure_find(&inside, "/usr/bin/ls", &options, &error), 0);
	assert_int_equal(inside->nr_missing, 1);
	assert_string_equal(inside->missing[0].name, closure->objects[1].name);
	assert_int_equal(inside->missing[0].wanted_by, 0);
	closure_free(inside);
	closure_free(closure);
}

static void test_closure_without_program(void **state)
{
	struct closure *closure;
	struct scan_error error;

	(void)state;
	assert_int_equal(closure_find(&closure, "/nonexistent", NULL, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent"));
}

static void test_also(void **state)
{
	const char *const also[] = { "libm.so.6", "libnothing.so.9", NULL };
	const struct closure_options options = { .also = also };
	struct closure *closure;
	struct scan_error error;
	bool has_libm = false;

	(void)state;
	assert_int_equal(closure_find(&closure, "/bin/true", &options, &error), 0);
	for (unsigned i = 0; i < closure->nr_objects; i++)
		has_libm |= strcmp(closure->objects[i].name, "libm.so.6") == 0 &&
			    closure->objects[i].is_also;
	assert_true(has_libm);
	assert_int_equal(closure->nr_missing, 1);
	assert_string_equal(closure->missing[0].name, "libnothing.so.9");
	assert_int_equal(closure->missing[0].wanted_by, -1);
	closure_free(closure);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(scan_call_name(0), "read");
	assert_int_equal(scan_call_number("openat"), 257);
	assert_null(scan_call_name(1023));
	assert_int_equal(scan_call_number("nothing"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_sites_of_libc),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_such_file),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_broken_programs),
		cmocka_unit_test(test_random_code),
		cmocka_unit_test(test_closure_in_root),
		cmocka_unit_test(test_closure_without_program),
		cmocka_unit_test(test_also),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
