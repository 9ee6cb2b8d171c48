"""A field that was refused, in words.

Arrives: what pydantic says of a configuration. Leaves: the field and what is wrong with it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def words(error: "ValidationError", whole: str) -> str:
    """`field: what was wanted` of the first wrong field; `whole` stands for the configuration itself."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"])) or whole
    return f"{name}: {first['msg'].removeprefix('Value error, ')}"
