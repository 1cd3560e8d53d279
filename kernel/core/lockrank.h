/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The total order of locks: one is taken only while locks of lower rank are held.
 *
 * Mutexes (outermost first)
 *	superblock.rename_lock	two directories of one file system change together
 *	inode.lock		parents before children; two directories by address
 *	vmspace.lock		held across page fills, so no pager may take inode.lock
 *	file.pos_lock		is taken before inode.lock and never with vmspace.lock held
 *
 * Spinlocks (outermost first)
 *	process and task locks of linux/, sighand
 *	waitq.lock		callbacks of poll entries run under it
 *	object.lock, dcache lock, superblock.lock
 *	runqueue.lock, cpu.timer_lock
 *	page and kmem locks	innermost but for the log's
 *	log lock
 */
#pragma once
