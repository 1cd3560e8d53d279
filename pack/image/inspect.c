/* SPDX-License-Identifier: BSD-2-Clause */
/* An image's account (inspect.h). */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/hull/launch.h"
#include "lib/launch_record.h"
#include "pack/fs/erofs_read.h"
#include "pack/image/image_hash.h"
#include "pack/image/inspect.h"
#include "pack/own_files.h"
#include "pack/image/sign.h"
#include "scan/scan.h"

/* A string that may be anything: bytes that are no UTF-8 become "\xNN". */
static json_t *text(const char *string, size_t len)
{
	json_t *json = json_stringn(string, len);
	char escaped[4 * 256 + 1];
	size_t at = 0;

	if (json)
		return json;
	for (size_t i = 0; i < len && at + 5 < sizeof(escaped); i++) {
		unsigned char c = (unsigned char)string[i];

		if (c < 0x80)
			escaped[at++] = (char)c;
		else
			at += (size_t)snprintf(escaped + at, 5, "\\x%02x", c);
	}
	return json_stringn(escaped, at);
}

static json_t *string(const char *value)
{
	return value ? text(value, strlen(value)) : json_null();
}

static json_t *hex(const uint8_t *bytes, size_t len)
{
	char out[2 * 64 + 1];

	for (size_t i = 0; i < len && i < 64; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return json_stringn(out, 2 * (len < 64 ? len : 64));
}

static json_t *sha256(const void *bytes, size_t len)
{
	uint8_t digest[32] = { 0 };

	EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL);
	return hex(digest, sizeof(digest));
}

/* ---- the file ---- */

static uint64_t find_signature(const struct inspection *in)
{
	uint64_t len;
	const uint8_t *section = image_file_section(&in->image, IMAGE_SIGNATURE, &len);

	return section && len >= sizeof(struct image_signature) ? (uint64_t)(section - in->elf) : 0;
}

static int open_disk(struct inspection *in, struct failure *failure)
{
	struct disk_bytes image = { NULL, 0 };
	struct failure why;

	if (disk_read(in->bytes, in->len, &image, &in->disk, &why))
		return failure_set(failure, "%s: %s", in->path, why.text);
	in->kind = in->disk.options.form == DISK_FORM_ISO ? "iso" : "disk";
	in->elf = image.at;
	in->elf_len = image.len;
	return 0;
}

int inspect_open(struct inspection *in, const char *path, const char *name, struct failure *failure)
{
	*in = (struct inspection){ .path = name ? name : path, .kind = "elf" };
	if (own_files_map(path, &in->bytes, &in->len, failure))
		return -1;
	in->elf = in->bytes;
	in->elf_len = in->len;
	if (disk_is_one(in->bytes, in->len) && open_disk(in, failure))
		return -1;
	if (image_file_read(&in->image, in->path, in->elf, in->elf_len, failure) ||
	    image_file_check(&in->image, in->path, failure) ||
	    image_hash_check(&in->image, in->path, failure))
		return -1;
	in->signature_at = find_signature(in);
	return 0;
}

int inspect_verify(const struct inspection *in, const char *public_key_path,
		   struct failure *failure)
{
	struct failure why;

	if (!in->signature_at)
		return failure_set(failure, "%s: it is not signed; build it with --sign KEY",
				   in->path);
	if (sign_verify(in->elf, in->elf_len, in->signature_at, public_key_path, &why) ||
	    (in->elf != in->bytes && disk_verify(in->bytes, in->len, &why)))
		return failure_set(failure, "%s: %s", in->path, why.text);
	return 0;
}

/* ---- the launch record ---- */

static json_t *strings_of(const struct launch_record *record, uint32_t kind)
{
	json_t *list = json_array();
	const char *item;
	size_t at = 0;

	while ((item = launch_record_string(record, kind, &at)) != NULL)
		json_array_append_new(list, string(item));
	return list;
}

static json_t *mounts_of(const struct launch_record *record)
{
	static const char *const types[] = { "",      "virtiofs", "overlay", "tmpfs", "proc",
					     "sysfs", "devtmpfs", "cpio",    "erofs" };
	json_t *list = json_array();

	for (unsigned i = 0; i < record->nr_mounts; i++) {
		const struct launch_mount_entry *entry = &record->mounts[i];
		uint32_t type = entry->mount->type;

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:b}", "type",
					type < sizeof(types) / sizeof(types[0]) ? types[type] : "?",
					"at", string(entry->target), "read_only",
					entry->mount->flags & LAUNCH_MOUNT_RDONLY));
	}
	return list;
}

static json_t *record_json(const void *bytes, size_t len, const char *name, struct failure *failure)
{
	struct launch_record record = { .header = NULL };
	const char *why = "?";
	json_t *json;

	if (launch_record_read(&record, bytes, len, &why) != 0) {
		failure_set(failure, "%s: the launch record is wrong: %s", name, why);
		return NULL;
	}
	json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "program", string(record.program),
			 "args", strings_of(&record, LAUNCH_ARG), "env",
			 strings_of(&record, LAUNCH_ENV), "cwd", string(record.cwd), "hostname",
			 string(record.hostname), "nameservers",
			 strings_of(&record, LAUNCH_NAMESERVER), "mounts", mounts_of(&record));
	if (record.cred)
		json_object_set_new(json, "user",
				    json_pack("{s:I, s:I}", "uid", (json_int_t)record.cred->uid,
					      "gid", (json_int_t)record.cred->gid));
	return json;
}

/* ---- kernel, root, the rest ---- */

static json_t *kernel_json(const struct inspection *in)
{
	const struct kernel_file *kernel = &in->image.kernel;
	json_t *json = json_pack("{s:I, s:b, s:o}", "bytes", (json_int_t)kernel->end, "minimal",
				 kernel->calls != NULL, "sha256", sha256(in->elf, kernel->end));
	json_t *parts, *calls;

	if (!kernel->calls)
		return json;
	calls = json_array();
	for (size_t i = 0; i + 2 <= kernel->calls_len; i += 2) {
		unsigned number = kernel->calls[i] | (unsigned)kernel->calls[i + 1] << 8;
		const char *name = scan_call_name(number);

		json_array_append_new(calls, name ? json_string(name) : json_integer(number));
	}
	json_object_set_new(json, "calls", calls);
	parts = json_array();
	for (size_t at = 0; at < kernel->parts_len; at += strlen(kernel->parts + at) + 1)
		json_array_append_new(parts, string(kernel->parts + at));
	json_object_set_new(json, "parts", parts);
	return json;
}

static json_t *file_json(const struct erofs_entry *entry)
{
	char mode[8];
	json_t *json;

	snprintf(mode, sizeof(mode), "%o", entry->mode);
	json = json_pack("{s:o, s:s, s:I, s:I, s:I}", "path", string(entry->path), "mode", mode,
			 "uid", (json_int_t)entry->uid, "gid", (json_int_t)entry->gid, "bytes",
			 (json_int_t)entry->size_bytes);
	if (entry->target)
		json_object_set_new(json, "target", string(entry->target));
	return json;
}

static json_t *root_json(const struct inspection *in, struct arena *arena, bool with_files,
			 struct failure *failure)
{
	uint64_t len;
	const void *bytes = image_file_section(&in->image, IMAGE_ROOT, &len);
	struct erofs_list list;
	json_int_t file_bytes = 0;
	json_t *json, *files;

	if (!bytes)
		return json_null();
	if (erofs_read(&list, arena, bytes, len, failure))
		return NULL;
	files = json_array();
	for (size_t i = 0; i < list.nr; i++) {
		if (S_ISREG(list.entries[i].mode))
			file_bytes += (json_int_t)list.entries[i].size_bytes;
		if (with_files)
			json_array_append_new(files, file_json(&list.entries[i]));
	}
	json = json_pack("{s:s, s:I, s:I, s:I}", "format", "erofs", "bytes", (json_int_t)len,
			 "entries", (json_int_t)list.nr, "file_bytes", file_bytes);
	if (with_files)
		json_object_set_new(json, "files", files);
	else
		json_decref(files);
	return json;
}

static json_t *sections_json(const struct inspection *in)
{
	static const char *const names[] = { "?",     "launch",    "root", "facts",
					     "calls", "signature", "run" };
	json_t *list = json_array();

	for (unsigned i = 0; i < in->image.header.nr_sections; i++) {
		const struct image_section *section = &in->image.sections[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:I, s:o}", "kind",
				  section->kind < sizeof(names) / sizeof(names[0])
					  ? names[section->kind]
					  : "?",
				  "offset", (json_int_t)(in->image.payload_at + section->offset),
				  "bytes", (json_int_t)section->size_bytes, "sha256",
				  hex(section->sha256, sizeof(section->sha256))));
	}
	return list;
}

static json_t *disk_json(const struct inspection *in)
{
	static const char *const compressions[] = { "lz4", "lzma", "none" };

	if (in->elf == in->bytes)
		return json_null();
	return json_pack("{s:b, s:b, s:s, s:I, s:I, s:I, s:I}", "bios", in->disk.options.by_bios,
			 "uefi", in->disk.options.by_uefi, "compression",
			 compressions[in->disk.options.compression % 3], "package_bytes",
			 (json_int_t)in->disk.package_bytes, "image_bytes", (json_int_t)in->elf_len,
			 "bios_loader_bytes", (json_int_t)in->disk.bios_loader_bytes,
			 "uefi_loader_bytes", (json_int_t)in->disk.uefi_loader_bytes);
}

static json_t *signature_json(const struct inspection *in)
{
	struct image_signature signature;

	if (!in->signature_at)
		return json_null();
	memcpy(&signature, in->elf + in->signature_at, sizeof(signature));
	return json_pack("{s:s, s:o}", "algorithm",
			 signature.algorithm == IMAGE_ED25519 ? "ed25519" : "?", "public_key",
			 hex(signature.public_key, sizeof(signature.public_key)));
}

/* Facts are JSON that the build wrote, and options text. */
static void add_said(json_t *json, const struct inspection *in)
{
	uint64_t len;
	const char *bytes = image_file_section(&in->image, IMAGE_FACTS, &len);
	json_t *facts = bytes ? json_loadb(bytes, len, 0, NULL) : NULL;

	json_object_set_new(json, "built", facts ? facts : json_null());
	bytes = image_file_section(&in->image, IMAGE_RUN, &len);
	json_object_set_new(json, "run", bytes ? text(bytes, len) : json_null());
}

json_t *inspect_json(const struct inspection *in, struct arena *arena, bool with_files,
		     struct failure *failure)
{
	const struct image_header *header = &in->image.header;
	uint64_t len;
	const void *record = image_file_section(&in->image, IMAGE_LAUNCH, &len);
	json_t *launch, *root, *json;

	if (!record) {
		failure_set(failure, "%s: there is no launch record in it", in->path);
		return NULL;
	}
	launch = record_json(record, len, in->path, failure);
	root = launch ? root_json(in, arena, with_files, failure) : NULL;
	if (!root) {
		json_decref(launch);
		return NULL;
	}
	json = json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", in->kind, "bytes",
			 (json_int_t)in->len, "sha256", sha256(in->bytes, in->len), "kernel",
			 kernel_json(in), "launch", launch, "root", root, "sections",
			 sections_json(in), "signature", signature_json(in));
	json_object_set_new(json, "disk", disk_json(in));
	json_object_set_new(json, "memory_bytes", json_integer((json_int_t)header->memory_bytes));
	json_object_set_new(json, "cpus", json_integer(header->nr_cpus));
	json_object_set_new(json, "patched", json_boolean(header->flags & IMAGE_PATCHED));
	add_said(json, in);
	return json;
}
