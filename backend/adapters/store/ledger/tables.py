"""The ledger's tables. Names and columns only; what they mean is in the modules that write them.

Every change here needs a migration that makes the same change in a ledger that is there: see `migrations.py`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text, text

metadata = MetaData()

_Sequence = BigInteger().with_variant(Integer(), "sqlite")

counters = Table(
    "masklet_counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""`schema`: the schema's version. `sequence`: the last sequence number that was given out."""

prompts = Table(
    "masklet_prompts",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=False),
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

crowds = Table(
    "masklet_crowds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("roles", Text, nullable=False),
    Column("verifiers", Integer, nullable=False),
    Column("max_redos", Integer, nullable=False),
    Column("label_config", Text, nullable=False),
    Column("is_ready", Boolean, nullable=False),
    Column("created_s", Float, nullable=False),
)
"""roles: with commas between. label_config: from which the projects' configs are made."""

crowd_projects = Table(
    "masklet_crowd_projects",
    metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("crowd", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Column("last_task_id", BigInteger, nullable=False),
    Index("masklet_crowd_projects_role", "crowd", "role", unique=True),
)
"""changed_at, last_task_id: how far the project was read, as Label Studio says times and numbers."""

crowd_items = Table(
    "masklet_crowd_items",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("crowd", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("redos", Integer, nullable=False),
    Column("created_s", Float, nullable=False),
    Column("changed_s", Float, nullable=False),
    Index("masklet_crowd_items_state", "crowd", "state", "changed_s"),
)
"""An item is named by the task with which it entered the crowd."""

crowd_steps = Table(
    "masklet_crowd_steps",
    metadata,
    Column("item_project_id", BigInteger, primary_key=True),
    Column("item_task_id", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("crowd", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=True),
    Column("state", Text, nullable=False),
    Column("start", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("waits", Text, nullable=False),
    Column("maker", Text, nullable=False),
    Column("edited_frames", Integer, nullable=False),
    Column("uncounted", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("claimed_until_s", Float, nullable=False),
    Column("look_s", Float, nullable=False),
    Column("wanted_s", Float, nullable=False),
    Column("opened_s", Float, nullable=False),
    Column("done_s", Float, nullable=False),
    Index("masklet_crowd_steps_task", "project_id", "task_id", unique=True),
    Index("masklet_crowd_steps_due", "state", "look_s"),
    Index("masklet_crowd_steps_queue", "crowd", "role", "state", "opened_s"),
)
"""source: where prompts or masks are from, as JSON, empty for none. look_s: when the answers are looked at next.
waits: why the step does not go on. uncounted: how many verdicts that do not count the task says."""

crowd_answers = Table(
    "masklet_crowd_answers",
    metadata,
    Column("annotation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("item_project_id", BigInteger, nullable=False),
    Column("item_task_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("limits", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("objects", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("uncounted", Text, nullable=False),
    Index("masklet_crowd_answers_step", "item_project_id", "item_task_id", "number"),
)
"""Submitted annotations on the tasks of steps. verdict, limits: empty without one. objects: verdicts on objects, as
JSON. uncounted: why a verdict does not count; empty if it counts."""
measurements = Table(
    "masklet_measurements",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("state", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""The agreement, gold and verdicts of a task's annotations. state: of the annotations and verdicts when measured."""

gold = Table(
    "masklet_gold",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Column("gold_key", Text, nullable=False),
    Column("source_project_id", BigInteger, nullable=False),
    Column("source_task_id", BigInteger, nullable=False),
    Column("annotation_id", BigInteger, nullable=False),
    Column("truth", Text, nullable=False),
    Column("added_s", Float, nullable=False),
    Index("masklet_gold_project", "project_id"),
)
"""Tasks whose truth is known. gold_key: of a copy, the key in its data; empty for the task that the truth is of.
task_id: 0 for a copy that is not made yet. truth: on the compared frames."""

consensus = Table(
    "masklet_consensus",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("state", Text, nullable=False),
    Column("masks_run", Text, nullable=False),
    Column("prediction_id", BigInteger, nullable=False),
)
"""The consensus that is written to a task as a prediction. state: of what it was made; empty while it is written."""
effort = Table(
    "masklet_effort",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("seconds", Float, nullable=False),
    Index("masklet_effort_user", "user_name"),
)
"""Active time by person and object. object_id: empty for no object."""

effort_beats = Table(
    "masklet_effort_beats",
    metadata,
    Column("user_name", Text, primary_key=True),
    Column("beat_s", Float, nullable=False),
)
"""Each person's newest beat of activity, of all tabs and projects: the ledger's clock."""

run_summaries = Table(
    "masklet_run_summaries",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("masks_run", Text, nullable=False),
    Column("frame_count", BigInteger, nullable=False),
    Column("uncertainty", Float, nullable=False),
    Column("worst_frame", BigInteger, nullable=False),
    Column("objects", Text, nullable=False),
)
"""Figures of each person's newest finished propagation, which are made when somebody asks for them."""

orders = Table(
    "masklet_orders",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("masklet_orders_state", "state", "sequence"),
)
"""Propagations that a lead ordered."""
