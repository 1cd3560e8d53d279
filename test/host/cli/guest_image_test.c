/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images as files: a small one that is whole, and many that are not, with the checksums put right
 * again, as by somebody who means harm.
 */
#include "test/host/cmocka_all.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/hull/boot.h"
#include "cli/command.h"
#include "cli/run/guest_image.h"
#include "launch/launch.h"
#include "lib/crc32c.h"

#define FILE_BYTES    (5 * 4096)
#define PAYLOAD       4096
#define PAYLOAD_BYTES (FILE_BYTES - PAYLOAD)
#define NOTE_AT       512
#define PADDR         0x300000

static unsigned nr_messages;

void message_print(const char *format, ...)
{
	(void)format;
	nr_messages++;
}

static uint8_t file[FILE_BYTES], whole[FILE_BYTES];
static char name[] = "/tmp/hull-image-XXXXXX";

static void write_elf(void)
{
	Elf64_Ehdr elf = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = KERNEL_BASE + 0x100000,
		.e_phoff = sizeof(elf),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr headers[2] = {
		{ .p_type = PT_LOAD,
		  .p_offset = PAYLOAD,
		  .p_paddr = PADDR,
		  .p_filesz = PAYLOAD_BYTES },
		{ .p_type = PT_NOTE,
		  .p_offset = NOTE_AT,
		  .p_filesz = 12 + 8 + sizeof(struct image_slot) },
	};
	Elf64_Nhdr note = { 5, sizeof(struct image_slot), IMAGE_NOTE_SLOT };
	struct image_slot slot = { .version = 1, .payload = PADDR, .payload_bytes = PAYLOAD_BYTES };

	memcpy(whole, &elf, sizeof(elf));
	memcpy(whole + sizeof(elf), headers, sizeof(headers));
	memcpy(whole + NOTE_AT, &note, sizeof(note));
	memcpy(whole + NOTE_AT + 12, "Hull", 5);
	memcpy(whole + NOTE_AT + 20, &slot, sizeof(slot));
}

static void write_payload(void)
{
	struct image_header *h = (struct image_header *)(whole + PAYLOAD);
	struct image_section *s = (struct image_section *)(h + 1);
	struct launch_ports ports = { .control = 0 };
	struct launch_mount root = { .type = LAUNCH_MOUNT_EROFS };
	struct launch launch = { .nr_items = 0 };

	launch_add_string(&launch, LAUNCH_PROGRAM, "/p");
	launch_add_mount(&launch, &root, "", "/");
	launch_add(&launch, LAUNCH_PORTS, &ports, sizeof(ports));
	assert_int_equal(launch_end(&launch), 0);
	memcpy(whole + PAYLOAD + 512, launch.bytes, launch.len);
	*h = (struct image_header){
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.nr_sections = 3,
		.payload_bytes = PAYLOAD_BYTES,
	};
	s[0] = (struct image_section){ .kind = IMAGE_LAUNCH,
				       .offset = 512,
				       .size_bytes = launch.len };
	s[1] = (struct image_section){ .kind = IMAGE_ROOT, .offset = 4096, .size_bytes = 8192 };
	s[2] = (struct image_section){ .kind = IMAGE_RUN, .offset = 2048, .size_bytes = 5 };
	memcpy(whole + PAYLOAD + 2048, "-m\n8\n", 5);
	launch_fini(&launch);
}

/* The sums of what is there now, as far as it can be told. */
static void seal(uint8_t *bytes)
{
	struct image_header *h = (struct image_header *)(bytes + PAYLOAD);
	struct image_section *s = (struct image_section *)(h + 1);
	size_t len = sizeof(*h);

	for (uint32_t i = 0; i < h->nr_sections && i < 8; i++) {
		if (s[i].offset <= PAYLOAD_BYTES && s[i].size_bytes <= PAYLOAD_BYTES - s[i].offset)
			s[i].crc = ~crc32c(CRC32C_INIT, bytes + PAYLOAD + s[i].offset,
					   s[i].size_bytes);
	}
	if (h->nr_sections <= IMAGE_MAX_SECTIONS)
		len += h->nr_sections * sizeof(*s);
	h->header_crc = 0;
	h->header_crc = ~crc32c(CRC32C_INIT, h, len);
}

static int open_file(size_t len, struct guest_image *out)
{
	int fd = open(name, O_WRONLY | O_TRUNC), is;

	assert_int_equal(write(fd, file, len), len);
	close(fd);
	nr_messages = 0;
	is = guest_image_open(name, out);
	assert_int_equal(nr_messages, is < 0 ? 1 : 0);
	return is;
}

static void close_file(struct guest_image *image, int is)
{
	if (is == 0)
		return;
	if (image->bytes != MAP_FAILED)
		munmap((void *)image->bytes, image->len);
	close(image->fd);
}

static void test_whole(void **state)
{
	struct guest_image image;

	(void)state;
	memcpy(file, whole, sizeof(file));
	assert_int_equal(open_file(FILE_BYTES, &image), 1);
	assert_string_equal(image.record.program, "/p");
	assert_int_equal(image.root, PAYLOAD + 4096);
	assert_int_equal(image.root_bytes, 8192);
	assert_int_equal(image.run_len, 5);
	close_file(&image, 1);
	file[PAYLOAD + 5000] ^= 1;
	assert_int_equal(open_file(FILE_BYTES, &image), -1);
	close_file(&image, -1);
	memcpy(file, "#!/bin/sh\n", 10);
	assert_int_equal(open_file(FILE_BYTES, &image), 0);
	assert_int_equal(guest_image_open("/nothing/there", &image), 0);
}

static void test_harm(void **state)
{
	struct guest_image image;
	unsigned nr_used = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		size_t len = rand() % 4 ? FILE_BYTES : (size_t)rand() % FILE_BYTES;
		int is;

		memcpy(file, whole, sizeof(file));
		for (int i = rand() % 3; i >= 0; i--) {
			int at = rand() % 2 ? rand() % 640 : PAYLOAD + rand() % 640;

			file[at] = (uint8_t)(rand() % 2 ? rand() : file[at] ^ 1 << rand() % 8);
		}
		seal(file);
		is = open_file(len, &image);
		nr_used += is == 1;
		if (is == 1 && image.root_bytes > 0)
			assert_true(image.root + image.root_bytes <= len);
		close_file(&image, is);
	}
	assert_in_range(nr_used, 20, 1900);
}

static int start(void **state)
{
	(void)state;
	write_elf();
	write_payload();
	seal(whole);
	return mkstemp(name) >= 0 ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_harm),
	};

	return cmocka_run_group_tests(tests, start, end);
}
