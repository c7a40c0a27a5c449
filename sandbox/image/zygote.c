/* The loop of PID 1 (launcher/zygote.py): fork a process per request, reap every process of the container.

   After a fork, each side pays a page fault for every page that it writes to, and an interpreter writes to whatever it
   touches. So the zygote, a warm interpreter, leaves its own work to this loop, and a child is a candidate's, with its
   descriptors, limits and uid, before any Python runs in it. Python's own care after a fork is left out: the zygote has
   one thread, holds no lock and handles no signal. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_STANDARD = 2, MAX_DESCRIPTORS = 8, MAX_CHILDREN = 64, OLD_KERNELS_CLOSE = 1024 };
enum { CHILD_FAILED = 70, NOBODY_ASKS = 71 }; /* exit statuses */

/* As launcher/processes.py packs it. */
struct request {
    uint32_t uid;
    uint32_t processes;
    uint64_t cpu_seconds;
    uint64_t stack_bytes;
    uint64_t file_bytes;
    uint64_t open_files;
    char role[16];
    char home[32];
};

/* As launcher/processes.py unpacks it. */
struct answer {
    int32_t kind; /* FORKED, REFUSED or ENDED */
    int32_t pid;  /* REFUSED: an errno */
    int64_t status;
    int64_t maxrss_kib;
};
enum { FORKED, REFUSED, ENDED };

static pid_t children[MAX_CHILDREN]; /* that the supervisor asked for and that have not been reaped; 0: free */

static pid_t *slot_of(pid_t pid) {
    for (int at = 0; at < MAX_CHILDREN; at++) {
        if (children[at] == pid)
            return &children[at];
    }
    return NULL;
}

static void say(int control, struct answer answer) {
    if (send(control, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
        _exit(NOBODY_ASKS);
}

/* Descriptors get the numbers 0, 1, ... in their order; all others are closed. The zygote keeps low numbers taken, so
   that none of them overlaps. Those over standard error do not survive an exec. */
static int take(const int *fds, int count) {
    for (int number = 0; number < count; number++) {
        if (dup3(fds[number], number, number > LAST_STANDARD ? O_CLOEXEC : 0) < 0)
            return -1;
    }
    if (close_range(count, ~0U, 0) == 0)
        return 0;
    for (int fd = count; fd < OLD_KERNELS_CLOSE; fd++) /* before Linux 5.9 */
        close(fd);
    return 0;
}

/* The kernel then prefers every process of a candidate over the launcher. */
static int be_killed_first(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1000", 4) != 4)
        return -1;
    return close(fd);
}

static int limit(int which, rlim_t amount) {
    struct rlimit both = {amount, amount};
    return setrlimit(which, &both);
}

static int limit_all(const struct request *request) {
    return limit(RLIMIT_CORE, 0) || limit(RLIMIT_FSIZE, request->file_bytes) ||
           limit(RLIMIT_NOFILE, request->open_files) || limit(RLIMIT_NPROC, request->processes) ||
           limit(RLIMIT_STACK, request->stack_bytes) || limit(RLIMIT_CPU, request->cpu_seconds);
}

/* For good. The kernel makes the process undumpable on the way: no one can trace it. */
static int drop(uid_t uid) {
    return setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid);
}

/* In the child. What fails here ends it: it must not run as anything but what was asked for. */
static void become(const struct request *request, const int *fds, int count) {
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setsid() < 0 || take(fds, count) != 0 || be_killed_first() != 0 ||
        limit_all(request) != 0 || chdir(request->home) != 0 || drop(request->uid) != 0)
        _exit(CHILD_FAILED);
    umask(022);
}

/* The number of descriptors that came along. */
static int receive(int control, struct request *request, int *fds) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
    } extra;
    struct iovec part = {request, sizeof *request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &extra, .msg_controllen = sizeof extra};
    if (recvmsg(control, &message, MSG_CMSG_CLOEXEC) != sizeof *request)
        _exit(NOBODY_ASKS);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS)
        return 0;
    int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    return count;
}

/* 1 in the child. */
static int answer_request(int control, struct request *request) {
    int fds[MAX_DESCRIPTORS];
    int count = receive(control, request, fds);
    pid_t *slot = slot_of(0);
    pid_t pid = slot == NULL ? -1 : fork();
    if (pid == 0) {
        become(request, fds, count);
        return 1;
    }
    if (pid > 0) {
        *slot = pid;
        say(control, (struct answer){.kind = FORKED, .pid = pid});
    } else {
        say(control, (struct answer){.kind = REFUSED, .pid = slot == NULL ? EAGAIN : errno});
    }
    for (int at = 0; at < count; at++)
        close(fds[at]);
    return 0;
}

/* Orphans are reaped without a word. The container ends with the supervisor. */
static void reap(int control, pid_t supervisor) {
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        if (pid == supervisor)
            _exit(NOBODY_ASKS);
        pid_t *slot = slot_of(pid);
        if (slot != NULL) {
            *slot = 0;
            say(control, (struct answer){.kind = ENDED, .pid = pid, .status = status, .maxrss_kib = usage.ru_maxrss});
        }
    }
}

/* Serve until the supervisor is gone. Returns 0 in every child, with what was asked for in *request, and -1 with errno
   if it cannot serve at all. */
int gavel_serve(int control, int supervisor, struct request *request) {
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &ended, NULL) != 0)
        return -1;
    int ends = signalfd(-1, &ended, SFD_NONBLOCK | SFD_CLOEXEC);
    if (ends < 0)
        return -1;
    struct pollfd watched[] = {{.fd = control, .events = POLLIN}, {.fd = ends, .events = POLLIN}};
    reap(control, supervisor); /* who ended before the signal was blocked */
    for (;;) {
        if (poll(watched, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (watched[1].revents) {
            struct signalfd_siginfo information[8];
            if (read(ends, information, sizeof information) < 0 && errno != EAGAIN)
                return -1;
            reap(control, supervisor);
        }
        if (watched[0].revents && answer_request(control, request))
            return 0;
    }
}
