/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads inodes of both sizes, and where the bytes of two layouts are (erofs_image.h). */
#include <string.h>

#include "pack/fs/erofs_image.h"

bool erofs_image_open(struct erofs_image *image, const void *bytes, size_t len)
{
	*image = (struct erofs_image){ .bytes = bytes, .len = len };
	if (len < EROFS_SUPER_OFFSET + sizeof(image->super))
		return false;
	memcpy(&image->super, image->bytes + EROFS_SUPER_OFFSET, sizeof(image->super));
	return image->super.magic == EROFS_MAGIC && image->super.block_bits >= 9 &&
	       image->super.block_bits <= 12;
}

bool erofs_image_inode(const struct erofs_image *image, uint64_t nid, struct erofs_inode *out)
{
	uint64_t base = (uint64_t)image->super.meta_block << image->super.block_bits;
	uint64_t at = base + (nid << EROFS_NID_BITS), xattrs;
	struct erofs_inode_extended wide = { .format = 0 };
	struct erofs_inode_compact compact;

	if (nid > image->len >> EROFS_NID_BITS || at > image->len ||
	    image->len - at < sizeof(compact))
		return false;
	memcpy(&compact, image->bytes + at, sizeof(compact));
	if (compact.format & 1) {
		if (image->len - at < sizeof(wide))
			return false;
		memcpy(&wide, image->bytes + at, sizeof(wide));
	} else {
		wide.mode = compact.mode;
		wide.size = compact.size;
		wide.data = compact.data;
		wide.uid = compact.uid;
		wide.gid = compact.gid;
	}
	xattrs = compact.xattr_count ? 12 + 4 * (compact.xattr_count - 1u) : 0;
	*out = (struct erofs_inode){
		.mode = wide.mode,
		.uid = wide.uid,
		.gid = wide.gid,
		.layout = compact.format >> 1 & 7,
		.first_block = wide.data,
		.size = wide.size,
		.tail_at = at + (compact.format & 1 ? sizeof(wide) : sizeof(compact)) + xattrs,
	};
	return true;
}

const uint8_t *erofs_image_bytes(const struct erofs_image *image, const struct erofs_inode *inode,
				 uint64_t offset, size_t len)
{
	uint64_t block = 1ull << image->super.block_bits, at;

	if (inode->layout == EROFS_FLAT_INLINE && offset / block == inode->size / block)
		at = inode->tail_at;
	else if (inode->layout == EROFS_FLAT_INLINE || inode->layout == EROFS_FLAT_PLAIN)
		at = ((uint64_t)inode->first_block << image->super.block_bits) + offset;
	else
		return NULL;
	return at <= image->len && len <= image->len - at ? image->bytes + at : NULL;
}
