"""What came of every file of one ingest."""

from dataclasses import dataclass, field


@dataclass
class IngestReport:
    """Each file is in exactly one of the dictionaries and lists below; keys are the engine's paths."""

    accepted: dict[str, int] = field(default_factory=dict)
    """Rows that went into the lake."""
    rejected_files: dict[str, str] = field(default_factory=dict)
    """Why the whole file was turned away."""
    duplicates: dict[str, str] = field(default_factory=dict)
    """Name of the file in the lake that has the same content."""
    known: list[str] = field(default_factory=list)
    """In the lake since an earlier ingest, or brought in by another process meanwhile."""
    known_rejects: list[str] = field(default_factory=list)
    """Turned away by an earlier ingest, unchanged since."""
    ignored: dict[str, str] = field(default_factory=dict)
    """Not rollouts, or still being written."""
    left: dict[str, str] = field(default_factory=dict)
    """Growing or out of reach; the next ingest looks again."""

    rejected_rows: dict[str, list[str]] = field(default_factory=dict)
    """Of accepted files: why single rows were turned away."""
    warnings: dict[str, list[str]] = field(default_factory=dict)
    """Of accepted files: what the file says that is not so."""
    rollouts: list[str] = field(default_factory=list)
    """Ids of the accepted, in the order of `accepted`."""
    seconds: float = 0.0

    @property
    def experiences(self) -> int:
        """Rows that went in."""
        return sum(self.accepted.values())

    @property
    def files(self) -> int:
        """Rollout files that were met."""
        turned_away = len(self.rejected_files) + len(self.known_rejects)
        return len(self.accepted) + turned_away + len(self.duplicates) + len(self.known) + len(self.left)

    @property
    def rejected(self) -> bool:
        """Whether this ingest turned something away."""
        return bool(self.rejected_files or self.rejected_rows)
