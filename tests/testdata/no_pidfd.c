// Copyright 2026 the @ipc/barrier authors. MIT license.

// A library to preload: it takes pidfd_open() away from a program, as if it ran on
// macOS, in gVisor, or on Linux before 5.3.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

typedef long (*syscall_function)(long, ...);

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long args[6];
  for (int i = 0; i < 6; i++) args[i] = va_arg(list, long);
  va_end(list);

  if (number == SYS_pidfd_open) {
    errno = ENOSYS;
    return -1;
  }
  static syscall_function next;
  if (!next) next = (syscall_function)dlsym(RTLD_NEXT, "syscall");
  return next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
