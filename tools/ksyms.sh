#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's symbol table for backtraces, as assembly, from a linked kernel:
#	tools/ksyms.sh KERNEL.elf > ksyms.S
# The arrays are those of kernel/core/symbols.c: functions only, ascending by address. Text addresses do
# not move between the two links, because the table goes into the read-only data behind the text.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 KERNEL.elf" >&2; exit 2; }
base=ffffffff80000000
nm -n "$1" | awk -v base="$base" '
	# The addresses are above 2^53: cut the constant upper half off as text.
	length($1) == 16 && substr($1, 1, 8) == "ffffffff" && $2 ~ /^[tT]$/ {
		low = substr($1, 9)
		if (low == last)
			next
		last = low
		n++
		offset[n] = "0x" low " - 0x" substr(base, 9)
		name[n] = $3
	}
	END {
		print "\t.section .rodata.ksyms, \"a\""
		print "\t.globl symbol_count, symbol_offsets, symbol_names, symbol_text"
		print "\t.balign 4\nsymbol_count:\n\t.long " n
		print "symbol_offsets:"
		for (i = 1; i <= n; i++)
			print "\t.long " offset[i]
		print "symbol_names:"
		at = 0
		for (i = 1; i <= n; i++) {
			print "\t.long " at
			at += length(name[i]) + 1
		}
		print "symbol_text:"
		for (i = 1; i <= n; i++)
			print "\t.asciz \"" name[i] "\""
		print "\t.section .note.GNU-stack, \"\", @progbits"
	}'
