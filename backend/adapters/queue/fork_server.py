"""Starts processes by a fork of one process that has their imports: the fork server.

A worker imports torch and its libraries for several seconds. A fork takes milliseconds, and processes that were forked
share the memory of what they import. On Linux only: elsewhere libraries do not bear a fork.

The fork server is a child process with one thread. It answers one request at a time over a socket, starts processes
and tells their exit codes. They end with it, and it ends with the process that started it (child_process.py).
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import IO

from backend.adapters.queue.child_process import end_with, tied_to_parent
from backend.codecs.imports import imports_for_good
from backend.domain.errors import ServiceUnavailable

ANSWER_S = 120.0
"""The longest answer, in seconds: the first comes when the imports are done. A server that takes longer is killed."""

MESSAGE_BYTES = 1 << 17


def is_supported() -> bool:
    """Whether this system has what a fork server needs: Linux 5.3 or newer, and a sandbox that permits pidfd_open."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class ForkServer:
    """A fork server, started when it is needed and again when it ended. For one thread, which must outlive it."""

    def __init__(self, imports: Sequence[str]) -> None:
        """imports: names of modules."""
        self._imports = tuple(imports)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the server; None if it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], output: IO[bytes] | None) -> ForkedProcess:
        """Starts ``python -m MODULE ...`` as the leader of a session. Raises ServiceUnavailable.

        env: added to the environment of the server. output: an open file; None: the server's own output.
        """
        if tuple(argv[:2]) != (sys.executable, "-m"):
            raise ValueError(f"argv must be {sys.executable} -m MODULE ..., got {' '.join(argv)}")
        if self.pid is None:
            self._launch()
        files = [] if output is None else [output.fileno()]
        return ForkedProcess(self._ask({"argv": list(argv), "env": dict(env)}, files), self)

    def exit_code(self, pid: int) -> int:
        """The exit code of an ended process, as in subprocess; that of SIGKILL if the server ended, which kills it."""
        try:
            return self._ask({"ended": pid})
        except ServiceUnavailable:
            return -int(signal.SIGKILL)

    def stop(self) -> None:
        """Kills the server with the processes that it started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._channel is not None:
            self._channel.close()
        self._process = self._channel = None

    def _launch(self) -> None:
        self.stop()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(ANSWER_S)
        with theirs:
            self._process = subprocess.Popen(
                tied_to_parent((sys.executable, "-m", __name__, str(theirs.fileno()), *self._imports)),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _ask(self, request: Mapping[str, object], files: Sequence[int] = ()) -> int:
        if self._channel is None:
            raise ServiceUnavailable("the fork server does not run")
        try:
            socket.send_fds(self._channel, [json.dumps(request).encode()], files)
            answer = self._channel.recv(MESSAGE_BYTES)
            if not answer:
                raise ConnectionResetError("it ended")
        except OSError as error:  # a time-out among them: an answer that comes later must not be taken for the next one
            self.stop()
            raise ServiceUnavailable(f"the fork server did not answer: {error}") from error
        return int(answer)


class ForkedProcess:
    """A process that a fork server started: what the supervisor uses of `subprocess.Popen`."""

    def __init__(self, pid: int, server: ForkServer) -> None:
        self.pid = pid
        self._server = server
        self._code: int | None = None
        self._ended = -1
        with suppress(ProcessLookupError):  # it was killed with its server
            self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit code, None while the process runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; None waits without a limit. Raises subprocess.TimeoutExpired."""
        if self._code is not None:
            return self._code
        if self._ended >= 0:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            os.close(self._ended)
            self._ended = -1
        self._code = self._server.exit_code(self.pid)
        return self._code

    def terminate(self) -> None:
        """Sends SIGTERM, unless the exit code has been taken."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


def next_start(channel: socket.socket) -> list[str] | None:
    """Answers requests: in a forked process it returns its argv, in the server None when the other end is closed."""
    while True:
        request, files, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
        if not request:
            return None
        asked = json.loads(request)
        if "ended" in asked:
            channel.send(str(_exit_code(asked["ended"])).encode())
            continue
        server_pid, pid = os.getpid(), os.fork()
        if pid == 0:
            os.setsid()
            end_with(server_pid, signal.SIGKILL)
            os.environ.update(asked["env"])
            for file, number in product(files, (1, 2)):
                os.dup2(file, number)
        for file in files:
            os.close(file)
        if pid == 0:
            return list(asked["argv"])
        channel.send(str(pid).encode())


def _exit_code(pid: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:  # of an earlier server, whose end killed it
        return -int(signal.SIGKILL)


def main(argv: Sequence[str]) -> None:
    """FILE_NUMBER MODULE...: imports the modules, then answers requests on the socket of that number.

    In a forked process it runs the requested module, as the interpreter does with ``-m``.
    """
    with socket.socket(fileno=int(argv[0])) as channel:
        with imports_for_good():
            for name in argv[1:]:
                with suppress(Exception):  # the process that needs the module tells it in its own log
                    importlib.import_module(name)
        start = next_start(channel)
    if start is not None:
        sys.orig_argv = start  # a process that replaces itself repeats its argv
        sys.argv = start[2:]
        runpy.run_module(start[2], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
