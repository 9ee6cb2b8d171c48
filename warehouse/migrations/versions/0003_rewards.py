"""Named rewards, and which one a window is scored by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables; windows that are there keep the recorded reward."""
    op.create_table(
        "rewards",
        sa.Column("reward_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reward_id"),
    )
    op.create_table(
        "reward_names",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("reward_id", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["reward_id"], ["rewards.reward_id"]),
        sa.PrimaryKeyConstraint("name"),
    )
    # Both databases add such a column in place; alembic would copy the table on SQLite, and models refer to it.
    op.execute("ALTER TABLE windows ADD COLUMN reward_id VARCHAR(64) REFERENCES rewards (reward_id)")
