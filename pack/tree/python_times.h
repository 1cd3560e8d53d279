/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python believes a compiled module (__pycache__/NAME.cpython-311.pyc) only if the time that is
 * noted in it is its source's (PEP 3147, importlib's _validate_timestamp_pyc): with all files of
 * one time it would compile its library again at each start. So a source whose compiled module is
 * right on the host keeps the time that the module notes. That is a fact of the files' contents,
 * not of this host.
 */
#pragma once
#include "pack/tree/tree.h"

void python_times_keep(struct tree *tree);
