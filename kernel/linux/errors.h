/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and texts of (positive) error numbers. */
#pragma once

const char *error_name(int err); /* "ENOENT" */
const char *error_text(int err); /* "No such file or directory" */
