/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EROFS on disk, Linux's read-only file system, as far as it is read and written here:
 * Documentation/filesystems/erofs.rst, what mkfs.erofs(1) writes and fsck.erofs(1) checks.
 * Little-endian.
 *
 *	byte 1024		struct erofs_super
 *	inode number n (nid)	at block meta_block, plus 32 * n bytes: a compact or an extended
 *				inode, extended attributes, and with EROFS_FLAT_INLINE the file's
 *				last, partial block
 *	whole blocks		where the inodes say, contiguous but for chunks and clusters
 *
 * A directory's data are blocks of their own: struct erofs_dirent for each entry, sorted by name
 * over all blocks ("." and ".." among them), then the names without terminators; the last name ends
 * at a NUL or with the block.
 */
#pragma once
#include <stdint.h>

#define EROFS_SUPER_OFFSET 1024u
#define EROFS_MAGIC        0xe0f5e1e2u
#define EROFS_NID_BITS     5 /* inode numbers count units of 32 bytes */
#define EROFS_NID_UNIT     (1u << EROFS_NID_BITS)

struct erofs_super {
	uint32_t magic;
	uint32_t checksum; /* CRC-32C from ~0, not inverted, to the block's end, this field as 0 */
	uint32_t feature_compat;
	uint8_t block_bits;
	uint8_t ext_slots; /* of 16 bytes, behind this structure */
	uint16_t root_nid;
	uint64_t inodes;
	uint64_t build_time;
	uint32_t build_time_nsec;
	uint32_t blocks;
	uint32_t meta_block, xattr_block;
	uint8_t uuid[16], volume_name[16];
	uint32_t feature_incompat;
	uint16_t compression; /* with COMPR_CFGS: a bit per algorithm, 0 is LZ4 */
	uint16_t extra_devices;
	uint16_t device_table;
	uint8_t reserved[38];
};
_Static_assert(sizeof(struct erofs_super) == 128, "the format's");

#define EROFS_COMPAT_CHECKSUM 0x1u
#define EROFS_COMPAT_MTIME    0x2u /* inodes hold mtime, not ctime */

#define EROFS_INCOMPAT_ZERO_PADDING 0x1u /* compressed bytes stand at their blocks' end */
#define EROFS_INCOMPAT_COMPR_CFGS   0x2u /* and clusters of several blocks */
#define EROFS_INCOMPAT_CHUNKED      0x4u

enum erofs_layout {
	EROFS_FLAT_PLAIN = 0,
	EROFS_COMPRESSED_FULL = 1,
	EROFS_FLAT_INLINE = 2, /* the last, partial block stands behind the inode */
	EROFS_COMPRESSED_COMPACT = 3,
	EROFS_CHUNKED = 4,
	EROFS_NR_LAYOUTS
};

#define EROFS_FORMAT_EXTENDED    1u
#define EROFS_FORMAT_LAYOUT(f)   ((f) >> 1 & 7u)
#define EROFS_FORMAT_KNOWN       0xfu
#define EROFS_CHUNK_BITS(format) ((format)&31u) /* beside the block's */
#define EROFS_CHUNK_INDEXES      0x20u
#define EROFS_CHUNK_FORMAT_KNOWN 0x3fu
#define EROFS_HOLE               0xffffffffu

struct erofs_inode_compact {
	uint16_t format, xattr_count, mode, nlink;
	uint32_t size;
	uint32_t reserved;
	uint32_t data; /* first block; a device's number; how chunks are; compressed blocks */
	uint32_t ino;
	uint16_t uid, gid;
	uint32_t reserved2;
};
_Static_assert(sizeof(struct erofs_inode_compact) == 32, "the format's");

struct erofs_inode_extended {
	uint16_t format, xattr_count, mode, reserved;
	uint64_t size;
	uint32_t data;
	uint32_t ino, uid, gid;
	uint64_t mtime;
	uint32_t mtime_nsec;
	uint32_t nlink;
	uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode_extended) == 64, "the format's");

/* Behind the inode if xattr_count is not 0: 12 bytes and (xattr_count - 1) * 4. */
struct erofs_xattr_header {
	uint32_t filter;
	uint8_t nr_shared;
	uint8_t reserved[7];
	uint32_t shared[]; /* in units of 4 bytes from xattr_block */
};

struct erofs_xattr_entry {
	uint8_t name_len, prefix; /* enum erofs_xattr_prefix: it is not in `name` */
	uint16_t value_bytes;
	char name[]; /* and the value; the next begins at a multiple of 4 */
};

enum erofs_xattr_prefix {
	EROFS_XATTR_USER = 1,        /* "user." */
	EROFS_XATTR_ACL_ACCESS = 2,  /* "system.posix_acl_access" */
	EROFS_XATTR_ACL_DEFAULT = 3, /* "system.posix_acl_default" */
	EROFS_XATTR_TRUSTED = 4,     /* "trusted." */
	EROFS_XATTR_SECURITY = 6,    /* "security." */
};

/* Sorted by name; the first one's name_offset says how many a block has. */
struct __attribute__((packed)) erofs_dirent {
	uint64_t nid;
	uint16_t name_offset; /* in the block */
	uint8_t type;         /* enum erofs_file_type */
	uint8_t reserved;
};
_Static_assert(sizeof(struct erofs_dirent) == 12, "the format's");

enum erofs_file_type { /* as Linux's FT_* */
		       EROFS_FT_UNKNOWN,
		       EROFS_FT_REG_FILE,
		       EROFS_FT_DIR,
		       EROFS_FT_CHRDEV,
		       EROFS_FT_BLKDEV,
		       EROFS_FT_FIFO,
		       EROFS_FT_SOCK,
		       EROFS_FT_SYMLINK,
		       EROFS_NR_FT
};

struct erofs_chunk_index {
	uint16_t advise, device;
	uint32_t block;
};

/* ---- compressed files: at a multiple of 8 behind inode and xattrs ---- */

struct erofs_map_header {
	uint16_t reserved, inline_bytes;
	uint16_t advise;
	uint8_t algorithms;   /* low half: of HEAD1, high half: of HEAD2; 0 is LZ4 */
	uint8_t cluster_bits; /* beside the block's */
};

#define EROFS_ADVISE_COMPACT_2B  0x1u
#define EROFS_ADVISE_BIG_CLUSTER 0x2u /* HEAD1's; 0x4 is HEAD2's, which only newer forms have */
#define EROFS_ADVISE_KNOWN       0x7u

enum erofs_cluster_type {
	EROFS_CLUSTER_PLAIN = 0,
	EROFS_CLUSTER_HEAD = 1,
	EROFS_CLUSTER_BODY = 2, /* no extent begins in it */
	EROFS_CLUSTER_HEAD2 = 3,
};

#define EROFS_DELTA_IS_COUNT 0x800u /* delta[0] is how many blocks the extent has */

/* Of layout 1: 8 bytes behind the map header. */
struct erofs_cluster_index {
	uint16_t advise; /* low two bits: enum erofs_cluster_type */
	uint16_t offset; /* where in the cluster the extent begins */
	union {
		uint32_t block;
		uint16_t delta[2]; /* BODY: clusters back to the head, on to the next */
	};
};
