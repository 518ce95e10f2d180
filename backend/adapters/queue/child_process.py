"""Start a command so that it dies with the process that started it, however that ends.

Linux sends a child the signal it asked for (PR_SET_PDEATHSIG) when its parent is gone, also after kill -9. The child
must ask for itself. Doing so in subprocess's preexec_fn runs Python between fork and exec, which can deadlock in a
process with threads; so this file is run as a script in between: it asks, and then becomes the command.

What Linux watches is the parent's *thread* that started the child: start children from one that lives as long as
they should. Elsewhere than on Linux there is no such signal and the command just runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied_to_parent(argv: Sequence[str], *, death_signal: signal.Signals = signal.SIGKILL) -> list[str]:
    """The argv that runs a command tethered to this process; the command keeps the pid that was started."""
    # -I and -S: no site-packages and no environment, so that it starts in a few milliseconds
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), *argv]


def main(argv: Sequence[str]) -> None:
    """PARENT_PID SIGNAL COMMAND...: become the command. Exits with 127 if there is no such command."""
    parent_pid, death_signal, command = int(argv[0]), int(argv[1]), list(argv[2:])
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            sys.exit(f"cannot be tethered: {os.strerror(ctypes.get_errno())}")
        if os.getppid() != parent_pid:
            sys.exit(0)  # the parent died before it could be watched
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - there is no logging here
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
