# Copyright 2026 the @ipc/barrier authors. MIT license.

"""The child's side of a barrier. It makes the calls that its arguments name:

python3 peer.py print=Hello place wait_next place="half way" sync
"""

import os
import re
import signal
import sys

LINE_MAX = 4096
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def decode_line(line):
    text = line.decode()  # a UnicodeDecodeError is a ValueError
    if len(line) > LINE_MAX or CONTROL_CHARACTER.search(text):
        raise ValueError("not one line of text")
    return text


class Barrier:
    def __init__(self):
        channel = os.environ.pop("BARRIER_CHANNEL")
        self._stdio = channel == "stdio"
        if self._stdio:
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

    def _send(self, text):
        line = text.encode()
        decode_line(line)  # raises where the peer would not accept it
        rest = (b"\x1e" if self._stdio else b"") + line + b"\n"
        try:
            if self._stdio:
                sys.stdout.flush()  # what was printed before comes first
            while rest:
                rest = rest[os.write(self._out, rest) :]
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
            self._read_line(line.removesuffix(b"\r"))
            if self.they_aborted:
                return
        if len(self._line.removesuffix(b"\r")) > LINE_MAX:
            self._violation()

    def _read_line(self, line):
        try:
            text = decode_line(line)
        except ValueError:
            return self._violation()
        if text == "":
            self._barriers -= 1
        elif text == "abort" or text.startswith("abort "):
            self._they_abort(text[6:])
        elif text.startswith("+") or not self._stdio:
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
    elif call == "print":
        print(*text)
    elif getattr(barrier, call)(*text):
        print(call, "true", barrier.note, file=sys.stderr)
    else:
        print(call, "false", barrier.reason, file=sys.stderr)
