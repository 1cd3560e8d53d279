/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks as a whole: made, read back, and made again to compare. */
#include "pack/disk/disk.h"

#include <stdlib.h>
#include <string.h>

#include "abi/disk/mbr.h"
#include "abi/hull/disk.h"
#include "lib/xxh32.h"
#include "pack/disk/layout.h"
#include "pack/disk/loaders.h"
#include "pack/disk/package.h"

/* The package, or with UEFI the partition around the application around the
 * package. */
static int make_content(struct content *content, struct disk_bytes *package,
			struct failure *failure)
{
	struct disk_bytes application = { 0 };
	uint32_t in_application;
	uint64_t file;
	int err;

	content->package_bytes = (uint32_t)package->len;
	content->id = xxh32(package->at, package->len);
	if (!content->options->by_uefi) {
		content->bytes = *package;
		package->at = NULL;
		return 0;
	}
	err = loader_uefi_make(package, &application, &in_application, failure);
	if (err == 0)
		err = fat_make(&application, content->id, &file, &content->bytes, failure);
	if (err == 0)
		content->package = file + in_application;
	free(application.at);
	return err;
}

int disk_make(const void *image, size_t len, const struct disk_options *options,
	      struct disk_bytes *disk, struct failure *failure)
{
	struct content content = { .options = options };
	struct disk_bytes package = { 0 };
	int err;

	if (!options->by_bios && !options->by_uefi)
		return failure_set(failure, "a disk boots by BIOS, by UEFI, or by both");
	err = package_make(image, len, options->compression, &package, failure);
	if (err == 0)
		err = make_content(&content, &package, failure);
	if (err == 0 && options->form == DISK_FORM_ISO)
		err = iso_make(&content, disk, failure);
	else if (err == 0)
		err = raw_make(&content, disk, failure);
	free(content.bytes.at);
	free(package.at);
	return err;
}

static bool get_record(const void *bytes, size_t len, struct disk_record *record)
{
	if (len < DISK_SECTOR)
		return false;
	memcpy(record, (const uint8_t *)bytes + DISK_RECORD, sizeof(*record));
	return record->magic == DISK_RECORD_MAGIC &&
	       (record->flags & (DISK_HAS_BIOS | DISK_HAS_UEFI)) != 0;
}

bool disk_is_one(const void *bytes, size_t len)
{
	struct disk_record record;

	return get_record(bytes, len, &record);
}

static void find_facts(struct disk_facts *facts, const struct disk_record *record,
		       const struct disk_bytes *package, size_t disk_bytes)
{
	*facts = (struct disk_facts){
      .options =
          {
              .form =
                  record->flags & DISK_IS_ISO ? DISK_FORM_ISO : DISK_FORM_RAW,
              .by_bios = record->flags & DISK_HAS_BIOS,
              .by_uefi = record->flags & DISK_HAS_UEFI,
              .compression = package_compression(package->at),
          },
      .disk_bytes = disk_bytes,
      .package_offset = record->package,
      .bios_loader_bytes =
          record->flags & DISK_HAS_BIOS ? record->loader_bytes : 0,
      .uefi_loader_bytes =
          record->flags & DISK_HAS_UEFI ? loader_uefi_bytes() : 0,
      .package_bytes = record->package_bytes,
      .image_bytes = ((const struct package_header *)package->at)->image_bytes,
  };
}

int disk_read(const void *disk, size_t len, struct disk_bytes *image, struct disk_facts *facts,
	      struct failure *failure)
{
	struct disk_bytes package, made = { 0 };
	struct disk_record record;
	int err;

	if (!get_record(disk, len, &record))
		return failure_set(failure, "this is no disk of hull's");
	if (record.package > len || record.package_bytes > len - record.package)
		return failure_set(failure,
				   "the disk is cut short: its image ends at byte %llu of %zu",
				   (unsigned long long)record.package + record.package_bytes, len);
	/* In memory of its own: aligned. */
	package.len = record.package_bytes;
	package.at = malloc(package.len + 1);
	if (!package.at)
		return failure_set(failure, "too little memory to read the disk");
	memcpy(package.at, (const uint8_t *)disk + record.package, package.len);
	err = package_open(package.at, package.len, &made, failure);
	if (err == 0 && facts)
		find_facts(facts, &record, &package, len);
	free(package.at);
	if (err == 0 && image)
		*image = made;
	else
		free(made.at);
	return err;
}

static int compare(const uint8_t *disk, size_t len, const struct disk_bytes *made,
		   struct failure *failure)
{
	for (size_t i = 0; i < len && i < made->len; i++)
		if (disk[i] != made->at[i])
			return failure_set(failure,
					   "byte %zu of the disk is not what this version of hull "
					   "makes of its image: the disk was changed, or made by "
					   "another version",
					   i);
	if (len != made->len)
		return failure_set(failure,
				   "the disk has %zu bytes, and what this version of hull makes of "
				   "its image has %zu",
				   len, made->len);
	return 0;
}

int disk_verify(const void *disk, size_t len, struct failure *failure)
{
	struct disk_bytes image, made;
	struct disk_facts facts;
	int err = disk_read(disk, len, &image, &facts, failure);

	if (err != 0)
		return err;
	err = disk_make(image.at, image.len, &facts.options, &made, failure);
	free(image.at);
	if (err != 0)
		return err;
	err = compare(disk, len, &made, failure);
	free(made.at);
	return err;
}
