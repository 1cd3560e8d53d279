/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A container image as an image's root: an OCI layout (OCI image-spec 1.0, image-layout.md) as a
 * folder or a tar, or what `docker save` writes. Of several platforms linux/amd64 is taken.
 * Layers are put into the tree one on the other, with their whiteouts (layer.md), owners, times
 * and extended attributes; blobs are checked by their digests. Of the configuration (config.md),
 * Entrypoint, Cmd, Env, User and WorkingDir count as far as nothing else was said.
 */
#pragma once
#include "pack/config/config.h"
#include "pack/tree/tree.h"

int oci_add(struct tree *tree, struct config *config, struct failure *failure);
/* PATH of the configuration's environment; NULL: it has none. */
const char *oci_search_path(const struct config *config);
