"""Which rollouts a named reward can score.

Arrives: a reward. Leaves: kinds of partitions that have its columns, and of chosen rollouts those that have no row with
all of them after all.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import polars as pl
import pyarrow.compute as pc
import sqlalchemy as sa

from schemas.reward import Reward
from schemas.space import Space
from schemas.window import WindowRollout
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.partition import read_ranges
from warehouse.scoring import KINDS, scored


def layouts(lake: Lake, reward: Reward) -> Iterator[str]:
    """Space and terms, as the catalog spells them in one text, of partitions with every column of the reward."""
    partition = t.partitions.c
    spelled = partition.space_id + " " + sa.cast(partition.terms, sa.Text)
    with lake.catalog.read() as connection:
        found = connection.execute(sa.select(spelled, sa.func.min(partition.partition_id)).group_by(spelled)).all()
        for text, partition_id in found:
            row = connection.execute(
                sa.select(t.spaces.c.definition, partition.terms)
                .join(t.spaces, t.spaces.c.space_id == partition.space_id)
                .where(partition.partition_id == partition_id)
            ).one()
            if all(
                name.casefold() in _columns(Space.model_validate(row.definition), row.terms) for name in reward.columns
            ):
                yield text


def bare(lake: Lake, members: Sequence[WindowRollout], reward: Reward) -> list[str]:
    """Rollouts of which no row can be scored: their neighbours in the partition have terms, they have none.

    Raises:
        RewardRejected: the reward gives no finite number for a row.
        LakeDamaged: a partition is gone, or is not the file that was selected.
    """
    found = []
    ordered = sorted(members, key=lambda m: (m.path, m.partition_sha256, m.first_row))
    for (path, sha256), group in groupby(ordered, key=lambda m: (m.path, m.partition_sha256)):
        frame = read_ranges(lake.paths, path, sha256, [(m.first_row, m.rows) for m in group])
        table = scored(lake, frame.to_arrow(compat_level=pl.CompatLevel.oldest()), reward)
        known = set(table["rollout_id"].filter(pc.is_valid(table["reward"])).unique().to_pylist())
        found += [name for name in frame["rollout_id"].unique(maintain_order=True) if name not in known]
    return found


def _columns(space: Space, terms: Sequence[str]) -> set[str]:
    """Columns of a partition, as SQL compares them."""
    names = [*space.observation_columns, *space.action_columns, *(f"term_{term}" for term in terms), *KINDS]
    return {name.casefold() for name in names}
