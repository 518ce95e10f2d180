"""The ledger's tables of crowds: routing, quality, effort, and the lead's page. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text

from backend.adapters.store.ledger.tables import SequenceNumber, metadata

crowds = Table(
    "masklet_crowds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("roles", Text, nullable=False),
    Column("verifiers", Integer, nullable=False),
    Column("max_redos", Integer, nullable=False),
    Column("checks", Text, nullable=False),
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
    Column("sequence", SequenceNumber, primary_key=True, autoincrement=False),
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
