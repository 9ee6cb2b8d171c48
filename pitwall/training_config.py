"""The learner's configuration, as the command line and Python spell it.

Arrives: a name and changes. Leaves: a `TrainConfig`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pitwall import wrong_field

if TYPE_CHECKING:
    from schemas.training import TrainConfig


def chosen(named: str, changes: Sequence[str], **fields: object) -> "TrainConfig":
    """A known configuration with some fields changed; raises SettingsRejected where one does not exist or fit."""
    return changed(known(named), changes, **fields)


def known(named: str, argument: str = "--config") -> "TrainConfig":
    """A known configuration; raises SettingsRejected where there is none of this name, in words of the `argument`."""
    from schemas.errors import SettingsRejected
    from schemas.training import NAMED

    if named not in NAMED:
        raise SettingsRejected(f"{argument} is {named!r}; there are {', '.join(NAMED)}")
    return NAMED[named]()


def changed(config: "TrainConfig", changes: Sequence[str], **others: object) -> "TrainConfig":
    """`config` after `NAME=VALUE` changes; a value is JSON, or else text."""
    from schemas.errors import SettingsRejected

    fields: dict[str, object] = dict(others)
    for change in changes:
        name, separator, text = change.partition("=")
        if not separator or name not in type(config).model_fields:
            names = ", ".join(type(config).model_fields)
            raise SettingsRejected(f"--set {change}: wanted NAME=VALUE, with NAME one of {names}")
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    return changed_fields(config, fields)


def changed_fields(config: "TrainConfig", changes: Mapping[str, Any]) -> "TrainConfig":
    """`config` with these fields; raises SettingsRejected where there is no such field, or a value does not fit."""
    from pydantic import ValidationError

    from schemas.errors import SettingsRejected

    if unknown := [name for name in changes if name not in type(config).model_fields]:
        raise SettingsRejected(f"there is no field {unknown[0]!r}; there are {', '.join(type(config).model_fields)}")
    try:
        return type(config)(**config.model_dump() | dict(changes))
    except ValidationError as error:
        told = wrong_field.words(error, "configuration")
        raise SettingsRejected(f"{told}. Its meaning: pitwall settings --config") from error
