/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring_enter(2): operations on files and names, registered files and buffers. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "uring.h"

static struct ring r;

static void read_write(void)
{
	struct iovec v[2];
	char buf[32] = { 0 };
	int fd = open("file", O_RDWR | O_CREAT, 0644);

	ring_add_rw(&r, IORING_OP_WRITE, fd, "hello world", 11)->off = 0;
	CHECK_EQ(ring_do(&r), 11);
	ring_add_rw(&r, IORING_OP_READ, fd, buf, 32)->off = 6;
	CHECK_EQ(ring_do(&r), 5);
	CHECK_STR(buf, "world");
	/* Without an offset: the file's own. */
	ring_add_rw(&r, IORING_OP_READ, fd, buf, 5);
	CHECK_EQ(ring_do(&r), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	v[0] = (struct iovec){ buf, 3 };
	v[1] = (struct iovec){ buf + 3, 10 };
	ring_add_rw(&r, IORING_OP_READV, fd, v, 2)->off = 0;
	CHECK_EQ(ring_do(&r), 11);
	CHECK_STR(buf, "hello world");
	v[0].iov_base = "HE";
	v[0].iov_len = 2;
	ring_add_rw(&r, IORING_OP_WRITEV, fd, v, 1)->off = 0;
	CHECK_EQ(ring_do(&r), 2);
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK_EQ(memcmp(buf, "HEllo", 5), 0);
	ring_add_rw(&r, IORING_OP_READ, fd, NULL, 5)->off = 0;
	CHECK_EQ(ring_do(&r), -EFAULT);
	ring_add_rw(&r, IORING_OP_READ, fd, buf, 5)->rw_flags = 1 << 30;
	CHECK_EQ(ring_do(&r), -EOPNOTSUPP);
	ring_add_rw(&r, IORING_OP_READV, fd, v, 5000);
	CHECK_EQ(ring_do(&r), -EINVAL);
	close(fd);
	fd = open("file", O_WRONLY);
	ring_add_rw(&r, IORING_OP_READ, fd, buf, 5);
	CHECK_EQ(ring_do(&r), -EBADF);
	close(fd);
}

static void stores(void)
{
	struct io_uring_sqe *s;
	struct stat st;
	int fd = open("file", O_RDWR);

	ring_add(&r, IORING_OP_FSYNC, fd);
	CHECK_EQ(ring_do(&r), 0);
	ring_add(&r, IORING_OP_FSYNC, fd)->fsync_flags = IORING_FSYNC_DATASYNC;
	CHECK_EQ(ring_do(&r), 0);
	ring_add(&r, IORING_OP_FSYNC, fd)->fsync_flags = 2;
	CHECK_EQ(ring_do(&r), -EINVAL);
	ring_add(&r, IORING_OP_SYNC_FILE_RANGE, fd);
	CHECK_EQ(ring_do(&r), 0);
	s = ring_add(&r, IORING_OP_FALLOCATE, fd);
	s->off = 0;
	s->addr = 8192;
	CHECK_EQ(ring_do(&r), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 8192);
	ring_add(&r, IORING_OP_FADVISE, fd)->fadvise_advice = POSIX_FADV_WILLNEED;
	CHECK_EQ(ring_do(&r), 0);
	ring_add(&r, IORING_OP_FADVISE, fd)->fadvise_advice = 99;
	CHECK_EQ(ring_do(&r), -EINVAL);
	close(fd);
}

static void names(void)
{
	struct open_how how = { .flags = O_RDWR | O_CREAT, .mode = 0600 };
	struct io_uring_sqe *s;
	struct statx x;
	int fd;

	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "new", 0600);
	s->off = 0;
	s->open_flags = O_RDWR | O_CREAT;
	fd = ring_do(&r);
	CHECK(fd >= 0);
	ring_add(&r, IORING_OP_CLOSE, fd);
	CHECK_EQ(ring_do(&r), 0);
	CHECK_ERR(close(fd), EBADF);
	ring_add(&r, IORING_OP_CLOSE, fd);
	CHECK_EQ(ring_do(&r), -EBADF);
	ring_add(&r, IORING_OP_CLOSE, r.fd);
	CHECK_EQ(ring_do(&r), -EBADF);
	s = ring_add_rw(&r, IORING_OP_OPENAT2, AT_FDCWD, "new2", sizeof(how));
	s->off = (unsigned long)&how;
	fd = ring_do(&r);
	CHECK(fd >= 0);
	close(fd);
	s = ring_add_rw(&r, IORING_OP_STATX, AT_FDCWD, "file", STATX_SIZE);
	s->off = (unsigned long)&x;
	CHECK_EQ(ring_do(&r), 0);
	CHECK_EQ(x.stx_size, 8192);
	s = ring_add_rw(&r, IORING_OP_MKDIRAT, AT_FDCWD, "dir", 0755);
	s->off = 0;
	CHECK_EQ(ring_do(&r), 0);
	s = ring_add_rw(&r, IORING_OP_RENAMEAT, AT_FDCWD, "new", (unsigned)AT_FDCWD);
	s->addr2 = (unsigned long)"dir/moved";
	CHECK_EQ(ring_do(&r), 0);
	s = ring_add_rw(&r, IORING_OP_SYMLINKAT, AT_FDCWD, "moved", 0);
	s->addr2 = (unsigned long)"dir/symlink";
	CHECK_EQ(ring_do(&r), 0);
	s = ring_add_rw(&r, IORING_OP_LINKAT, AT_FDCWD, "dir/moved", (unsigned)AT_FDCWD);
	s->addr2 = (unsigned long)"dir/link";
	CHECK_EQ(ring_do(&r), 0);
	CHECK_EQ(access("dir/symlink", F_OK), 0);
	CHECK_EQ(access("dir/link", F_OK), 0);
	for (int i = 0; i < 4; i++) {
		const char *all[] = { "dir/symlink", "dir/link", "dir/moved", "dir" };

		s = ring_add_rw(&r, IORING_OP_UNLINKAT, AT_FDCWD, all[i], 0);
		s->off = 0;
		s->unlink_flags = i == 3 ? AT_REMOVEDIR : 0;
		CHECK_EQ(ring_do(&r), 0);
	}
	CHECK_ERR(access("dir", F_OK), ENOENT);
	ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "missing", 0)->off = 0;
	CHECK_EQ(ring_do(&r), -ENOENT);
}

static void splices(void)
{
	struct io_uring_sqe *s;
	char buf[16] = { 0 };
	int a[2], b[2], fd = open("file", O_RDONLY);

	CHECK_EQ(pipe(a), 0);
	CHECK_EQ(pipe(b), 0);
	s = ring_add(&r, IORING_OP_SPLICE, a[1]);
	s->splice_fd_in = fd;
	s->splice_off_in = 0;
	s->off = (unsigned long long)-1;
	s->len = 5;
	CHECK_EQ(ring_do(&r), 5);
	s = ring_add(&r, IORING_OP_TEE, b[1]);
	s->splice_fd_in = a[0];
	s->len = 5;
	CHECK_EQ(ring_do(&r), 5);
	CHECK_EQ(read(a[0], buf, 16), 5);
	CHECK_EQ(read(b[0], buf, 16), 5);
	CHECK_EQ(memcmp(buf, "HEllo", 5), 0);
	/* From an empty pipe: it waits, and not here. */
	s = ring_add(&r, IORING_OP_SPLICE, b[1]);
	s->splice_fd_in = a[0];
	s->splice_off_in = s->off = (unsigned long long)-1;
	s->len = 3;
	s->user_data = 3;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK_EQ(write(a[1], "abc", 3), 3);
	CHECK_EQ(ring_result(&r, 3), 3);
	CHECK_EQ(read(b[0], buf, 16), 3);
	CHECK_EQ(memcmp(buf, "abc", 3), 0);
	ring_add(&r, IORING_OP_SPLICE, b[1])->splice_fd_in = 999;
	r.sqes[(*ring_word(&r, r.p.sq_off.tail) - 1) & 7].len = 1;
	CHECK_EQ(ring_do(&r), -EBADF);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	close(fd);
}

static void fixed_files(void)
{
	struct io_uring_files_update u = { .offset = 1 };
	struct io_uring_sqe *s;
	int fds[3] = { open("file", O_RDONLY), -1, -1 }, one;
	char buf[8];

	CHECK_ERR(uring_register(r.fd, IORING_UNREGISTER_FILES, NULL, 0), ENXIO);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_FILES, fds, 0), EINVAL);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_FILES, &r.fd, 1), EBADF);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_FILES, fds, 3), 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_FILES, fds, 3), EBUSY);
	close(fds[0]);
	s = ring_add_rw(&r, IORING_OP_READ, 0, buf, 8);
	s->off = 0;
	s->flags = IOSQE_FIXED_FILE;
	CHECK_EQ(ring_do(&r), 8);
	ring_add_rw(&r, IORING_OP_READ, 1, buf, 8)->flags = IOSQE_FIXED_FILE;
	CHECK_EQ(ring_do(&r), -EBADF);
	ring_add_rw(&r, IORING_OP_READ, 3, buf, 8)->flags = IOSQE_FIXED_FILE;
	CHECK_EQ(ring_do(&r), -EBADF);
	one = open("file", O_RDONLY);
	u.fds = (unsigned long)&one;
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_FILES_UPDATE, &u, 1), 1);
	u.offset = 3;
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_FILES_UPDATE, &u, 1), EINVAL);
	close(one);
	ring_add_rw(&r, IORING_OP_READ, 1, buf, 8)->flags = IOSQE_FIXED_FILE;
	CHECK_EQ(ring_do(&r), 8);
	/* Opened into a place of the table, read in the same chain, closed. */
	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "file", 0);
	s->off = 0;
	s->file_index = 3;
	s->flags = IOSQE_IO_LINK;
	s->user_data = 1;
	s = ring_add_rw(&r, IORING_OP_READ, 2, buf, 8);
	s->flags = IOSQE_FIXED_FILE | IOSQE_IO_LINK;
	s->user_data = 2;
	s = ring_add(&r, IORING_OP_CLOSE, 0);
	s->file_index = 3;
	s->user_data = 3;
	CHECK_EQ(ring_submit(&r, 3), 3);
	CHECK_EQ(ring_result(&r, 1), 0);
	CHECK_EQ(ring_result(&r, 2), 8);
	CHECK_EQ(ring_result(&r, 3), 0);
	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "file", 0);
	s->off = 0;
	s->file_index = IORING_FILE_INDEX_ALLOC;
	CHECK_EQ(ring_do(&r), 2);
	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "file", 0);
	s->off = 0;
	s->file_index = IORING_FILE_INDEX_ALLOC;
	CHECK_EQ(ring_do(&r), -ENFILE);
	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "file", 0);
	s->off = 0;
	s->file_index = 4;
	CHECK_EQ(ring_do(&r), -EINVAL);
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_FILES, NULL, 0), 0);
}

static void fixed_buffers(void)
{
	static char buf[8192];
	struct iovec v[2] = { { buf, 4096 }, { buf + 4096, 4096 } };
	struct io_uring_sqe *s;
	int fd = open("file", O_RDWR);

	CHECK_ERR(uring_register(r.fd, IORING_UNREGISTER_BUFFERS, NULL, 0), ENXIO);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_BUFFERS, v, 0), EINVAL);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_BUFFERS, v, 2), 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_BUFFERS, v, 2), EBUSY);
	s = ring_add_rw(&r, IORING_OP_READ_FIXED, fd, buf + 4096 + 100, 8);
	s->off = 0;
	s->buf_index = 1;
	CHECK_EQ(ring_do(&r), 8);
	CHECK_EQ(memcmp(buf + 4196, "HEllo wo", 8), 0);
	s = ring_add_rw(&r, IORING_OP_WRITE_FIXED, fd, buf + 4196, 4);
	s->off = 100;
	s->buf_index = 1;
	CHECK_EQ(ring_do(&r), 4);
	s = ring_add_rw(&r, IORING_OP_READ_FIXED, fd, buf + 4096 + 4090, 8);
	s->buf_index = 1;
	CHECK_EQ(ring_do(&r), -EFAULT);
	s = ring_add_rw(&r, IORING_OP_READ_FIXED, fd, buf, 8);
	s->buf_index = 2;
	CHECK_EQ(ring_do(&r), -EFAULT);
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_BUFFERS, NULL, 0), 0);
	close(fd);
}

/* What may wait for long is asked for apart. */
static void asynchronous(void)
{
	struct io_uring_sqe *s;
	char byte;
	int fds[2], fd;

	CHECK_EQ(pipe(fds), 0);
	s = ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1);
	s->flags = IOSQE_ASYNC;
	s->user_data = 1;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(ring_result(&r, 1), 1);
	fd = open("file", O_RDONLY);
	s = ring_add_rw(&r, IORING_OP_READ, fd, &byte, 1);
	s->flags = IOSQE_ASYNC;
	CHECK_EQ(ring_do(&r), 1);
	close(fd);
	/* Both ends of a FIFO, opened by one thread. */
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "fifo", 0);
	s->off = 0;
	s->open_flags = O_RDONLY;
	s->user_data = 2;
	CHECK_EQ(ring_submit(&r, 0), 1);
	fd = open("fifo", O_WRONLY);
	CHECK(fd >= 0);
	CHECK(ring_result(&r, 2) >= 0);
	close(fd);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	scratch_enter();
	ring_open(&r, 8, 0);
	read_write();
	stores();
	names();
	splices();
	fixed_files();
	fixed_buffers();
	asynchronous();
	ring_close(&r);
	return check_done();
}
