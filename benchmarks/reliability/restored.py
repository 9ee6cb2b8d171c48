"""A home that restores fill, killed and begun again; or a backup, looked at as if it were a home.

Arrives: the home, the URL of its catalog. Leaves: sentences about what is wrong. Shares no code with the warehouse.
"""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.reliability.account import Account
from benchmarks.reliability.bank import Input

_TABLES = ("partitions", "rollouts", "rejects", "models", "windows", "aliases")


class Restored:
    """Nothing, half a lake that says so, or a whole one."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.account = Account(home, url, home / "none", home / "none")

    def at_any_moment(self) -> list[str]:
        """Without the mark of an unfinished restore it is empty or whole, also while a restore is at work."""
        if (self.home / "RESTORING.txt").is_file():
            return []
        return [f"restored: {said}" for said in self.account.at_any_moment({})]

    def at_rest(self, given: Mapping[str, Input] | None, *, may_be_empty: bool = False) -> list[str]:
        """It is whole, is not marked, is not empty, and holds what was given, where that is said.

        It may be empty where the backup, taken before anything came in, named no file.
        """
        wrong = self.account.at_any_moment({})
        if (self.home / "RESTORING.txt").exists():
            wrong.append("the mark of an unfinished restore is still there")
        if given is not None:
            wrong += self.account.at_rest(given)
        elif not (may_be_empty or self.account.rows(_TABLES)):
            wrong.append("it is empty")
        return [f"restored: {said}" for said in wrong]

    def backup_wrong(self) -> list[str]:
        """A backup has no catalog yet, or every file that its catalog names; in both cases it says what it is."""
        wrong = self.account.at_any_moment({})
        if (self.home / "catalog.sqlite").is_file() and not (self.home / "BACKUP.txt").is_file():
            wrong.append("it does not say that it is a backup")
        self.account.engine.dispose()
        return [f"backup: {said}" for said in wrong]
