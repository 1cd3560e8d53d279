/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image is told from a program by its first bytes: an ELF file whose entry is a kernel's. All of
 * its checksums are looked at before it runs (pack/image/image_file.h).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/run/guest_image.h"

static int map(struct guest_image *image)
{
	struct stat st;

	image->bytes = MAP_FAILED;
	if (fstat(image->fd, &st) == 0) {
		image->len = (size_t)st.st_size;
		image->bytes = mmap(NULL, image->len, PROT_READ, MAP_PRIVATE, image->fd, 0);
	}
	if (image->bytes != MAP_FAILED)
		return 0;
	message_print("%s: it cannot be mapped: %s", image->path, strerror(errno));
	return -1;
}

static int use_record(struct guest_image *image)
{
	const char *why;
	uint64_t len;
	const void *record = image_file_section(&image->file, IMAGE_LAUNCH, &len);

	if (record == NULL) {
		message_print("%s: the image has no launch record; build it again", image->path);
		return -1;
	}
	if (launch_record_read(&image->record, record, len, &why) == 0)
		return 0;
	message_print("%s: the image's launch record cannot be used: %s", image->path, why);
	return -1;
}

static int use(struct guest_image *image)
{
	struct failure failure;
	const uint8_t *root;
	uint64_t len = 0;

	if (image_file_read(&image->file, image->path, image->bytes, image->len, &failure) != 0 ||
	    image_file_check(&image->file, image->path, &failure) != 0) {
		message_print("%s", failure.text);
		return -1;
	}
	root = image_file_section(&image->file, IMAGE_ROOT, &image->root_bytes);
	if (root != NULL)
		image->root = (uint64_t)(root - image->bytes);
	image->run = image_file_section(&image->file, IMAGE_RUN, &len);
	image->run_len = len;
	return use_record(image);
}

/* A disk or an ISO, by the signature where a BIOS looks for it, or ISO 9660 §8.4.2 has it. */
static bool is_disk(const struct guest_image *image, const Elf64_Ehdr *head)
{
	uint8_t boot[2] = { 0 }, iso[5] = { 0 };

	if (memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 || memcmp(head->e_ident, "#!", 2) == 0)
		return false;
	return (pread(image->fd, boot, sizeof(boot), 510) == sizeof(boot) && boot[0] == 0x55 &&
		boot[1] == 0xaa) ||
	       (pread(image->fd, iso, sizeof(iso), 0x8001) == sizeof(iso) &&
		memcmp(iso, "CD001", sizeof(iso)) == 0);
}

int guest_image_open(const char *path, struct guest_image *out)
{
	Elf64_Ehdr elf;

	*out = (struct guest_image){ .path = path,
				     .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (out->fd < 0)
		return 0;
	if (pread(out->fd, &elf, sizeof(elf), 0) != sizeof(elf) || !kernel_file_is_one(&elf)) {
		bool disk = is_disk(out, &elf);

		close(out->fd);
		if (disk)
			message_print("%s: it is a disk for machines with firmware, such as "
				      "'qemu-system-x86_64 -cpu max'; for hull run, build it "
				      "without --target",
				      path);
		return disk ? -1 : 0;
	}
	return map(out) == 0 && use(out) == 0 ? 1 : -1;
}
