"""The header of a `.sql` file of ours: what it answers, its parameters, its columns.

    -- One line: the question, or what a row is.
    --
    -- Further lines, free.
    -- Parameters:
    --   n: integer = 10     meaning; two spaces or more stand before it. Without `= ...` the parameter is required
    -- Columns:
    --   name                meaning
    select ...

Arrives: a path. Leaves: a `SqlFile`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"  (\S.*?)\s{2,}(\S.*)")


@dataclass(frozen=True)
class SqlFile:
    """One file, read."""

    summary: str
    notes: str
    parameters: dict[str, str]
    columns: dict[str, str]
    statement: str

    @classmethod
    def read(cls, path: Path) -> "SqlFile":
        """Read a file; a header that does not follow the format is a ValueError."""
        lines = path.read_text(encoding="utf-8").splitlines()
        end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
        summary, *rest = [line[2:].removeprefix(" ") for line in lines[:end]]
        sections: dict[str, list[str]] = {"Notes:": [], "Parameters:": [], "Columns:": []}
        here = "Notes:"
        for line in rest:
            if line in sections:
                here = line
            else:
                sections[here].append(line)
        return cls(
            summary=summary,
            notes=" ".join(line for line in sections["Notes:"] if line),
            parameters=_entries(path, sections["Parameters:"]),
            columns=_entries(path, sections["Columns:"]),
            statement="\n".join(lines[end:]).strip().removesuffix(";"),
        )


def _entries(path: Path, lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise ValueError(f"{path.name}: header line {line!r} is not '  name  meaning'")
        found[match[1]] = match[2]
    return found
