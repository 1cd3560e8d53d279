/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts a recorded program: makes the recorder, lets it attach to this process, and execs.
 *
 *	this process                     recorder
 *	make it  ----------------------> its session, its streams
 *	allow it to trace  <------------ its process id
 *	say so  -----------------------> PTRACE_SEIZE
 *	execvp  <----------------------- how that went
 *
 * The recorder is the child of a child that ends at once, so that the program does not find a
 * child that it has not made; that child sends no SIGCHLD, for one that is blocked would outlive
 * the exec.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/image/scan/recorder.h"

#define LINK_FD 3 /* the recorder's end of the pair */

/*
 * The recorder must not hold open what is the program's. It keeps the error stream, for a message,
 * until its first report.
 */
static void leave_descriptors(int out_fd, int link_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int link_copy = fcntl(link_fd, F_DUPFD_CLOEXEC, LINK_FD + 2);
	int out_copy = fcntl(out_fd, F_DUPFD_CLOEXEC, LINK_FD + 2);

	if (null_fd < 0 || link_copy < 0 || out_copy < 0)
		_exit(EXIT_HULL);
	dup2(null_fd, STDIN_FILENO);
	dup2(out_copy, STDOUT_FILENO);
	dup2(link_copy, LINK_FD);
	close_range(LINK_FD + 1, ~0U, 0);
}

static void be_recorder(const struct recorder *recorder, int out_fd, int link_fd)
{
	pid_t self = getpid();
	int err;
	char go;

	setsid(); /* no signal of the terminal's, no job control */
	if (chdir("/") < 0)
		_exit(EXIT_HULL);
	leave_descriptors(out_fd, link_fd);
	if (write(LINK_FD, &self, sizeof(self)) != sizeof(self) || read(LINK_FD, &go, 1) != 1)
		_exit(EXIT_HULL);
	err = recorder_attach(recorder);
	if (write(LINK_FD, &err, sizeof(err)) != sizeof(err) || err)
		_exit(EXIT_HULL);
	close(LINK_FD);
	recorder_run(recorder);
	_exit(0);
}

/* Makes the recorder; *link is this process's end of the pair. 0 or an errno. */
static int start_recorder(const struct recorder *recorder, int out_fd, int *link)
{
	int ends[2], status;
	pid_t between;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return errno;
	between = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);
	if (between < 0)
		return errno;
	if (between == 0) {
		pid_t child = fork();

		if (child == 0)
			be_recorder(recorder, out_fd, ends[1]);
		_exit(child < 0 ? errno : 0);
	}
	close(ends[1]);
	*link = ends[0];
	while (waitpid(between, &status, __WALL) < 0) {
		if (errno != EINTR)
			return errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

/* Lets the recorder attach. 0 or an errno. */
static int await_recorder(int link)
{
	int err = 0;
	pid_t pid;

	if (read(link, &pid, sizeof(pid)) != sizeof(pid))
		return ECHILD;
	prctl(PR_SET_PTRACER, (unsigned long)pid); /* EINVAL: nothing is restricted (Yama) */
	if (write(link, "", 1) != 1 || read(link, &err, sizeof(err)) != sizeof(err))
		return ECHILD;
	return err;
}

static int open_output(const char *path, int *fd)
{
	*fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDERR_FILENO;
	if (*fd >= 0)
		return 0;
	message_print("%s: %s: the trace cannot be written there", path, strerror(errno));
	return EXIT_HULL;
}

static int explain_attach(int err)
{
	if (err == EPERM)
		message_print(
			"this process may not be traced: a tracer is there already, or the "
			"host forbids ptrace (kernel.yama.ptrace_scope, a container's seccomp)");
	else
		message_print("the recorder of --trace cannot be started: %s", strerror(err));
	return EXIT_HULL;
}

int trace_exec(const struct trace_options *options, char *const *command)
{
	struct recorder recorder = { .options = options, .command = command, .leader = getpid() };
	int out_fd, link, err = open_output(options->output, &out_fd);

	if (err)
		return err;
	err = start_recorder(&recorder, out_fd, &link);
	if (!err)
		err = await_recorder(link);
	if (err)
		return explain_attach(err);
	execvp(command[0], command);
	err = errno;
	message_print("%s: %s", command[0],
		      err == ENOENT && !strchr(command[0], '/') ? "not found in PATH"
								: strerror(err));
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
