"""Imports what workers need, for a fork server: it takes seconds. See adapters/queue/fork_server.py."""

from __future__ import annotations

import backend.bootstrap.worker  # noqa: F401 - imported to be there in forked processes
from backend.adapters.labelstudio.api.sdk import load_sdk

load_sdk()
