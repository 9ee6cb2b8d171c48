"""What each training made of each row of its window."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table; versions of earlier releases have no rows in it."""
    op.create_table(
        "training_rows",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("ranges", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["models.version"]),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollouts.rollout_id"]),
        sa.PrimaryKeyConstraint("version", "rollout_id", "role", "reason"),
    )
    op.create_index(op.f("ix_training_rows_rollout_id"), "training_rows", ["rollout_id"], unique=False)
