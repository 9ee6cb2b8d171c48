"""A result for programs: JSON on standard output, and nothing else there.

Arrives: what a command found, as mappings, lists, dataclasses, moments, paths. Leaves: JSON that every reader takes:
no NaN, moments in ISO 8601, keys in their order. Messages and progress are for standard error; exit codes stay.
"""

import dataclasses
import datetime
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="The result as JSON on standard output; messages go to standard error.")
]


def give(result: object) -> None:
    """Write one result."""
    typer.echo(json.dumps(plain(result), indent=1, allow_nan=False))


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON can hold
    """The same of strings, numbers, lists and objects; a number that is not finite becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    return value if value is None or isinstance(value, str | int | bool) else str(value)
