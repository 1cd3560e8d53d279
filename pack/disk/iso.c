/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISO images: what firmware boots from a CD, and, by the first sector, from a stick too.
 *
 *	0	the first sector and the BIOS loader, as on a raw disk
 *	16	primary descriptor, boot record, terminator, boot catalog
 *	20	path table, in both orders; the root directory
 *	23	BIOS.BIN, the loader for a CD, with BIOS
 *	...	HULL.IMG, the EFI system partition or else the package: the last, for El Torito
 *		cannot say how long a large one is
 */
#include <stdlib.h>
#include <string.h>

#include "abi/disk/iso9660.h"
#include "lib/compiler.h"
#include "pack/disk/layout.h"
#include "pack/disk/loaders.h"

enum sector {
	SECTOR_PRIMARY = ISO_SYSTEM_SECTORS,
	SECTOR_BOOT,
	SECTOR_TERMINATOR,
	SECTOR_CATALOG,
	SECTOR_PATH_LITTLE,
	SECTOR_PATH_BIG,
	SECTOR_ROOT,
	SECTOR_FILES,
};

#define PATH_BYTES 10u /* the root alone */
#define SELF       "\0"
#define PARENT     "\1"

struct file {
	uint32_t sector, bytes;
};

struct iso {
	const struct content *content;
	uint8_t *bytes;
	uint32_t nr_sectors;
	struct file bios, hull; /* bios: 0 bytes where there is none */
};

static struct iso_both16 both16(uint16_t n)
{
	return (struct iso_both16){ n, __builtin_bswap16(n) };
}

static struct iso_both32 both32(uint32_t n)
{
	return (struct iso_both32){ n, __builtin_bswap32(n) };
}

static uint8_t *sector_at(const struct iso *iso, uint32_t sector)
{
	return iso->bytes + (size_t)sector * ISO_SECTOR;
}

static void put_text(char *to, size_t room, const char *text)
{
	memset(to, ' ', room);
	memcpy(to, text, min(strlen(text), room));
}

/* One time for all: 1980-01-01, as FAT's. */
static struct iso_record make_record(struct file file, bool is_directory, size_t name_bytes)
{
	struct iso_record record = {
		.bytes = (uint8_t)align_up(sizeof(record) + name_bytes, (size_t)2),
		.sector = both32(file.sector),
		.size_bytes = both32(file.bytes),
		.time = { 80, 1, 1 },
		.flags = is_directory ? ISO_FLAG_DIRECTORY : 0,
		.volume = both16(1),
		.name_bytes = (uint8_t)name_bytes,
	};

	return record;
}

static const struct file root = { SECTOR_ROOT, ISO_SECTOR };

static void put_primary(const struct iso *iso)
{
	struct iso_primary p = {
		.type = ISO_PRIMARY,
		.version = 1,
		.nr_sectors = both32(iso->nr_sectors),
		.set_size = both16(1),
		.sequence = both16(1),
		.sector_bytes = both16(ISO_SECTOR),
		.path_bytes = both32(PATH_BYTES),
		.path_little = SECTOR_PATH_LITTLE,
		.path_big = __builtin_bswap32(SECTOR_PATH_BIG),
		.root = make_record(root, true, 1),
		.structure_version = 1,
	};

	memcpy(p.identifier, "CD001", sizeof(p.identifier));
	put_text(p.system, sizeof(p.system), "");
	put_text(p.volume, sizeof(p.volume), "HULL");
	put_text(p.set, sizeof(p.set), "");
	put_text(p.publisher, sizeof(p.publisher), "");
	put_text(p.preparer, sizeof(p.preparer), "");
	put_text(p.application, sizeof(p.application), "HULL");
	put_text(p.copyright_file, sizeof(p.copyright_file), "");
	put_text(p.abstract_file, sizeof(p.abstract_file), "");
	put_text(p.bibliography_file, sizeof(p.bibliography_file), "");
	memcpy(p.created, "1980010100000000", sizeof(p.created));
	memcpy(p.modified, "1980010100000000", sizeof(p.modified));
	memcpy(p.expires, "0000000000000000", sizeof(p.expires));
	memcpy(p.effective, "0000000000000000", sizeof(p.effective));
	memcpy(sector_at(iso, SECTOR_PRIMARY), &p, sizeof(p));
}

static void put_other_descriptors(const struct iso *iso)
{
	struct iso_boot_record boot = { .type = ISO_BOOT, .version = 1, .catalog = SECTOR_CATALOG };
	uint8_t *terminator = sector_at(iso, SECTOR_TERMINATOR);

	memcpy(boot.identifier, "CD001", sizeof(boot.identifier));
	memcpy(boot.system, ISO_SYSTEM_EL_TORITO, sizeof(ISO_SYSTEM_EL_TORITO));
	memcpy(sector_at(iso, SECTOR_BOOT), &boot, sizeof(boot));
	memcpy(terminator, "\377CD001\1", 7);
}

/* The words of the validation entry have a sum of 0. */
static struct eltorito_validation make_validation(uint8_t platform)
{
	struct eltorito_validation v = { .header = 1, .platform = platform, .key = ELTORITO_KEY };
	uint16_t words[sizeof(v) / sizeof(uint16_t)];
	uint16_t sum = 0;

	memcpy(v.id, "Hull", 4);
	memcpy(words, &v, sizeof(v));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum = (uint16_t)(sum + words[i]);
	v.checksum = (uint16_t)(0 - sum);
	return v;
}

static struct eltorito_entry make_entry(struct file file)
{
	uint32_t nr = (file.bytes + ELTORITO_VIRTUAL_SECTOR - 1) / ELTORITO_VIRTUAL_SECTOR;

	return (struct eltorito_entry){
		.bootable = ELTORITO_BOOTABLE,
		.nr_sectors = nr > UINT16_MAX ? 0 : (uint16_t)nr,
		.sector = file.sector,
	};
}

/* The default entry is for a BIOS, where there is one; UEFI's then has a
 * section of its own. */
static void put_catalog(const struct iso *iso)
{
	const struct disk_options *o = iso->content->options;
	uint8_t *at = sector_at(iso, SECTOR_CATALOG);
	struct eltorito_validation validation = make_validation(o->by_bios ? ELTORITO_PLATFORM_X86
									   : ELTORITO_PLATFORM_EFI);
	struct eltorito_entry entry = make_entry(o->by_bios ? iso->bios : iso->hull);
	struct eltorito_section section = {
		.header = ELTORITO_LAST,
		.platform = ELTORITO_PLATFORM_EFI,
		.nr_entries = 1,
	};

	memcpy(at, &validation, sizeof(validation));
	at += sizeof(validation);
	memcpy(at, &entry, sizeof(entry));
	at += sizeof(entry);
	if (!o->by_bios || !o->by_uefi)
		return;
	entry = make_entry(iso->hull);
	memcpy(at, &section, sizeof(section));
	memcpy(at + sizeof(section), &entry, sizeof(entry));
}

static void put_path_tables(const struct iso *iso)
{
	struct iso_path path = { .name_bytes = 1, .sector = SECTOR_ROOT, .parent = 1 };

	memcpy(sector_at(iso, SECTOR_PATH_LITTLE), &path, PATH_BYTES);
	path.sector = __builtin_bswap32(path.sector);
	path.parent = __builtin_bswap16(path.parent);
	memcpy(sector_at(iso, SECTOR_PATH_BIG), &path, PATH_BYTES);
}

static uint8_t *put_record(uint8_t *at, struct file file, const char *name, size_t name_bytes)
{
	struct iso_record record = make_record(file, file.sector == SECTOR_ROOT, name_bytes);

	memcpy(at, &record, sizeof(record));
	memcpy(at + sizeof(record), name, name_bytes);
	return at + record.bytes;
}

/* In the order of their names. */
static void put_root(const struct iso *iso)
{
	static const char bios[] = "BIOS.BIN;1", hull[] = "HULL.IMG;1";
	uint8_t *at = sector_at(iso, SECTOR_ROOT);

	at = put_record(at, root, SELF, 1);
	at = put_record(at, root, PARENT, 1);
	if (iso->bios.bytes)
		at = put_record(at, iso->bios, bios, sizeof(bios) - 1);
	put_record(at, iso->hull, hull, sizeof(hull) - 1);
}

/* A BIOS has read all of it, and reads more in the CD's sectors. */
static void put_bios(const struct iso *iso)
{
	struct disk_record record;

	memcpy(&record, iso->bytes + DISK_RECORD, sizeof(record));
	record.sector_bytes = ISO_SECTOR;
	loader_bios_put(sector_at(iso, iso->bios.sector), record, true);
}

static uint32_t sectors(uint64_t bytes)
{
	return (uint32_t)((bytes + ISO_SECTOR - 1) / ISO_SECTOR);
}

int iso_make(struct content *content, struct disk_bytes *disk, struct failure *failure)
{
	struct iso iso = { .content = content };
	uint64_t at;

	iso.bios.sector = SECTOR_FILES;
	iso.bios.bytes = content->options->by_bios ? loader_bios_bytes() : 0;
	iso.hull.sector = SECTOR_FILES + sectors(iso.bios.bytes);
	iso.hull.bytes = (uint32_t)content->bytes.len;
	iso.nr_sectors = iso.hull.sector + sectors(content->bytes.len);
	disk->len = (size_t)iso.nr_sectors * ISO_SECTOR;
	disk->at = iso.bytes = calloc(1, disk->len);
	if (!disk->at)
		return failure_set(failure, "too little memory to make a disk of %zu bytes",
				   disk->len);
	at = (uint64_t)iso.hull.sector * ISO_SECTOR;
	if (content->options->by_uefi)
		fat_set_place(&content->bytes, (uint32_t)(at / ELTORITO_VIRTUAL_SECTOR));
	memcpy(disk->at + at, content->bytes.at, content->bytes.len);
	layout_put_start(disk->at, content, at);
	put_primary(&iso);
	put_other_descriptors(&iso);
	put_catalog(&iso);
	put_path_tables(&iso);
	put_root(&iso);
	if (iso.bios.bytes)
		put_bios(&iso);
	return 0;
}
