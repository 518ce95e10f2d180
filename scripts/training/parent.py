"""Ties a child process to its parent: Linux sends the child SIGKILL when the parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from backend.adapters.queue.child_process import PR_SET_PDEATHSIG


def end_with_parent(parent_pid: int) -> None:
    """Asks for SIGKILL at the parent's end; ends at once if it has ended already. Does nothing on other systems."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(0)
