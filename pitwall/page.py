"""A command's docstring, taken apart into what its help page needs.

    One line that says what it does.

    Paragraphs that teach.

        pitwall ingest exports          # lines that begin with `pitwall` are examples; a test runs them

    Exit codes: 3 done, but something was turned away.
    Settings: landing, max_file_mib.
    See also: pitwall rejects.

Arrives: such a text; every part but the first line may be missing. Leaves: its parts.
"""

import re
import textwrap
from collections.abc import Iterator

_CODES = {0: "done", 1: "failed", 2: "wrong usage", 130: "interrupted"}
_PARTS = ("Exit codes", "Settings", "See also")


class Page:
    """A docstring, taken apart."""

    def __init__(self, docstring: str) -> None:
        self.examples: list[str] = []
        self.parts: dict[str, str] = {}
        paragraphs = []
        for block in re.split(r"\n\s*\n", textwrap.dedent(docstring).strip()):
            lines = block.splitlines()
            if all(line.strip().startswith("pitwall ") for line in lines):
                self.examples += [line.strip() for line in lines]
            elif lines[0].startswith(tuple(f"{part}:" for part in _PARTS)):
                self.parts |= dict(_named(lines))
            else:
                paragraphs.append(" ".join(line.strip() for line in lines))
        self.summary, *self.paragraphs = paragraphs or [""]

    @property
    def codes(self) -> dict[int, str]:
        """Exit codes: those that every command has, and its own."""
        own = re.findall(r"(\d+) ([^;]+)", self.parts.get("Exit codes", "").rstrip("."))
        return dict(sorted((_CODES | {int(code): meaning for code, meaning in own}).items()))

    @property
    def settings(self) -> list[str]:
        """Names of the settings behind the command."""
        return re.findall(r"\w+", self.parts.get("Settings", ""))


def _named(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(`See also`, `pitwall rejects.`) of a block; a part may take several lines."""
    names = "|".join(_PARTS)
    for part in re.split(rf"\n(?=(?:{names}):)", "\n".join(lines)):
        name, _, text = part.partition(":")
        yield name, " ".join(text.split())
