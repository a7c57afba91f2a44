// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips as systemd's barrier makes them: two eventfds carry the counts, a
 * pipe tells of the peer's end, and poll() waits for both. It serves the harness
 * as serve.mjs does. Argument: the way ("step" or "strict").
 */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* What this value or more adds up to is an abortion, and not barriers. */
#define ABORTION ((uint64_t)INT64_MAX)

struct barrier {
        int me;         /* the eventfd that counts what this side placed */
        int them;       /* the eventfd that counts what the peer placed */
        int hangup;     /* a pipe whose other end the peer alone holds */
        int64_t barriers;
        bool aborted;
};

static bool place(struct barrier *b) {
        uint64_t one = 1;

        if (b->aborted)
                return false;
        if (write(b->me, &one, sizeof one) != sizeof one)
                abort();
        b->barriers++;
        return true;
}

/* Waits for the peer, and takes all that it has placed. */
static bool take(struct barrier *b) {
        struct pollfd fds[] = {
                { .fd = b->hangup, .events = POLLHUP },
                { .fd = b->them, .events = POLLIN },
        };
        uint64_t count;

        if (poll(fds, 2, -1) < 0)
                abort();
        if (!(fds[1].revents & POLLIN)) {
                b->aborted = true;
                return false;
        }
        if (read(b->them, &count, sizeof count) != sizeof count)
                abort();
        if (count >= ABORTION) {
                b->aborted = true;
                return false;
        }
        b->barriers -= (int64_t)count;
        return true;
}

static bool wait_next(struct barrier *b) {
        return !b->aborted && take(b);
}

static bool place_and_sync(struct barrier *b) {
        if (!place(b))
                return false;
        while (b->barriers > 0)
                if (!take(b))
                        return false;
        return true;
}

static void answer(struct barrier *b, bool strict) {
        if (!strict)
                while (place_and_sync(b))
                        ;
        else
                while (wait_next(b))
                        place(b);
}

static double now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void serve(struct barrier *b, bool strict) {
        long count;

        while (scanf("%ld", &count) == 1) {
                double start = now();
                for (long i = 0; i < count; i++)
                        if (strict) {
                                place(b);
                                wait_next(b);
                        } else
                                place_and_sync(b);
                fprintf(stderr, "%f\n", now() - start);
        }
}

int main(int argc, char *argv[]) {
        bool strict = argc == 2 && strcmp(argv[1], "strict") == 0;
        int ping = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int pong = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int ends[2];

        if (ping < 0 || pong < 0 || pipe(ends) < 0)
                abort();
        switch (fork()) {
        case -1:
                abort();
        case 0:
                close(ends[1]);
                answer(&(struct barrier){ .me = pong, .them = ping, .hangup = ends[0] }, strict);
                break;
        default:
                close(ends[0]);
                serve(&(struct barrier){ .me = ping, .them = pong, .hangup = ends[1] }, strict);
        }
}
