"""What is committed together: some hundred thousand rows of many files.

Arrives: files with their readings, files turned away. Leaves: partitions, and one transaction of the ledger.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from warehouse import ledger
from warehouse.catalog import now
from warehouse.judge import judge
from warehouse.lake import Lake
from warehouse.mending import mended
from warehouse.partition import write_partition
from warehouse.reader import Reading
from warehouse.rejects import keep_file
from warehouse.source_file import SourceFile

MAX_BYTES = 96 * 2**20


@dataclass(frozen=True)
class Group:
    """Files of one run and one space: one partition."""

    run: str
    members: list[tuple[SourceFile, Reading]]
    frame: pl.DataFrame
    terms: tuple[str, ...]


@dataclass
class Load:
    """A batch in the making."""

    files: dict[str, tuple[SourceFile, Reading]] = field(default_factory=dict)  # by content id
    turned_away: list[tuple[SourceFile, str]] = field(default_factory=list)
    seen_again: list[SourceFile] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    lost_race: set[str] = field(default_factory=set)
    """After the commit: rollouts that another process had brought in meanwhile."""

    def add(self, source: SourceFile, reading: Reading) -> None:
        """One more file; its bytes are held until its rejected rows are cut out of them."""
        self.files[source.content_id] = source, reading
        self.rows += reading.rows
        self.bytes += len(source.content)

    def commit(self, lake: Lake, labels: dict[str, str]) -> None:
        """Judge the rows, write the partitions, tell the ledger; what lost a race is left out, then again."""
        self._judge(labels)
        while raced := ledger.commit(lake.catalog, self._batch(lake, labels)):
            self.lost_race |= raced

    def _judge(self, labels: dict[str, str]) -> None:
        places: dict[tuple[str, str], list[tuple[SourceFile, Reading]]] = defaultdict(list)
        for source, reading in self.files.values():
            run = reading.head.run_id or labels[source.landed.source]
            places[run, reading.space.space_id].append((source, reading))
        for (run, _), members in places.items():
            verdict = judge([reading for _, reading in members])
            good = [(source, reading) for source, reading in members if source.content_id not in verdict.rejected]
            self._turn_away(verdict.rejected)
            if good:
                self.groups.append(Group(run, good, verdict.frame, verdict.terms))

    def _turn_away(self, rejected: Mapping[str, str]) -> None:
        """Files of this content, the ones that came twice among them."""
        sources = [*(source for source, _ in self.files.values()), *self.seen_again]
        self.turned_away += [(s, rejected[s.content_id]) for s in sources if s.content_id in rejected]
        self.seen_again = [source for source in self.seen_again if source.content_id not in rejected]

    def _batch(self, lake: Lake, labels: dict[str, str]) -> ledger.Batch:
        moment = now()
        batch = ledger.Batch(sightings=[source.sighting("duplicate") for source in self.seen_again])
        for group in self.groups:
            batch.sightings += [source.sighting("accepted") for source, _ in group.members]
            ours = [(source, reading) for source, reading in group.members if source.content_id not in self.lost_race]
            if not ours:
                continue
            frame = group.frame
            if len(ours) < len(group.members):
                frame = frame.filter(~pl.col("rollout_id").is_in(list(self.lost_race)))
            batch.partitions.append(write_partition(lake.paths, group.run, frame, ours[0][1].space, group.terms))
            agents = dict(frame.group_by("rollout_id").agg(pl.col("agent_index").n_unique()).rows())
            for source, reading in ours:
                batch.rollouts[source.content_id] = {
                    **source.ledger_row(reading.head),
                    "label": labels[source.landed.source],
                    "agents": agents[source.content_id],
                    "rows_in_file": reading.rows_in_file,
                    "rejected_rows": len(reading.lost),
                    "warnings": reading.warnings,
                }
                batch.rejects += [source.reject(row.row_index, row.reason, row.raw, moment) for row in reading.lost]
        for source, reason in self.turned_away:
            if not source.too_large:  # it would fill the disk; it stays where it lies
                keep_file(lake.paths, source.content_id, source.content)
            batch.rejects.append(source.reject(-1, reason, None, moment))
            batch.sightings.append(source.sighting("rejected"))
        batch.supersedes = mended(lake, batch.rollouts, [group.frame for group in self.groups])
        return batch
