"""The learner's configuration, as the command line spells it.

Arrives: a name and `NAME=VALUE` changes. Leaves: a `TrainConfig`.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pitwall import wrong_field

if TYPE_CHECKING:
    from schemas.training import TrainConfig


def chosen(named: str, changes: Sequence[str], **fields: object) -> "TrainConfig":
    """A known configuration with some fields changed; raises SettingsRejected where one does not exist or fit."""
    from schemas.errors import SettingsRejected
    from schemas.training import NAMED

    if named not in NAMED:
        raise SettingsRejected(f"--config is {named!r}; there are {', '.join(NAMED)}")
    return changed(NAMED[named](), changes, **fields)


def changed(config: "TrainConfig", changes: Sequence[str], **others: object) -> "TrainConfig":
    """`config` after `NAME=VALUE` changes; a value is JSON, or else text."""
    from pydantic import ValidationError

    from schemas.errors import SettingsRejected

    fields: dict[str, Any] = config.model_dump() | others
    for change in changes:
        name, separator, text = change.partition("=")
        if not separator or name not in fields:
            raise SettingsRejected(f"--set {change}: wanted NAME=VALUE, with NAME one of {', '.join(fields)}")
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    try:
        return type(config)(**fields)
    except ValidationError as error:
        told = wrong_field.words(error, "configuration")
        raise SettingsRejected(f"{told}. Its meaning: pitwall settings --config") from error
