"""A request for a window, as the command line and Python spell it.

Arrives: conditions by name. Leaves: a checked `Window`; where nothing chooses rollouts, the newest twenty.
"""

import datetime
from typing import TYPE_CHECKING, TypedDict, Unpack

if TYPE_CHECKING:
    from schemas.window import Window


class Conditions(TypedDict, total=False):
    """The options of `pitwall window`; None is as good as absent."""

    newest: int | None
    max_age: int | None
    best: int | None
    since: datetime.datetime | None
    until: datetime.datetime | None
    run: str | None
    sql: str | None
    max_rows: int | None
    min_rows: int
    reward: str | None


def requested(**conditions: Unpack[Conditions]) -> "Window":
    """The window that these conditions ask for; raises SettingsRejected where one cannot be."""
    from pydantic import ValidationError

    from pitwall import wrong_field
    from schemas.errors import SettingsRejected
    from schemas.window import RECENT, Window

    asked = {name: value for name, value in conditions.items() if value is not None}
    usual = RECENT.model_dump(exclude_defaults=True) if set(asked) <= {"min_rows", "reward"} else {}
    try:
        return Window.model_validate(usual | asked)
    except ValidationError as error:
        raise SettingsRejected(wrong_field.words(error, "window")) from error
