"""The catalog's tables, as SQLAlchemy Core metadata; migrations/ brings an older catalog to this state.

Times are naive UTC, except `rollouts.written_at`, the engine's local time. Ids of content are sha256 in hex.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
_BIG_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself

spaces = Table(
    "spaces",
    metadata,
    Column("space_id", String(16), primary_key=True),
    Column("definition", JSON, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("source", Text, nullable=False),  # folder, or "" for a run that the files name themselves
    Column("explicit", Boolean, nullable=False),
    Column("created_at", DateTime, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("source", Text, primary_key=True),  # absolute folder, posix
    Column("label", Text, nullable=False, unique=True),  # names the runs that are inferred in it
)

partitions = Table(
    "partitions",
    metadata,
    Column("partition_id", String(64), primary_key=True),  # sha256 of the file
    Column("path", Text, nullable=False, unique=True),
    Column("bytes", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("space_id", String(16), ForeignKey("spaces.space_id"), nullable=False),
    Column("terms", JSON, nullable=False),  # names of the reward terms, each a column term_<name>
    Column("created_at", DateTime, nullable=False),
    Column("retired_at", DateTime),  # no rollout is read from it any more, except by windows that name it
    Column("replaced_by", String(64)),  # partition that holds its rows since
    Column("removed_at", DateTime),  # its file was deleted
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("rollout_id", String(64), primary_key=True),  # sha256 of the file's (uncompressed) bytes
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),  # order within the run, from 0
    Column("partition_id", String(64), ForeignKey("partitions.partition_id"), nullable=False, index=True),
    Column("first_row", Integer, nullable=False),  # within the partition
    Column("rows", Integer, nullable=False),
    Column("rows_sha256", String(64), nullable=False),  # over the rows as stored, see warehouse/fingerprint.py
    Column("file_name", Text, nullable=False, index=True),
    Column("file_path", Text, nullable=False),
    Column("source", Text, nullable=False, index=True),
    Column("explicit_run", Text),
    Column("rollout_index", Integer),
    Column("written_at", DateTime),
    Column("environment", Text),
    Column("seed", BigInteger),
    Column("claimed_version", Integer),
    Column("space_id", String(16), ForeignKey("spaces.space_id"), nullable=False),
    Column("agents", Integer, nullable=False),
    Column("rows_in_file", Integer, nullable=False),
    Column("rejected_rows", Integer, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("superseded_by", String(64)),  # a mended file took its place
    Column("ingested_at", DateTime, nullable=False, index=True),
    Column("dropped_at", DateTime),  # by retention: its rows leave the lake, this row stays
    Column("dropped_by", Text),  # the rule
)

sightings = Table(
    "sightings",
    metadata,
    Column("path", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("content_id", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),  # accepted | duplicate | rejected
    Column("seen_at", DateTime, nullable=False),
)

rejects = Table(
    "rejects",
    metadata,
    Column("reject_id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("content_id", String(64), nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_path", Text, nullable=False),
    Column("row_index", Integer, nullable=False),  # -1: the whole file
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary),  # a row's text; a file's bytes lie under rejects/ in the home
    Column("rejected_at", DateTime, nullable=False),
    Column("resolved_by", String(64)),  # the rollout that brought it in after all
    UniqueConstraint("content_id", "row_index", "file_path"),  # one reject, however often it is looked at
)

attributions = Table(
    "attributions",
    metadata,
    Column("rollout_id", String(64), ForeignKey("rollouts.rollout_id"), primary_key=True),
    Column("version", Integer, ForeignKey("models.version")),  # the author, NULL while unknown
    Column("verdict", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("value_error", Float),
    Column("log_prob_error", Float),
    Column("noise", JSON, nullable=False),  # [[agent_index, first_step, noise_scale], ...]
    Column("tried_through", Integer, nullable=False),  # newest version that was a candidate
    Column("attributed_at", DateTime, nullable=False),
)

rewards = Table(
    "rewards",
    metadata,
    Column("reward_id", String(64), primary_key=True),  # sha256 of the definition; a row never changes
    Column("kind", String(16), nullable=False),  # weights | sql
    Column("definition", JSON, nullable=False),  # schemas/reward.py, less the name
    Column("created_at", DateTime, nullable=False),
)

reward_names = Table(
    "reward_names",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("reward_id", String(64), ForeignKey("rewards.reward_id"), nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", DateTime, nullable=False),  # when the name was given to this definition
)

windows = Table(
    "windows",
    metadata,
    Column("window_id", String(64), primary_key=True),  # sha256 of the manifest's rows, and of its reward
    Column("request", JSON, nullable=False),
    Column("sql", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("rows_sha256", String(64), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("reward_id", String(64), ForeignKey("rewards.reward_id")),  # NULL: as recorded; its name is in the request
    Column("used_at", DateTime),  # selected again
)

window_rollouts = Table(
    "window_rollouts",
    metadata,
    Column("window_id", String(64), ForeignKey("windows.window_id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("rollout_id", String(64), ForeignKey("rollouts.rollout_id"), nullable=False, index=True),
    Column("partition_id", String(64), ForeignKey("partitions.partition_id"), nullable=False, index=True),
    Column("first_row", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, ForeignKey("models.version")),
    Column("start", String(16), nullable=False),  # warm | clone | imported | fresh
    Column("window_id", String(64), ForeignKey("windows.window_id"), index=True),
    Column("config", JSON, nullable=False),
    Column("space_id", String(16), ForeignKey("spaces.space_id"), nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),  # over the float32 weights as the engine sees them
    Column("folder", Text, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("dropped_at", DateTime),  # by retention: of its files only manifest and card stay
    Column("dropped_by", Text),  # the rule
    CheckConstraint("version >= 1"),
)

training_rows = Table(
    "training_rows",
    metadata,
    Column("version", Integer, ForeignKey("models.version"), primary_key=True),
    Column("rollout_id", String(64), ForeignKey("rollouts.rollout_id"), primary_key=True, index=True),
    Column("role", String(16), primary_key=True),  # trained | gated | bootstrap | left_out
    Column("reason", String(255), primary_key=True),  # empty where trained
    Column("rows", Integer, nullable=False),
    Column("ranges", JSON, nullable=False),  # [[first row_index, last row_index], ...]
)

model_files = Table(
    "model_files",
    metadata,
    Column("version", Integer, ForeignKey("models.version"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("alias", String(64), primary_key=True),
    Column("version", Integer, ForeignKey("models.version"), nullable=False),
    Column("moved_at", DateTime, nullable=False),
)

alias_moves = Table(
    "alias_moves",
    metadata,
    Column("move_id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("alias", String(64), nullable=False, index=True),
    Column("from_version", Integer),
    Column("to_version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("moved_at", DateTime, nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    Column("version", Integer, ForeignKey("models.version"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("step", Integer, primary_key=True),  # epoch for curves, 0 for single figures
    Column("value", Float, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("evaluation_id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("version", Integer, ForeignKey("models.version"), nullable=False),
    Column("task", Text, nullable=False),  # id of the environment
    Column("settings", JSON, nullable=False),
    Column("settings_id", String(64), nullable=False),  # sha256 of the settings as canonical JSON
    Column("drives", Integer, nullable=False),
    Column("finished_share", Float),
    Column("finished_low", Float),
    Column("finished_high", Float),
    Column("crashed_share", Float),
    Column("crashed_low", Float),
    Column("crashed_high", Float),
    Column("progress_mean", Float),  # laps
    Column("progress_low", Float),
    Column("progress_high", Float),
    Column("speed_mean", Float),  # m/s
    Column("speed_low", Float),
    Column("speed_high", Float),
    Column("return_mean", Float, nullable=False),
    Column("return_low", Float, nullable=False),
    Column("return_high", Float, nullable=False),
    Column("created_at", DateTime, nullable=False),
    UniqueConstraint("version", "task", "settings_id"),  # drives are deterministic: the same ones are never done twice
)

drives = Table(
    "drives",
    metadata,
    Column("evaluation_id", _BIG_ID, ForeignKey("evaluations.evaluation_id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # drives of one number started alike, whichever version drove
    Column("track", BigInteger),
    Column("finished", Boolean),
    Column("crashed", Boolean),
    Column("progress", Float),  # laps
    Column("speed", Float),  # m/s
    Column("return", Float, nullable=False),
    Column("length", Integer, nullable=False),
)

loops = Table(
    "loops",
    metadata,
    Column("loop_id", Text, primary_key=True),  # its rollouts' runs are called <loop_id>.<session>
    Column("settings", JSON, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
)

laps = Table(
    "laps",
    metadata,
    Column("loop_id", Text, ForeignKey("loops.loop_id"), primary_key=True),
    Column("lap", Integer, primary_key=True),  # from 1
    Column("rollout_id", String(64), ForeignKey("rollouts.rollout_id"), nullable=False),  # that it drove
    Column("head", Integer, ForeignKey("models.version"), nullable=False),  # that it trains further
    Column("version", Integer, ForeignKey("models.version")),  # that it made; NULL until then
    Column("promoted", Boolean),  # NULL where it was not judged
    Column("goes_on", Integer, ForeignKey("models.version")),  # head of the next lap; NULL until this one is done
)

garbage = Table(
    "garbage",
    metadata,
    Column("path", Text, primary_key=True),  # below the home, posix
    Column("first_seen_at", DateTime, nullable=False),  # it is deleted a time of grace later
)

Index("rollouts_by_order", rollouts.c.run_id, rollouts.c.position)
