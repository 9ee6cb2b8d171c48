"""The upkeep of a lake, in the order in which it is safe: join, drop, collect.

Arrives: a lake and its settings. Leaves: an `UpkeepReport`.
"""

from dataclasses import dataclass
from typing import Any

from flows.reporter import Reporter
from flows.summary import Lines
from warehouse import compaction
from warehouse.collection import CollectionReport, collect
from warehouse.compaction import CompactionReport, Join, compact
from warehouse.lake import Lake
from warehouse.retention import RetentionReport, retain


@dataclass
class UpkeepReport:
    """What was done, or with `dry_run` what would be."""

    dry_run: bool
    joins: list[Join]
    """Planned; filled by a dry run alone."""
    compaction: CompactionReport
    retention: RetentionReport
    collection: CollectionReport
    seconds: dict[str, float]

    @property
    def complaints(self) -> dict[str, str]:
        """Path -> what is wrong with it: damaged partitions, files that could not go."""
        return self.compaction.damaged | self.collection.hindered

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        joined, dropped, collected = self.compaction, self.retention, self.collection
        return {
            "dry_run": self.dry_run,
            "compaction": {
                "partitions": joined.partitions,
                "made": joined.made,
                "rows": joined.rows,
                "bytes_before": joined.bytes_before,
                "bytes_after": joined.bytes_after,
                "overtaken": joined.overtaken,
                "damaged": joined.damaged,
            },
            "retention": {
                "rule": dropped.rule,
                "rollouts": dropped.rollouts,
                "rows": dropped.rows,
                "spared": dropped.spared,
                "versions_rule": dropped.versions_rule,
                "versions": dropped.versions,
            },
            "collection": {
                "removed": [{"path": one.path, "reason": one.reason, "bytes": one.bytes} for one in collected.removed],
                "waiting": [
                    {"path": one.path, "reason": one.reason, "bytes": one.bytes, "since": one.since and f"{one.since}Z"}
                    for one in collected.waiting
                ],
                "pinned": len(collected.pinned),
                "pinned_bytes": sum(one.bytes for one in collected.pinned),
                "hindered": collected.hindered,
            },
            "seconds": self.seconds,
        }


def maintain(lake: Lake, report: Reporter, *, dry_run: bool = False) -> UpkeepReport:
    """Join small partitions, drop what the rules of retention drop, delete garbage whose grace is over.

    Killed at any point it goes on with the next call; others may ingest, train and query meanwhile.

    Raises:
        CatalogBusy, StorageBusy: what was done so far stays.
    """
    joins: list[Join] = []
    if dry_run:
        joins = report.stage("compaction", compaction.plan, lake)
        joined = CompactionReport(
            sum(len(join.sources) for join in joins),
            len(joins),
            sum(join.rows for join in joins),
            sum(source.bytes for join in joins for source in join.sources),
        )
    else:
        joined = report.stage(
            "compaction", compact, lake, lambda done, total: report.progress("partitions", done, total)
        )
    dropped = report.stage("retention", retain, lake, dry_run=dry_run)
    collected = report.stage(
        "collection",
        collect,
        lake,
        dry_run=dry_run,
        progress=lambda done, total: report.progress("garbage", done, total),
    )
    return UpkeepReport(dry_run, joins, joined, dropped, collected, dict(report.seconds))


def summary(done: UpkeepReport) -> str:
    """One line."""
    joined, dropped, collected = done.compaction, done.retention, done.collection
    would = "would be " if done.dry_run else ""
    parts = [
        f"{joined.partitions:,} partitions {would}joined into {joined.made:,}",
        f"{len(dropped.rollouts):,} rollouts and {len(dropped.versions):,} versions {would}dropped",
        f"{len(collected.removed):,} files ({megabytes(collected.bytes)}) {would}deleted",
        f"{len(done.complaints):,} files are damaged or in the way" if done.complaints else "",
    ]
    return "; ".join(part for part in parts if part)


def upkeep_lines(done: UpkeepReport) -> Lines:
    """The account, line by line."""
    joined, dropped, collected = done.compaction, done.retention, done.collection
    after = "" if done.dry_run else f" to {megabytes(joined.bytes_after)}"
    sizes = f", {megabytes(joined.bytes_before)}{after}" if joined.partitions else ""
    join, drop, delete = (
        ("would join", "would drop", "would delete") if done.dry_run else ("joined", "dropped", "deleted")
    )
    lines = [
        (join, f"{joined.partitions:,} partitions into {joined.made:,}: {joined.rows:,} experiences{sizes}"),
        (f"{drop} rollouts", _dropped(dropped.rule, f"{len(dropped.rollouts):,} with {dropped.rows:,} experiences")),
        (f"{drop} versions", _dropped(dropped.versions_rule, ", ".join(map(str, dropped.versions)) or "none")),
        (delete, f"{len(collected.removed):,} files, {megabytes(collected.bytes)}"),
        ("within the grace", _of(collected.waiting)),
        ("pinned by windows", _of(collected.pinned)),
        ("seconds", ", ".join(f"{name} {value:.2f}" for name, value in done.seconds.items())),
    ]
    if dropped.spared:
        lines.insert(2, ("spared", f"{dropped.spared:,} rollouts that versions, windows or loops need"))
    return lines


def megabytes(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:,.1f} MB"


def _dropped(rule: str, what: str) -> str:
    return f"{what} (rule: {rule})" if rule else "none; no rule is set"


def _of(litter: list[Any]) -> str:
    return f"{len(litter):,} files, {megabytes(sum(one.bytes for one in litter))}"
