/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp(2) and capabilities(7), by hand: the filters are short lists, and writing the classic BPF
 * for them directly takes microseconds where a library takes milliseconds, a good part of what
 * `hull run` may take in all.
 *
 * A filter: the architecture must be x86-64 and not x32; then for each permitted call a comparison
 * and a return. Calls whose arguments matter have a block of their own: ioctl permits listed
 * requests, mmap and mprotect nothing executable, kill and tgkill this process only, socket
 * Internet families, openat (but the file server's) reading. The default is to kill.
 */
#define _GNU_SOURCE 1
#include "monitor/confine.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
#include "lib/compiler.h"

#define MAX_INSTRUCTIONS 400
#define X32_BIT          0x40000000u

struct program {
	struct sock_filter code[MAX_INSTRUCTIONS];
	unsigned short len;
};

/* Every thread: memory for malloc, sleeping and waking, time, what stdio asks, its own end. */
static const int calls_all[] = {
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_readv,
	SYS_close,
	SYS_futex,
	SYS_poll,
	SYS_ppoll,
	SYS_munmap,
	SYS_madvise,
	SYS_mremap,
	SYS_brk,
	SYS_exit,
	SYS_exit_group,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_sched_yield,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_getpid,
	SYS_gettid,
	SYS_getrandom,
	SYS_fstat,
	SYS_newfstatat,
	SYS_lseek,
};

static const int calls_streams[] = { SYS_preadv2, SYS_pwritev2 };

/* monitor/net/tap.c, frames.c */
static const int calls_frames[] = { SYS_sendmsg, SYS_recvmsg };

/* libslirp, whose sockets come and go with the guest's connections. */
static const int calls_sockets[] = {
	SYS_connect,    SYS_bind,       SYS_listen,      SYS_accept,      SYS_accept4,
	SYS_sendto,     SYS_recvfrom,   SYS_sendmsg,     SYS_recvmsg,     SYS_shutdown,
	SYS_setsockopt, SYS_getsockopt, SYS_getsockname, SYS_getpeername, SYS_fcntl,
};
static const uint32_t socket_families[] = { AF_INET, AF_INET6 };

/* fs.h has this list. */
static const int calls_files[] = {
	SYS_openat,          SYS_statx,     SYS_fstatfs,     SYS_preadv,     SYS_pwritev,
	SYS_pread64,         SYS_pwrite64,  SYS_getdents64,  SYS_ftruncate,  SYS_fallocate,
	SYS_copy_file_range, SYS_fsync,     SYS_fdatasync,   SYS_readlinkat, SYS_symlinkat,
	SYS_mknodat,         SYS_mkdirat,   SYS_unlinkat,    SYS_renameat2,  SYS_linkat,
	SYS_fchmodat,        SYS_fchownat,  SYS_utimensat,   SYS_fcntl,      SYS_getxattr,
	SYS_setxattr,        SYS_listxattr, SYS_removexattr, SYS_fchown,     SYS_renameat,
};

/* burial.c */
static const int calls_vcpu[] = { SYS_sendmsg };

static const unsigned long requests_terminal[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCGPGRP,
};
static const unsigned long requests_vcpu[] = {
	KVM_RUN, KVM_GET_REGS, KVM_GET_SREGS, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
};
static const unsigned long requests_secondary[] = {
	KVM_SET_SREGS,
	KVM_SET_REGS,
	KVM_SET_MSRS,
	KVM_SET_MP_STATE,
};
static const unsigned long requests_device[] = { KVM_SIGNAL_MSI };
static const unsigned long requests_frames[] = { TUNSETOFFLOAD, TUNSETQUEUE };
static const unsigned long requests_sockets[] = { FIONREAD, FIONBIO, TCGETS };

static const int caps_files[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID,
};

static void emit(struct program *p, struct sock_filter instruction)
{
	if (p->len < MAX_INSTRUCTIONS)
		p->code[p->len] = instruction;
	p->len++;
}

static void emit_load(struct program *p, size_t offset)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void emit_return(struct program *p, uint32_t action)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* If the loaded word is `value`, the next instruction runs, else the one after it. */
static void emit_if(struct program *p, uint32_t value)
{
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
}

static size_t argument(unsigned idx)
{
	return offsetof(struct seccomp_data, args) + 8 * idx;
}

static void emit_prologue(struct program *p)
{
	emit_load(p, offsetof(struct seccomp_data, arch));
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
	emit_load(p, offsetof(struct seccomp_data, nr));
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
}

static void emit_calls(struct program *p, const int *calls, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		emit_if(p, (uint32_t)calls[i]);
		emit_return(p, SECCOMP_RET_ALLOW);
	}
}

/* `nr_body` instructions follow that belong to this call and do not fall through. */
static void emit_block(struct program *p, int call, size_t nr_body)
{
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0,
					     (uint8_t)nr_body));
}

static void emit_not_executable(struct program *p, int call)
{
	emit_block(p, call, 4);
	emit_load(p, argument(2));
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
	emit_return(p, SECCOMP_RET_ALLOW);
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
}

static void emit_own_process(struct program *p, int call)
{
	emit_block(p, call, 4);
	emit_load(p, argument(0));
	emit_if(p, (uint32_t)getpid());
	emit_return(p, SECCOMP_RET_ALLOW);
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
}

/* Internet sockets only. */
static void emit_socket(struct program *p)
{
	emit_block(p, SYS_socket, 2 * ARRAY_SIZE(socket_families) + 2);
	emit_load(p, argument(0));
	for (size_t i = 0; i < ARRAY_SIZE(socket_families); i++) {
		emit_if(p, socket_families[i]);
		emit_return(p, SECCOMP_RET_ALLOW);
	}
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
}

/* Files are opened for reading, none is made. */
static void emit_read_only(struct program *p)
{
	emit_block(p, SYS_openat, 4);
	emit_load(p, argument(2));
	emit(p,
	     (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
					  O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_TMPFILE, 1, 0));
	emit_return(p, SECCOMP_RET_ALLOW);
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
}

static void emit_requests(struct program *p, const unsigned long *requests, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		emit_if(p, (uint32_t)requests[i]);
		emit_return(p, SECCOMP_RET_ALLOW);
	}
}

/* The request is an int to the kernel, so its low word decides. Last: the loaded word changes. */
static void emit_ioctl(struct program *p, enum confine_kind kind)
{
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0));
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
	emit_load(p, argument(1));
	emit_requests(p, requests_device, ARRAY_SIZE(requests_device));
	if (kind == CONFINE_VCPU || kind == CONFINE_SECONDARY)
		emit_requests(p, requests_vcpu, ARRAY_SIZE(requests_vcpu));
	if (kind == CONFINE_SECONDARY)
		emit_requests(p, requests_secondary, ARRAY_SIZE(requests_secondary));
	if (kind == CONFINE_VCPU || kind == CONFINE_STREAMS)
		emit_requests(p, requests_terminal, ARRAY_SIZE(requests_terminal));
	if (kind == CONFINE_FRAMES)
		emit_requests(p, requests_frames, ARRAY_SIZE(requests_frames));
	if (kind == CONFINE_SOCKETS)
		emit_requests(p, requests_sockets, ARRAY_SIZE(requests_sockets));
	emit_return(p, SECCOMP_RET_KILL_PROCESS);
}

static void write_program(struct program *p, enum confine_kind kind)
{
	emit_prologue(p);
	emit_calls(p, calls_all, ARRAY_SIZE(calls_all));
	if (kind == CONFINE_STREAMS)
		emit_calls(p, calls_streams, ARRAY_SIZE(calls_streams));
	if (kind == CONFINE_FILES)
		emit_calls(p, calls_files, ARRAY_SIZE(calls_files));
	if (kind == CONFINE_VCPU)
		emit_calls(p, calls_vcpu, ARRAY_SIZE(calls_vcpu));
	if (kind == CONFINE_FRAMES)
		emit_calls(p, calls_frames, ARRAY_SIZE(calls_frames));
	if (kind == CONFINE_SOCKETS) {
		emit_calls(p, calls_sockets, ARRAY_SIZE(calls_sockets));
		emit_socket(p);
		emit_read_only(p);
	}
	emit_not_executable(p, SYS_mmap);
	emit_not_executable(p, SYS_mprotect);
	emit_own_process(p, SYS_tgkill);
	if (kind == CONFINE_VCPU || kind == CONFINE_STREAMS)
		emit_own_process(p, SYS_kill);
	emit_ioctl(p, kind);
}

static int set_filter(enum confine_kind kind)
{
	struct program program = { .len = 0 };
	struct sock_fprog fprog = { .filter = program.code };

	write_program(&program, kind);
	if (program.len > MAX_INSTRUCTIONS)
		return -E2BIG;
	fprog.len = program.len;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &fprog) == 0
		       ? 0
		       : -errno;
}

/* Of the capabilities that the thread has, those in the list stay. */
static int drop_capabilities(enum confine_kind kind)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t keep = 0;

	if (syscall(SYS_capget, &head, data) != 0)
		return -errno;
	for (size_t i = 0; kind == CONFINE_FILES && i < ARRAY_SIZE(caps_files); i++)
		keep |= 1ull << caps_files[i];
	for (unsigned i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(keep >> (32 * i));
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) == 0 ? 0 : -errno;
}

int confine_thread(enum confine_kind kind)
{
	int error;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	error = drop_capabilities(kind);
	return error == 0 ? set_filter(kind) : error;
}
