# SPDX-License-Identifier: BSD-2-Clause
# Code that is not on the way of data is compiled for size. bench/run tells whether a file belongs here.
COLD := kernel/boot/% kernel/plat/% kernel/core/panic.c kernel/core/init.c kernel/core/smp/secondary.c \
	kernel/core/smp/one_cpu.c kernel/core/platform.c kernel/core/without.c kernel/core/symbols.c \
	kernel/lib/fmt.c kernel/lib/cpio.c kernel/lib/launch_record.c kernel/lib/chacha.c \
	kernel/mm/alloc/early.c kernel/mm/advise.c kernel/mm/locked.c kernel/mm/policy.c kernel/mm/remap.c \
	kernel/mm/sync.c kernel/mm/alloc/fail.c kernel/arch/x86_64/backtrace.c kernel/arch/x86_64/cpu.c \
	kernel/arch/x86_64/descriptors.c \
	kernel/fs/proc/% kernel/fs/tty/% kernel/fs/erofs/erofs.c kernel/fs/erofs/erofs_xattr.c \
	kernel/fs/tmpfs/archive.c kernel/fs/tmpfs/memxattr.c kernel/fs/tmpfs/tmpfs_mount.c \
	kernel/fs/tmpfs/devtmpfs.c kernel/fs/tmpfs/chrdev_mem.c kernel/fs/mount.c kernel/fs/attr.c \
	kernel/fs/rename.c kernel/fs/overlay/overlay.c kernel/fs/fuse/fuse_xattr.c kernel/fs/view.c \
	kernel/net/netlink/% kernel/net/ioctl/% kernel/net/dhcp/% kernel/net/packet/% \
	kernel/net/ip/group/% kernel/net/ip/ndp.c kernel/net/ip/icmp.c kernel/net/ip/icmp6.c \
	kernel/net/ip/address.c kernel/net/ip/router.c kernel/net/ip/fragment.c kernel/net/ip/problem.c \
	kernel/net/ip/advice.c kernel/net/ip/device.c kernel/net/inet/option%.c kernel/net/inet/group%.c \
	kernel/net/inet/report.c kernel/net/inet/error.c kernel/net/inet/datagram/ping.c \
	kernel/net/inet/datagram/raw%.c kernel/net/inet/tcp/option.c kernel/net/socket/options.c \
	kernel/net/unix/name.c kernel/net/unix/garbage.c kernel/net/unix/rights.c \
	kernel/net/link/neighbour_table.c kernel/net/link/arp.c kernel/net/address_text.c \
	kernel/net/device_flags.c kernel/net/tcp/error.c kernel/net/tcp/rest.c \
	kernel/net/tcp/handshake/fastopen.c \
	kernel/linux/errors.c kernel/linux/memory_lock.c kernel/linux/system.c kernel/linux/hooks.c \
	kernel/linux/event/inotify.c kernel/linux/event/signalfd.c kernel/linux/event/timerfd.c \
	kernel/linux/exec/launch%.c kernel/linux/exec/control.c kernel/linux/exec/exec_script.c \
	kernel/linux/exec/port_out.c kernel/linux/file/attr.c kernel/linux/file/locks.c kernel/linux/file/name.c \
	kernel/linux/file/owner.c kernel/linux/futex/futex_pi.c \
	kernel/linux/ipc/% kernel/linux/network/% kernel/linux/proc/% kernel/linux/sched/% \
	kernel/linux/signal/actions.c kernel/linux/signal/fault.c kernel/linux/signal/signal_calls.c \
	kernel/linux/socket/host.c kernel/linux/socket/options.c kernel/linux/socket/proc_%.c \
	kernel/linux/socket/sysctl%.c kernel/linux/strace/% $(addprefix kernel/linux/task/,cpu_limit.c credentials.c \
	identity.c job_control.c namespaces.c pidfd.c prctl.c rlimit.c seccomp.c user_counts.c) \
	kernel/linux/time/interval_timer.c kernel/linux/time/posix_timer.c kernel/linux/uring/register.c \
	kernel/linux/uring/files.c kernel/linux/uring/op_path.c
