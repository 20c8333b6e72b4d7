/* Waits of the C library itself, for a process whose clock libfaketime moves.

libfaketime 0.9.10 takes waits on the monotonic clock, which Python's own lock is made
of, for waits on the wall clock: they return at once, or fail. Only what reads the wall
clock is to be changed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void *libc_function(const char *name) {
  return dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), name);
}

#define PASS_ON(name, parameters, arguments)                  \
  int name parameters {                                       \
    static int(*real) parameters;                             \
    if (real == NULL) real = libc_function(#name);            \
    return real arguments;                                    \
  }

PASS_ON(pthread_cond_init, (void *a, void *b), (a, b))
PASS_ON(pthread_cond_destroy, (void *a), (a))
PASS_ON(pthread_cond_timedwait, (void *a, void *b, void *c), (a, b, c))
PASS_ON(clock_nanosleep, (int a, int b, void *c, void *d), (a, b, c, d))
PASS_ON(nanosleep, (void *a, void *b), (a, b))
PASS_ON(sem_timedwait, (void *a, void *b), (a, b))
PASS_ON(sem_clockwait, (void *a, int b, void *c), (a, b, c))
PASS_ON(poll, (void *a, unsigned long b, int c), (a, b, c))
PASS_ON(epoll_wait, (int a, void *b, int c, int d), (a, b, c, d))
PASS_ON(select, (int a, void *b, void *c, void *d, void *e), (a, b, c, d, e))
