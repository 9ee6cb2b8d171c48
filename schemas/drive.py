"""One drive that judges a version, from its start to its first end.

Arrives: what the environment told. Leaves: a checked, frozen `Drive`.
"""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, FiniteFloat

Count = Annotated[int, Field(ge=0)]


class Drive(BaseModel):
    """What became of it. What only racing knows is None elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    number: Count
    """Its place in the evaluation: drives of one number start alike, whichever version drives."""
    track: int | None = None
    """Seed of the track."""
    finished: bool | None = None
    """Drove a whole lap."""
    crashed: bool | None = None
    progress: FiniteFloat | None = None
    """Laps."""
    speed: FiniteFloat | None = None
    """Mean, m/s."""
    return_: FiniteFloat = Field(validation_alias=AliasChoices("return", "return_"), serialization_alias="return")
    """Undiscounted sum of rewards."""
    length: Count
    """Steps."""
