/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer of a container image (OCI image-spec, layer.md): a tar, put over what the tree has. */
#pragma once
#include "pack/oci/oci_source.h"

/* `number` counts the layers from 1: an opaque whiteout hides what came with others. */
int oci_layer_add(struct tree *tree, struct oci_source *source, const struct content *layer,
		  unsigned number, struct failure *failure);
