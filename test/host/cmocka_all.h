/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka wants these four before itself. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
