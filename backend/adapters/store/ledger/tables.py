"""The ledger's tables. Names and columns only; what they mean is in the modules that write them.

Every change here needs a migration that makes the same change in a ledger that is there: see `migrations.py`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text, text

metadata = MetaData()

SequenceNumber = BigInteger().with_variant(Integer(), "sqlite")

counters = Table(
    "masklet_counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""`schema`: the schema's version. `sequence`: the last sequence number that was given out. `written`: in SQLite, the
count of counted writes; see `Database.version`."""

prompts = Table(
    "masklet_prompts",
    metadata,
    Column("sequence", SequenceNumber, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("frame_index", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("masklet_prompts_canvas", "project_id", "task_id", "user_name", "sequence"),
)

labels = Table(
    "masklet_labels",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("label", Text, nullable=False),
)

jobs = Table(
    "masklet_jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("first_attempt", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("masks_run", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("created_s", Float, nullable=False),
    Column("updated_s", Float, nullable=False),
    Column("heartbeat_s", Float, nullable=False),
    Column("timings_s", Text, nullable=False),
    Column("pushes", Boolean, nullable=False),
    Column("request", Text, nullable=False),
    Column("user_name", Text, nullable=False, server_default=""),
    Index("masklet_jobs_state", "state", "kind"),
    Index("masklet_jobs_task", "project_id", "task_id", "sequence"),
    Index("masklet_jobs_task_kind", "project_id", "task_id", "kind", "sequence", "state"),
    Index("masklet_jobs_sequence", "sequence"),
)
"""first_attempt is the attempt with which the job was opened last: attempts are counted from there.
user_name is that of the request, and "*" after a second user's equal request.
sequence orders jobs by when they were asked for last, whatever the machine's clock did.
masklet_jobs_task_kind ends in the state, so that a look for few states among many clicks reads no other rows."""

awaited = Table(
    "masklet_awaited",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("since_s", Float, nullable=False),
    Column("until_s", Float, nullable=False),
    Column("backward", Boolean, nullable=False),
)
"""For which propagations persons wait. Ledgers of version 1 may lack the table."""

askers = Table(
    "masklet_askers",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Index("masklet_askers_user", "project_id", "task_id", "user_name"),
)
"""Users whose request of a propagation equals that of another user, for whom the job was opened."""

stops = Table(
    "masklet_stops",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("requested_s", Float, nullable=False),
)
"""Open propagations that are to end with the masks they have."""

verdicts = Table(
    "masklet_verdicts",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("masks", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),
)
"""What users say of masks. object_id: empty for the whole task. masks: the digests of the masks that were judged, one a
line. sequence: 0 for verdicts of schemas before 8."""

pushes = Table(
    "masklet_pushes",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_s", Float, nullable=False),
    Column("claimed_until_s", Float, nullable=False),
    Column("prediction_id", BigInteger, nullable=True),
    Column("reason", Text, nullable=False),
    Index("masklet_pushes_due", "state", "next_try_s"),
)

annotation_writes = Table(
    "masklet_annotation_writes",
    metadata,
    Column("annotation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("is_pending", Boolean, nullable=False),
    Column("claimed_until_s", Float, nullable=False),
    Column("masks_run", Text, nullable=False),
    Index("masklet_annotation_writes_pending", "is_pending"),
)
"""The annotations into which a user's masks of the player are written. seen: the annotation's state (its time of
change) of the last request or write. wanted: how often a write was requested. masks_run: the masks written last."""

failures = Table(
    "masklet_failures",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("since_s", Float, nullable=False),
    Column("next_try_s", Float, nullable=False),
    Column("is_given_up", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)
"""What failed and is tried again, or was given up. A job's subject is its id; the others' are of failure_rows.py."""
