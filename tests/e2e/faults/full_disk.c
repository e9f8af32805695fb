/* Stands between a program and the C library: a disk that is full from the N-th write on.

   FULL_ROOT   the folder that lies on that disk
   FULL_COUNT  a file that grows by one byte with each write below it, of all processes
   FULL_FROM   the number of the first write that is refused; what follows is refused, too */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_below_root(const char *path) {
  const char *root = getenv("FULL_ROOT");
  return root && !strncmp(path, root, strlen(root));
}

static int is_on_disk(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_below_root(path);
}

static int is_full(void) {
  const char *count = getenv("FULL_COUNT"), *from = getenv("FULL_FROM");
  int fd = count ? syscall(SYS_openat, AT_FDCWD, count, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  if (fd < 0) return 0;
  syscall(SYS_write, fd, "w", 1);
  off_t done = syscall(SYS_lseek, fd, 0, SEEK_END);
  syscall(SYS_close, fd);
  if (!from || done < atol(from)) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t write(int fd, const void *data, size_t size) {
  if (is_on_disk(fd) && is_full()) return -1;
  return syscall(SYS_write, fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  if (is_on_disk(fd) && is_full()) return -1;
  return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *data, int count) {
  if (is_on_disk(fd) && is_full()) return -1;
  return syscall(SYS_writev, fd, data, count);
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
  if (is_on_disk(fd) && is_full()) return -1;
  return syscall(SYS_fallocate, fd, mode, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
  return fallocate64(fd, 0, at, size) ? errno : 0;
}

int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }

int mkdir(const char *path, mode_t mode) {
  if (is_below_root(path) && is_full()) return -1;
  return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
