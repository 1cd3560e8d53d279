/* SPDX-License-Identifier: BSD-2-Clause */
/* A build on its way, for the files that do its steps. */
#pragma once
#include "pack/tree/host_files.h"
#include "pack/image/image_write.h"
#include "pack/own_files.h"
#include "pack/pack.h"
#include "pack/tree/program.h"

struct build {
	struct config *config;
	struct arena *arena;
	struct pack_report *report;
	struct tree tree;
	struct host_files files;
	struct program program;
	struct launch launch;
	struct erofs_plan root;
	struct image_parts image;
};
