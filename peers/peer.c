// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The child's side of a barrier. It makes the calls that its arguments name:
 *
 *     cc -o peer peer.c
 *     ./peer print=Hello place wait_next place="half way" sync
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
        bool stdio;
        int in, out;
        long barriers;
        bool i_aborted, they_aborted;
        char note[BARRIER_LINE_MAX + 1];
        char reason[BARRIER_LINE_MAX + 1];
        char line[BARRIER_LINE_MAX + 1]; /* whose end has not arrived yet */
        size_t length;
};

static void die(const char *why)
{
        fprintf(stderr, "Cannot use the barrier: %s\n", why);
        exit(EXIT_FAILURE);
}

static void barrier_init(struct barrier *b)
{
        const char *channel = getenv("BARRIER_CHANNEL");
        const char *state = getenv("BARRIER_STATE");

        memset(b, 0, sizeof(*b));
        if (channel && strcmp(channel, "stdio") == 0) {
                b->stdio = true;
                b->in = STDIN_FILENO;
                b->out = STDOUT_FILENO;
        } else if (channel && sscanf(channel, "fd:%d", &b->in) == 1) {
                b->out = b->in;
        } else {
                die("BARRIER_CHANNEL does not name a channel");
        }
        b->barriers = state ? atol(state) : 0;
        unsetenv("BARRIER_CHANNEL");
        unsetenv("BARRIER_STATE");
        /* When the peer is gone, what it had sent can still be read. */
        signal(SIGPIPE, SIG_IGN);
}

/* Whether a line is short enough, and UTF-8 without control characters. */
static bool is_valid(const char *line, size_t length)
{
        static const unsigned long least[] = { 0, 0x80, 0x800, 0x10000 };
        const unsigned char *next = (const unsigned char *)line;
        const unsigned char *end = next + length;

        if (length > BARRIER_LINE_MAX)
                return false;
        while (next < end) {
                unsigned long c = *next++;
                int more; /* bytes of this character */

                if (c < 0x80)
                        more = 0;
                else if (c >= 0xc0 && c < 0xe0)
                        more = 1;
                else if (c >= 0xe0 && c < 0xf0)
                        more = 2;
                else if (c >= 0xf0 && c < 0xf8)
                        more = 3;
                else
                        return false;
                if (end - next < more)
                        return false;
                if (more > 0)
                        c &= 0x3f >> more;
                for (int i = 0; i < more; i++) {
                        if ((*next & 0xc0) != 0x80)
                                return false;
                        c = c << 6 | (*next++ & 0x3f);
                }
                if (c < least[more] || c > 0x10ffff)
                        return false;
                if (c >= 0xd800 && c < 0xe000) /* a surrogate */
                        return false;
                if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* a control character */
                        return false;
        }
        return true;
}

static void send_line(const struct barrier *b, const char *head, const char *text)
{
        char line[BARRIER_LINE_MAX + sizeof("\036\n")];
        const char *rs = b->stdio ? "\036" : "";
        size_t size = snprintf(line, sizeof(line), "%s%s%s\n", rs, head, text);
        const char *rest = line;

        if (!is_valid(line + strlen(rs), size - strlen(rs) - strlen("\n")))
                die("a note or a reason must be one line of text");
        if (b->stdio)
                fflush(stdout); /* what was printed before comes first */
        while (size > 0) {
                ssize_t written = write(b->out, rest, size);

                if (written >= 0) {
                        rest += written;
                        size -= written;
                } else if (errno == EPIPE || errno == ECONNRESET) {
                        return; /* the peer is gone */
                } else if (errno != EINTR) {
                        die(strerror(errno));
                }
        }
}

static bool barrier_is_aborted(const struct barrier *b)
{
        return b->i_aborted || b->they_aborted;
}

static bool barrier_place(struct barrier *b, const char *note)
{
        if (barrier_is_aborted(b))
                return false;
        send_line(b, note ? "+" : "", note ? note : "");
        b->barriers++;
        return true;
}

static bool barrier_abort(struct barrier *b, const char *reason)
{
        if (!b->i_aborted) {
                send_line(b, reason ? "abort " : "abort", reason ? reason : "");
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

static void read_line(struct barrier *b)
{
        char *line = b->line;

        if (b->length > 0 && line[b->length - 1] == '\r')
                b->length--;
        line[b->length] = '\0';
        if (!is_valid(line, b->length)) {
                violation(b);
        } else if (b->length == 0) {
                b->barriers--;
        } else if (strcmp(line, "abort") == 0) {
                they_abort(b, "");
        } else if (strncmp(line, "abort ", strlen("abort ")) == 0) {
                they_abort(b, line + strlen("abort "));
        } else if (line[0] == '+' || !b->stdio) {
                b->barriers--;
                snprintf(b->note, sizeof(b->note), "%s", line + (line[0] == '+'));
        } else {
                violation(b);
        }
        b->length = 0;
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
                /* There is room for a CR behind a line that is full. */
                size_t room = BARRIER_LINE_MAX + (received[i] == '\r');

                if (received[i] == '\n')
                        read_line(b);
                else if (b->length < room)
                        b->line[b->length++] = received[i];
                else
                        violation(b);
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
                char *call = argv[i], *text = strchr(call, '=');
                bool result = false;

                if (text)
                        *text++ = '\0';
                if (strcmp(call, "crash") == 0) {
                        raise(SIGKILL);
                } else if (strcmp(call, "print") == 0) {
                        puts(text ? text : "");
                        continue;
                }
                if (strcmp(call, "place") == 0)
                        result = barrier_place(&b, text);
                else if (strcmp(call, "abort") == 0)
                        result = barrier_abort(&b, text);
                else if (strcmp(call, "wait_next") == 0)
                        result = barrier_wait_next(&b);
                else if (strcmp(call, "sync") == 0)
                        result = barrier_sync(&b);
                fprintf(stderr, "%s %s %s\n", call, result ? "true" : "false",
                        result ? b.note : b.reason);
        }
        return EXIT_SUCCESS;
}
