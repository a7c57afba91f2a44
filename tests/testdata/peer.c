// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The child's side of a barrier. It makes the calls that its arguments name:
 *
 *     cc -o peer peer.c
 *     ./peer place wait_next place="half way" sync abort="disk full"
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BARRIER_LINE_MAX 4096

struct barrier {
        int in, out;
        bool accepts_text;
        long barriers;
        bool i_aborted, they_aborted;
        char note[BARRIER_LINE_MAX + 1];
        char reason[BARRIER_LINE_MAX + 1];
        char line[BARRIER_LINE_MAX + 1]; /* whose end has not arrived yet */
        size_t length;
};

static void barrier_init(struct barrier *b)
{
        const char *channel = getenv("BARRIER_CHANNEL");
        const char *state = getenv("BARRIER_STATE");

        if (!channel) {
                fprintf(stderr, "BARRIER_CHANNEL is not set\n");
                exit(EXIT_FAILURE);
        }
        memset(b, 0, sizeof(*b));
        b->accepts_text = strcmp(channel, "stdio") != 0;
        if (strcmp(channel, "stdio") == 0) {
                b->in = STDIN_FILENO;
                b->out = STDOUT_FILENO;
        } else {
                b->in = b->out = atoi(channel + strlen("fd:"));
        }
        b->barriers = state ? atol(state) : 0;
        unsetenv("BARRIER_CHANNEL");
        unsetenv("BARRIER_STATE");
        signal(SIGPIPE, SIG_IGN); /* what a peer had sent can still be read */
}

static bool barrier_is_aborted(const struct barrier *b)
{
        return b->i_aborted || b->they_aborted;
}

static bool barrier_place(struct barrier *b, const char *note)
{
        if (barrier_is_aborted(b))
                return false;
        if (note)
                dprintf(b->out, "+%s\n", note);
        else
                dprintf(b->out, "\n");
        b->barriers++;
        return true;
}

static bool barrier_abort(struct barrier *b, const char *reason)
{
        if (!b->i_aborted) {
                if (reason)
                        dprintf(b->out, "abort %s\n", reason);
                else
                        dprintf(b->out, "abort\n");
                b->i_aborted = true;
        }
        return !b->they_aborted;
}

static void they_abort(struct barrier *b, const char *reason)
{
        b->they_aborted = true;
        snprintf(b->reason, sizeof(b->reason), "%s", reason);
}

static void violation(struct barrier *b)
{
        barrier_abort(b, "this is not the barrier protocol");
        they_abort(b, "broke the protocol");
}

static void read_line(struct barrier *b, const char *line)
{
        if (line[0] == '\0') {
                b->barriers--;
        } else if (strcmp(line, "abort") == 0) {
                they_abort(b, "");
        } else if (strncmp(line, "abort ", strlen("abort ")) == 0) {
                they_abort(b, line + strlen("abort "));
        } else if (line[0] == '+' || b->accepts_text) {
                b->barriers--;
                snprintf(b->note, sizeof(b->note), "%s", line + (line[0] == '+'));
        } else {
                violation(b);
        }
}

/* Waits until something arrives, and takes all that has. */
static void take(struct barrier *b)
{
        char received[4096];
        ssize_t size;

        do
                size = read(b->in, received, sizeof(received));
        while (size < 0 && errno == EINTR);
        if (size <= 0)
                they_abort(b, "hung up");

        for (ssize_t i = 0; i < size && !b->they_aborted; i++) {
                if (received[i] == '\n') {
                        b->line[b->length] = '\0';
                        b->length = 0;
                        read_line(b, b->line);
                } else if (b->length < BARRIER_LINE_MAX) {
                        b->line[b->length++] = received[i];
                } else {
                        violation(b);
                }
        }
}

static bool barrier_wait_next(struct barrier *b)
{
        long before = b->barriers;

        while (b->barriers == before && !barrier_is_aborted(b))
                take(b);
        return !barrier_is_aborted(b);
}

static bool barrier_sync(struct barrier *b)
{
        while (b->barriers > 0 && !barrier_is_aborted(b))
                take(b);
        return !barrier_is_aborted(b);
}

int main(int argc, char *argv[])
{
        struct barrier b;

        barrier_init(&b);
        for (int i = 1; i < argc; i++) {
                const char *call = strtok(argv[i], "=");
                const char *text = strtok(NULL, "");
                bool result = false;

                if (strcmp(call, "place") == 0)
                        result = barrier_place(&b, text);
                else if (strcmp(call, "abort") == 0)
                        result = barrier_abort(&b, text);
                else if (strcmp(call, "wait_next") == 0)
                        result = barrier_wait_next(&b);
                else if (strcmp(call, "sync") == 0)
                        result = barrier_sync(&b);
                else if (strcmp(call, "crash") == 0)
                        raise(SIGKILL);
                fprintf(stderr, "%s %s %s\n", call, result ? "true" : "false",
                        result ? b.note : b.reason);
        }
        return EXIT_SUCCESS;
}
