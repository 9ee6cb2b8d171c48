"""One thing that `pitwall doctor` looked at, and the order in which it looks.

Arrives: functions that look. Leaves: `Check`s; one that fails is itself what is wrong, never a traceback.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.errors import PitwallError
from schemas.secret import redacted

Verdict = Literal["ok", "note", "problem"]
Look = Callable[[], "Iterable[Check]"]


@dataclass(frozen=True)
class Check:
    """One line."""

    check: str
    verdict: Verdict
    """A note is worth reading, a problem stops some command."""
    found: str
    advice: str = ""
    """What to do next; empty where all is well."""


def ok(check: str, found: str) -> Check:
    """Nothing to do."""
    return Check(check, "ok", found)


def note(check: str, found: str, advice: str) -> Check:
    """Works, and could be better."""
    return Check(check, "note", found, advice)


def problem(check: str, found: str, advice: str) -> Check:
    """Does not work."""
    return Check(check, "problem", found, advice)


def look(checks: Iterable[tuple[str, Look]]) -> Iterator[Check]:
    """What each found, one after another."""
    for name, function in checks:
        try:
            yield from function()
        except PitwallError as error:
            yield problem(name, redacted(str(error)), "")
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            yield problem(name, f"{where}{error.strerror or error}", "Mend that, and look again: pitwall doctor")
        except Exception as error:  # a check that fails has found something, whatever it is
            told = redacted(" ".join(str(error).split()))
            yield problem(name, f"could not be looked at: {type(error).__name__}: {told}", "Tell us: pitwall --version")
