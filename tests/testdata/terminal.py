# Copyright 2026 the @ipc/barrier authors. MIT license.

"""Runs a command in a terminal of its own.

What this program reads is typed into the terminal, and what appears there is
printed. The end of its stdin closes the terminal. It ends as the command does.
"""

import os
import pty
import select
import signal
import sys

wakeup, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGCHLD, lambda *_: None)

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])

sources = [sys.stdin.fileno(), terminal, wakeup]
status = None
while status is None:
    ready, _, _ = select.select(sources, [], [])
    if sys.stdin.fileno() in ready:
        typed = os.read(sys.stdin.fileno(), 4096)
        if typed:
            os.write(terminal, typed)
        else:
            sources = [wakeup]
            os.close(terminal)
            terminal = None
    if terminal in ready and terminal is not None:
        try:
            os.write(sys.stdout.fileno(), os.read(terminal, 4096))
        except OSError:
            sources.remove(terminal)  # nobody has it open any more
    if wakeup in ready:
        os.read(wakeup, 4096)
        exited, waited = os.waitpid(pid, os.WNOHANG)
        if exited:
            status = waited

# Programs that outlive the command may hold the terminal open.
while terminal in sources and select.select([terminal], [], [], 0)[0]:
    try:
        os.write(sys.stdout.fileno(), os.read(terminal, 4096))
    except OSError:
        break
if os.WIFSIGNALED(status):
    signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
sys.exit(os.WEXITSTATUS(status))
