"""Label Studio's own settings, with an SQLite database that concurrent requests wait for.

Label Studio's Python imports this module, Masklet's does not. By default a transaction of SQLite takes the write lock
at its first write: where two meet, one fails at once with "database is locked". Label Studio then executes the whole
request again, after a part of it is stored: a submitted annotation, or an imported task, is there twice.
"""

import os

import django

# Label Studio's module asks Django for settings while it is imported, and they must be its own.
os.environ["DJANGO_SETTINGS_MODULE"] = "label_studio.core.settings.label_studio"

from label_studio.core.settings.label_studio import *  # noqa: F403
from label_studio.core.settings.label_studio import DATABASES

WAIT_S = 60
"""How long a request waits for others to write."""

_DATABASE = DATABASES["default"]
if _DATABASE["ENGINE"].endswith("sqlite3") and django.VERSION >= (5, 1):
    _DATABASE["OPTIONS"] = {
        "timeout": WAIT_S,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
