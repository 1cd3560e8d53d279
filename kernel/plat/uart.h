/* SPDX-License-Identifier: BSD-2-Clause */
/* The first serial port of a PC: uart.c. */
#pragma once
#include "lib/types.h"

/*
 * Bytes out at once, by polling, with a carriage return before each newline; works from the first
 * instruction on and takes no lock: the log's and a panic's. Nothing happens where there is no
 * UART.
 */
void uart_write(const char *text, size_t len);
