# Copyright 2026 the @ipc/barrier authors. MIT license.

"""Runs a program of `peers/` again and again, as to start Python for each run takes
long: `python3 peers_in_python.py <program>`. A line of stdin has the calls, the
environment and what arrives; a line of stdout has what came of it."""

import json
import os
import sys
import tempfile

with open(sys.argv[1], encoding="utf-8") as file:
    program = compile(file.read(), sys.argv[1], "exec")


def run(calls, env):
    os.environ.update(env)
    sys.argv[1:] = calls
    code = 0
    try:
        exec(program, {"__name__": "__main__"})
    except BaseException:
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def text_of(file):
    file.seek(0)
    return file.read().decode()


for line in sys.stdin:
    request = json.loads(line)
    read, write = os.pipe()
    with tempfile.TemporaryFile() as sent, tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            for fd, file in enumerate([read, sent.fileno(), said.fileno()]):
                os.dup2(file, fd)
            os.close(write)
            run(request["calls"], request["env"])
        os.close(read)
        try:
            os.write(write, bytes(request["input"]))
        except BrokenPipeError:
            pass  # it ends without reading
        os.close(write)
        _, status = os.waitpid(pid, 0)
        answer = {
            "sent": text_of(sent),
            "said": text_of(said),
            "code": os.waitstatus_to_exitcode(status),
        }
    print(json.dumps(answer), flush=True)
