"""Every setting Masklet has, with its default. The only reader of the environment; read by bootstrap alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.domain.training import TrainedPart


class LogFormat(StrEnum):
    """The form of log lines."""

    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """Settings from the environment (prefix MASKLET_ unless an alias says otherwise)."""

    model_config = SettingsConfigDict(env_prefix="MASKLET_", frozen=True, populate_by_name=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="The data folder: ledger, masks, media, queue.")
    database_url: str = Field(
        "", validation_alias="DATABASE_URL", description="Ledger; empty: SQLite in the data folder."
    )
    store_url: str = Field(
        "",
        description="Where masks and finished exports lie; empty or file: the data folder; s3://BUCKET/PREFIX: a store "
        "that machines share, with the AWS_… variables of its client.",
    )
    store_cache_mib: int = Field(
        1024, ge=0, description="Size of this machine's cache of masks from an s3: store, MiB; 0: none."
    )
    redis_url: str = Field(
        "",
        validation_alias="REDIS_URL",
        description="Redis or Valkey; empty: a private Valkey server on a unix socket in the data folder.",
    )

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback needs a password.")
    port: int = Field(9090, description="Port to listen on.")
    basic_auth_user: str = Field("", description="User name that Label Studio must send.")
    basic_auth_pass: SecretStr = Field(SecretStr(""), description="Password that Label Studio must send.")
    webhook_secret: SecretStr = Field(SecretStr(""), description="Value that X-Masklet-Secret of a webhook must have.")
    allowed_hosts: str = Field(
        "",
        description="Other host names under which Masklet is called, comma-separated; `.example.org`: its subdomains; "
        "`*`: any.",
    )
    max_body_mib: int = Field(64, ge=1, description="Largest request body, MiB.")

    label_studio_url: str = Field(
        "",
        validation_alias="LABEL_STUDIO_URL",
        description="Label Studio's address as this machine reaches it.",
    )
    label_studio_token: SecretStr = Field(
        SecretStr(""),
        validation_alias="LABEL_STUDIO_API_KEY",
        description="Personal access token (or legacy token) for Label Studio.",
    )
    label_studio_public_url: str = Field(
        "", description="Label Studio's address in annotators' browsers; empty: LABEL_STUDIO_URL."
    )
    media_hosts: str = Field(
        "", description="Other origins media may come from, comma-separated (https://host[:port])."
    )
    public_url: str = Field(
        "",
        description="Where annotators' browsers reach Masklet, for media that it serves; empty: host and port.",
    )
    page_cache_mib: int = Field(1024, ge=0, description="Size of the cache of pages cut from videos, MiB.")
    media_max_gib: float = Field(20.0, gt=0, description="Size of the media cache, GiB.")

    model: str = Field(
        "auto",
        description="Checkpoint: demo, tiny, small, base_plus, large, edgetam, sam3 or a trained one; auto: the "
        "activated one, else the best one present.",
    )
    model_dir: Path | None = Field(None, description="Folder with checkpoint files; default: models in data_dir.")
    model_base_url: str = Field(
        "https://dl.fbaipublicfiles.com/segment_anything_2/092824/",
        description="Where `masklet models pull` fetches from.",
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    image_size: str = Field(
        "auto",
        description="Side of the square to which the model resizes a frame, in pixels: a multiple of 32 from 128 to "
        "2048 (edgetam: of 256, sam3: of 336); smaller is faster and coarser. auto: the checkpoint's own "
        "(SAM 2.1 and EdgeTAM: 1024, SAM 3: 1008), on a CPU at most 512.",
    )
    precision: str = Field(
        "auto",
        description="auto, float32, bfloat16 or int8. auto: bfloat16 on a GPU that computes in it, and from 256 px "
        "on a CPU with AMX; else float32. int8: a faster image encoder on another CPU, not of edgetam. Masks differ a "
        "little from float32's.",
    )
    compile: str = Field(
        "off",
        description="Faster steps after a warm-up at a worker's start: off, graphs (CUDA graphs), default "
        "(torch.compile) or max (both, kernels tried out; minutes).",
    )
    threads: int = Field(
        0, ge=0, description="CPU threads of the model; 0: all usable cores, for a worker or an import half of them."
    )
    feature_cache_mib: int = Field(
        512, ge=0, description="Host memory for encoded frames, MiB per worker; a second pass reads them. 0: none."
    )
    lookahead_frames: int = Field(
        0, ge=0, le=32, description="Frames encoded in one call; 0: one on a CPU, four on a GPU."
    )
    max_prompted_frames_attended: int = Field(
        0,
        ge=0,
        description="Prompted frames of an object that the model attends to: the nearest, 2 or more; 0: all.",
    )

    reply_deadline_s: float = Field(25.0, gt=0, le=90, description="Longest time a /predict is held.")
    prewarm_frames: int = Field(
        3, ge=0, le=20, description="Frames to either side of a click, encoded ahead of the next one; 0: none."
    )
    propagate_on_prompt: bool = Field(
        True, description="Propagate every accepted prompt through the whole video in the background."
    )
    player_shared_masks: bool = Field(
        False, description="In the player, people see each other's masks of tasks that Label Studio shows them."
    )
    effort: bool = Field(
        True,
        description="Record how long people work on each object in the player, for effort; kept in the ledger alone.",
    )
    leads: str = Field(
        "", description="Who may open the lead's page: e-mails or ids of Label Studio's users, comma-separated."
    )
    heartbeat_ttl_s: float = Field(
        60.0, gt=1, description="Seconds without a heartbeat after which a worker counts as dead."
    )
    hang_timeout_s: float = Field(
        60.0,
        gt=1,
        description="Longest time of one step of work, such as a frame, in seconds: a process without a step in that "
        "time is killed and replaced. A model's load has ten times as long.",
    )
    max_attempts: int = Field(3, ge=1, description="Attempts at a job without a new snapshot before it fails.")
    snapshot_frames: int = Field(
        200,
        ge=0,
        description="Frames between two snapshots, from which the next attempt resumes; 0: none.",
    )
    retention_days: float = Field(
        30.0, ge=0, description="Days after which unused jobs and masks are removed; 0: never."
    )
    train_minutes: float = Field(
        60.0, gt=0, description="Minutes of a training that Label Studio's button or the lead's page starts."
    )
    train_what: TrainedPart = Field(
        TrainedPart.MEMORY, description="What such a training changes: decoder, memory or all."
    )
    train_verdict: str = Field(
        "satisfactory",
        description="Verdicts, as of `masklet export`, on objects that trainings learn from on all frames; of objects "
        "without a verdict, the frames that people corrected count.",
    )
    train_annotator: str = Field(
        "auto",
        description="Whose of several annotations trainings learn from; auto: their consensus.",
    )
    train_activate_if_better: bool = Field(
        False, description="Use the checkpoint of such a training at once, if it is better beyond doubt."
    )
    trust_half_life_days: float = Field(
        60.0, ge=0, description="Days after which what is known of a person's masks counts half in trust; 0: never."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field(
        LogFormat.TEXT, description="text; or json: one object a line, with job, task, attempt and worker."
    )
