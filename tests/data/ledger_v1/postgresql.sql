CREATE TABLE masklet_awaited (
    job_id TEXT NOT NULL,
    since_s FLOAT NOT NULL,
    until_s FLOAT NOT NULL,
    backward BOOLEAN NOT NULL,
    PRIMARY KEY (job_id)
);
CREATE TABLE masklet_counters (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE masklet_jobs (
    job_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    first_attempt INTEGER NOT NULL,
    sequence BIGINT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    reason TEXT NOT NULL,
    masks_run TEXT NOT NULL,
    model_version TEXT NOT NULL,
    worker TEXT NOT NULL,
    created_s FLOAT NOT NULL,
    updated_s FLOAT NOT NULL,
    heartbeat_s FLOAT NOT NULL,
    timings_s TEXT NOT NULL,
    pushes BOOLEAN NOT NULL,
    request TEXT NOT NULL,
    PRIMARY KEY (job_id)
);
CREATE INDEX masklet_jobs_sequence ON masklet_jobs (sequence);
CREATE INDEX masklet_jobs_state ON masklet_jobs (state, kind);
CREATE INDEX masklet_jobs_task ON masklet_jobs (project_id, task_id, sequence);
CREATE TABLE masklet_labels (
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    user_name TEXT NOT NULL,
    object_id TEXT NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (project_id, task_id, user_name, object_id)
);
CREATE TABLE masklet_prompts (
    sequence BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    user_name TEXT NOT NULL,
    object_id TEXT NOT NULL,
    frame_index BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (sequence)
);
CREATE INDEX masklet_prompts_canvas ON masklet_prompts (project_id, task_id, user_name, sequence);
CREATE TABLE masklet_pushes (
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    model_version TEXT NOT NULL,
    job_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_try_s FLOAT NOT NULL,
    claimed_until_s FLOAT NOT NULL,
    prediction_id BIGINT,
    reason TEXT NOT NULL,
    PRIMARY KEY (project_id, task_id, model_version)
);
CREATE INDEX masklet_pushes_due ON masklet_pushes (state, next_try_s);
