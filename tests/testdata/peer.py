# Copyright 2026 the @ipc/barrier authors. MIT license.

"""The child's side of a barrier. It makes the calls that its arguments name:

python3 peer.py place wait_next place="half way" sync abort="disk full"
"""

import os
import signal
import sys

LINE_MAX = 4096


class Barrier:
    def __init__(self):
        channel = os.environ.pop("BARRIER_CHANNEL")
        self._accepts_text = channel != "stdio"
        if channel == "stdio":
            self._in, self._out = 0, 1
        else:
            self._in = self._out = int(channel.removeprefix("fd:"))
        self._barriers = int(os.environ.pop("BARRIER_STATE", "0"))
        self._line = b""  # the one whose end has not arrived yet
        self.i_aborted = False
        self.they_aborted = False
        self.note = ""
        self.reason = ""

    @property
    def is_aborted(self):
        return self.i_aborted or self.they_aborted

    def place(self, note=None):
        if self.is_aborted:
            return False
        self._send("" if note is None else f"+{note}")
        self._barriers += 1
        return True

    def abort(self, reason=None):
        if not self.i_aborted:
            self._send("abort" if reason is None else f"abort {reason}")
            self.i_aborted = True
        return not self.they_aborted

    def wait_next(self):
        before = self._barriers
        while self._barriers == before and not self.is_aborted:
            self._take()
        return not self.is_aborted

    def sync(self):
        while self._barriers > 0 and not self.is_aborted:
            self._take()
        return not self.is_aborted

    def _send(self, line):
        try:
            os.write(self._out, line.encode() + b"\n")
        except ConnectionError:
            pass  # the peer is gone; what it had sent can still be read

    def _take(self):
        """Waits until something arrives, and takes all that has."""
        try:
            received = os.read(self._in, 65536)
        except ConnectionError:
            received = b""
        if not received:
            return self._they_abort("hung up")
        *lines, self._line = (self._line + received).split(b"\n")
        for line in lines:
            if not self.they_aborted:
                self._read_line(line)
        if len(self._line) > LINE_MAX:
            self._violation()

    def _read_line(self, line):
        text = line.decode(errors="replace")
        if len(line) > LINE_MAX:
            self._violation()
        elif text == "":
            self._barriers -= 1
        elif text == "abort" or text.startswith("abort "):
            self._they_abort(text[6:])
        elif text.startswith("+") or self._accepts_text:
            self._barriers -= 1
            self.note = text.removeprefix("+")
        else:
            self._violation()

    def _violation(self):
        self.abort("this is not the barrier protocol")
        self._they_abort("broke the protocol")

    def _they_abort(self, reason):
        self.they_aborted = True
        self.reason = reason


barrier = Barrier()
for argument in sys.argv[1:]:
    call, *text = argument.split("=", 1)
    if call == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if getattr(barrier, call)(*text):
        print(call, "true", barrier.note, file=sys.stderr)
    else:
        print(call, "false", barrier.reason, file=sys.stderr)
