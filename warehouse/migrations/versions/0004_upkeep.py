"""What upkeep writes down: joined partitions, removed files, dropped rollouts and versions, sighted garbage."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns that are unknown of what is there, and one table; what is in the others stays as it is."""
    op.add_column("partitions", sa.Column("replaced_by", sa.String(length=64), nullable=True))
    op.add_column("partitions", sa.Column("removed_at", sa.DateTime(), nullable=True))
    for table in ("rollouts", "models"):
        op.add_column(table, sa.Column("dropped_at", sa.DateTime(), nullable=True))
        op.add_column(table, sa.Column("dropped_by", sa.Text(), nullable=True))
    op.add_column("windows", sa.Column("used_at", sa.DateTime(), nullable=True))
    op.create_table(
        "garbage",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
