/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Stands between a process and the C library (LD_PRELOAD), counts the calls by which the files under
 * one directory are changed, locked or made durable (or read, where that is asked for), and at the call of a given number kills the
 * process, stops it, or answers with an error. Also moves the wall clock. Nothing of the product knows
 * of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What happens at the call: what follows an error is ordinary, but for FULL, which goes on. */
enum { COUNT = 0, KILL = 1, HALF = 2, FAIL = 3, FULL = 4, STOP = 5, READ = 6, READS = 7 };

/* READ: one call that reads fails, READS: so does every one from there on. Only those are counted. */
static int of_reads(int kind) { return kind == READ || kind == READS; }

static struct {
    char directory[PATH_MAX];
    size_t length;
    long at;
    int kind;
    int error;
    int log;
    long count;
    char letters[1 << 16];
} step = {.log = -1};

static long clock_offset;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void step_arm(const char *directory, long at, int kind, int error) {
    step.length = 0;
    __atomic_store_n(&step.count, 0, __ATOMIC_SEQ_CST);
    memset(step.letters, 0, sizeof step.letters);
    step.at = at;
    step.kind = kind;
    step.error = error;
    snprintf(step.directory, sizeof step.directory, "%s", directory);
    __atomic_store_n(&step.length, strlen(directory), __ATOMIC_SEQ_CST);
}

/* The calls that were counted, a letter each. */
const char *step_disarm(void) {
    __atomic_store_n(&step.length, 0, __ATOMIC_SEQ_CST);
    return step.letters;
}

void step_clock(long seconds) { clock_offset = seconds; }

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("STEP_LOG");
    if (log) step.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (getenv("STEP_CLOCK")) step_clock(atol(getenv("STEP_CLOCK")));
    if (getenv("STEP_DIRECTORY"))
        step_arm(getenv("STEP_DIRECTORY"), atol(getenv("STEP_AT")), atoi(getenv("STEP_KIND")), atoi(getenv("STEP_ERROR")));
}

static int inside(const char *path) {
    return step.length && path && strncmp(path, step.directory, step.length) == 0 &&
           (path[step.length] == '/' || path[step.length] == 0);
}

static int inside_fd(int fd) {
    if (!step.length || fd < 0) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return inside(path);
}

static int grows(char letter) { return strchr("wtaod", letter) != NULL; }

/* One more call: 0 where it is to go on, -1 where it is to write half and die, else an error. */
static int counted(int within, char letter) {
    if (!within || of_reads(step.kind) != (letter == 'g')) return 0;
    long number = __atomic_add_fetch(&step.count, 1, __ATOMIC_SEQ_CST);
    if ((size_t)number < sizeof step.letters) step.letters[number - 1] = letter;
    if (step.log >= 0) syscall(SYS_write, step.log, &letter, 1);
    if (step.kind == FULL && step.at && number >= step.at && grows(letter)) return step.error;
    if (step.kind == READS && step.at && number >= step.at) return step.error;
    if (number != step.at) return 0;
    if (step.kind == HALF && letter == 'w') return -1;
    if (step.kind == KILL || step.kind == HALF) kill(getpid(), SIGKILL);
    /* To this thread: one sent to the process another takes, and this one goes on for a while. */
    if (step.kind == STOP) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
    return step.kind == FAIL || step.kind == READ ? step.error : 0;
}

#define STEP(within, letter) \
    do { \
        int stopped = counted(within, letter); \
        if (stopped > 0) { errno = stopped; return -1; } \
    } while (0)

/* What is there already can be opened on a full disk. */
static int opens(const char *path, int flags) {
    if (!inside(path)) return 0;
    int read_only = step.kind == FULL && step.error == EROFS && step.count >= step.at;
    if (read_only && (flags & O_ACCMODE) != O_RDONLY) return EROFS;
    if (!(flags & O_CREAT)) return 0;
    return counted(1, syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0 ? 'e' : 'o');
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        int stopped = opens(path, flags); \
        if (stopped > 0) { errno = stopped; return -1; } \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        int stopped = opens(path, flags); \
        if (stopped > 0) { errno = stopped; return -1; } \
        return real(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *from, size_t length) {
    REAL(write);
    int stopped = counted(inside_fd(fd), 'w');
    if (stopped > 0) { errno = stopped; return -1; }
    if (stopped < 0) { real(fd, from, length / 2); kill(getpid(), SIGKILL); }
    return real(fd, from, length);
}

ssize_t read(int fd, void *to, size_t length) {
    REAL(read);
    STEP(of_reads(step.kind) && inside_fd(fd), 'g');
    return real(fd, to, length);
}

#define PREAD(name, type) \
    ssize_t name(int fd, void *to, size_t length, type at) { \
        REAL(name); \
        STEP(of_reads(step.kind) && inside_fd(fd), 'g'); \
        return real(fd, to, length, at); \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define PWRITE(name, type) \
    ssize_t name(int fd, const void *from, size_t length, type at) { \
        REAL(name); \
        int stopped = counted(inside_fd(fd), 'w'); \
        if (stopped > 0) { errno = stopped; return -1; } \
        if (stopped < 0) { real(fd, from, length / 2, at); kill(getpid(), SIGKILL); } \
        return real(fd, from, length, at); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *from, int count) {
    REAL(writev);
    STEP(inside_fd(fd), 'w');
    return real(fd, from, count);
}

int ftruncate(int fd, off_t length) { REAL(ftruncate); STEP(inside_fd(fd), 't'); return real(fd, length); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); STEP(inside_fd(fd), 't'); return real(fd, length); }
int fallocate(int fd, int mode, off_t at, off_t length) {
    REAL(fallocate);
    STEP(inside_fd(fd), 'a');
    return real(fd, mode, at, length);
}
int posix_fallocate(int fd, off_t at, off_t length) {
    REAL(posix_fallocate);
    int stopped = counted(inside_fd(fd), 'a');
    return stopped > 0 ? stopped : real(fd, at, length);
}
int rename(const char *from, const char *to) { REAL(rename); STEP(inside(from), 'r'); return real(from, to); }
int renameat(int at, const char *from, int there, const char *to) {
    REAL(renameat);
    STEP(inside(from), 'r');
    return real(at, from, there, to);
}
int unlink(const char *path) { REAL(unlink); STEP(inside(path), 'u'); return real(path); }
int unlinkat(int at, const char *path, int flags) { REAL(unlinkat); STEP(inside(path), 'u'); return real(at, path, flags); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); STEP(inside(path), 'd'); return real(path, mode); }
int fchmod(int fd, mode_t mode) { REAL(fchmod); STEP(inside_fd(fd), 'c'); return real(fd, mode); }
int fchown(int fd, uid_t user, gid_t group) { REAL(fchown); STEP(inside_fd(fd), 'c'); return real(fd, user, group); }
int fsync(int fd) { REAL(fsync); STEP(inside_fd(fd), 's'); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); STEP(inside_fd(fd), 's'); return real(fd); }
int flock(int fd, int operation) { REAL(flock); STEP(inside_fd(fd), operation & LOCK_UN ? 'n' : 'l'); return real(fd, operation); }

#define MMAP(name, type) \
    void *name(void *start, size_t length, int protection, int flags, int fd, type at) { \
        REAL(name); \
        int stopped = counted(!(flags & MAP_ANONYMOUS) && inside_fd(fd), 'm'); \
        if (stopped > 0) { errno = stopped; return MAP_FAILED; } \
        return real(start, length, protection, flags, fd, at); \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

static int locks(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

#define FCNTL(name) \
    int name(int fd, int command, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, command); \
        void *argument = va_arg(more, void *); \
        va_end(more); \
        int lets_go = locks(command) && ((struct flock *)argument)->l_type == F_UNLCK; \
        STEP(locks(command) && inside_fd(fd), lets_go ? 'n' : 'l'); \
        return real(fd, command, argument); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int clock_gettime(clockid_t clock, struct timespec *now) {
    int answer = (int)syscall(SYS_clock_gettime, clock, now);
    if (answer == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += clock_offset;
    return answer;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
