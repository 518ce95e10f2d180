"""Starts a command that ends with its parent process, also after kill -9 of the parent.

Linux sends a child the signal that it set with PR_SET_PDEATHSIG when its parent ends. The child must set it itself.
subprocess's preexec_fn runs Python between fork and exec, which can deadlock in a process with threads. So this file
runs as a script in between: it sets the signal, and then execs the command.

Linux sends the signal when the parent's *thread* that started the child ends: start children from a thread that
outlives them. Other systems have no such signal; there the command runs without it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied_to_parent(argv: Sequence[str], *, death_signal: signal.Signals = signal.SIGKILL) -> list[str]:
    """The argv that runs a command which ends with this process; the command keeps the started pid."""
    # -I and -S: no site-packages and no environment, so that it starts in a few milliseconds
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), *argv]


def end_with(parent_pid: int, death_signal: int) -> None:
    """Has Linux send this process the signal when its parent ends; exits if the parent has ended. Elsewhere nothing."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(f"cannot be tied to its parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:
        sys.exit(0)  # the parent ended before the signal was set


def main(argv: Sequence[str]) -> None:
    """PARENT_PID SIGNAL COMMAND...: execs the command. Exits with 127 if the command does not exist."""
    end_with(int(argv[0]), int(argv[1]))
    command = list(argv[2:])
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - logging is not set up
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
