/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an image is to be: filled from hull.yaml (yaml.h) and the command line, which goes before
 * it. All zero but what config_init sets is "nothing said". Strings live in the build's arena or
 * as long as the process.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "pack/arena.h"
#include "pack/failure.h"

enum pack_target { TARGET_ELF, TARGET_DISK, TARGET_ISO };
enum pack_firmware { FIRMWARE_BOTH, FIRMWARE_BIOS, FIRMWARE_UEFI };
enum pack_compression { COMPRESSION_LZ4, COMPRESSION_LZMA, COMPRESSION_NONE };
enum pack_format { FORMAT_EROFS, FORMAT_CPIO };

/* Where something was asked for, for messages: "hull.yaml:12:3: ", or "" on the command line. */
struct place {
	const char *file; /* NULL: the command line */
	unsigned line, column;
};

/* Files of the host that go into the image. */
struct file_rule {
	const char *from;       /* a glob */
	const char *to;         /* NULL: the same path; ending in '/': into that folder */
	const char *mode;       /* NULL: the file's own; octal */
	const char *owner;      /* NULL: 0:0; "UID:GID" */
	struct strings exclude; /* globs, of names or of whole paths */
	struct place place;
};

struct static_network {
	uint8_t family, prefix_bits;
	bool has_gateway;
	uint8_t address[16], gateway[16];
};

struct config {
	const char *program; /* NULL: the container image's own */
	struct place program_place;
	struct strings args, env; /* without argv[0]; NAME=VALUE */
	bool has_args;
	const char *cwd, *user, *hostname; /* NULL: the defaults */
	struct place user_place;

	struct file_rule *files;
	size_t nr_files, files_capacity;
	struct strings exclude, presets, libraries;
	struct place presets_place;
	const char *library_path;
	const char *oci; /* a tar or a folder; NULL: no container image */
	struct place oci_place;
	bool no_etc, read_only;

	bool no_network;
	struct static_network addresses[8];
	unsigned nr_addresses;
	struct strings nameservers, publish, volumes;

	uint64_t memory_bytes;
	unsigned nr_cpus;

	enum pack_target target;
	enum pack_firmware firmware;
	enum pack_format format;
	enum pack_compression compression;
	const char *output;
	const char *kernel; /* a file; NULL: hull's own */
	bool minimal, verify, no_patch;
	struct strings calls, parts;
	bool has_calls;
	const char *verify_command; /* arguments for the program */
	unsigned verify_seconds;    /* how long it may take; 0: the default */
	const char *sign;           /* a PEM file with an ed25519 private key; NULL: unsigned */
	int64_t time;           /* of every file that says nothing else: SOURCE_DATE_EPOCH, or 0 */
	const char *wrong_time; /* what SOURCE_DATE_EPOCH is instead of a number; NULL: well */
};

void config_init(struct config *config);

/* Values as they are written in both places. 0, or -1 and what is right instead. */
int config_set_memory(struct config *config, const char *text, struct failure *failure);
int config_set_cpus(struct config *config, const char *text, struct failure *failure);
int config_set_verify_seconds(struct config *config, const char *text, struct failure *failure);
/* "elf", "disk", "iso" */
int config_set_target(struct config *config, const char *text, struct failure *failure);
int config_set_firmware(struct config *config, const char *text, struct failure *failure);
/* Of a disk or ISO. */
int config_set_compression(struct config *config, const char *text, struct failure *failure);
int config_set_format(struct config *config, const char *text, struct failure *failure);
/* ADDRESS/BITS[,GATEWAY] */
int config_add_address(struct config *config, const char *text, struct failure *failure);
int config_add_nameserver(struct config *config, struct arena *arena, const char *text,
			  struct failure *failure);
/* [ADDR:]HOST:GUEST[/udp] */
int config_add_publish(struct config *config, struct arena *arena, const char *text,
		       struct failure *failure);
/* HOST:GUEST[:ro] */
int config_add_volume(struct config *config, struct arena *arena, const char *text,
		      struct failure *failure);
int config_add_env(struct config *config, struct arena *arena, const char *text,
		   struct failure *failure);
struct file_rule *config_add_file(struct config *config, struct arena *arena);
/* FROM[:TO]; a colon of the name is written "\:" */
void config_split_file(struct file_rule *rule, struct arena *arena, const char *text);

/* "FILE:LINE:COLUMN: " for a message, or "". */
const char *place_text(struct arena *arena, const struct place *place);
