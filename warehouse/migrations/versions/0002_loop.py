"""What the driving loop needs: evaluations with their drives, and the loops themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables; what is in the others stays as it is."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "evaluations",
        sa.Column("evaluation_id", number, autoincrement=True, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("settings_id", sa.String(length=64), nullable=False),
        sa.Column("drives", sa.Integer(), nullable=False),
        sa.Column("finished_share", sa.Float(), nullable=True),
        sa.Column("finished_low", sa.Float(), nullable=True),
        sa.Column("finished_high", sa.Float(), nullable=True),
        sa.Column("crashed_share", sa.Float(), nullable=True),
        sa.Column("crashed_low", sa.Float(), nullable=True),
        sa.Column("crashed_high", sa.Float(), nullable=True),
        sa.Column("progress_mean", sa.Float(), nullable=True),
        sa.Column("progress_low", sa.Float(), nullable=True),
        sa.Column("progress_high", sa.Float(), nullable=True),
        sa.Column("speed_mean", sa.Float(), nullable=True),
        sa.Column("speed_low", sa.Float(), nullable=True),
        sa.Column("speed_high", sa.Float(), nullable=True),
        sa.Column("return_mean", sa.Float(), nullable=False),
        sa.Column("return_low", sa.Float(), nullable=False),
        sa.Column("return_high", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("evaluation_id"),
        sa.UniqueConstraint("version", "task", "settings_id"),
    )
    op.create_table(
        "drives",
        sa.Column("evaluation_id", number, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("track", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.Boolean(), nullable=True),
        sa.Column("crashed", sa.Boolean(), nullable=True),
        sa.Column("progress", sa.Float(), nullable=True),
        sa.Column("speed", sa.Float(), nullable=True),
        sa.Column("return", sa.Float(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["evaluations.evaluation_id"],
        ),
        sa.PrimaryKeyConstraint("evaluation_id", "number"),
    )
    op.create_table(
        "loops",
        sa.Column("loop_id", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("loop_id"),
    )
    op.create_table(
        "laps",
        sa.Column("loop_id", sa.Text(), nullable=False),
        sa.Column("lap", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.String(length=64), nullable=False),
        sa.Column("head", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("promoted", sa.Boolean(), nullable=True),
        sa.Column("goes_on", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["loop_id"], ["loops.loop_id"]),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollouts.rollout_id"]),
        sa.ForeignKeyConstraint(["head"], ["models.version"]),
        sa.ForeignKeyConstraint(["version"], ["models.version"]),
        sa.ForeignKeyConstraint(["goes_on"], ["models.version"]),
        sa.PrimaryKeyConstraint("loop_id", "lap"),
    )
