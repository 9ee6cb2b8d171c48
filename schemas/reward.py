"""A named reward: a formula over one row's columns, by which history is scored again.

Arrives: a name and a checked formula. Leaves: a frozen `Reward`, whose `reward_id` is the hash of what it says, so that
a window or a manifest that holds it can be scored in the same way for good.
"""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

RewardName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
"""As an alias of a version."""


class Reward(BaseModel):
    """How much each step is worth; a row that lacks one of `columns` is worth nothing known, never 0."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: RewardName
    kind: Literal["weights", "sql"]
    """Weighted terms, or any closed expression."""
    expression: str
    """DuckDB's SQL over one row, computed in float64 and rounded once to float32."""
    columns: tuple[str, ...] = Field(min_length=1)
    """Columns that it reads, as spelled in the lake when it was defined; a row has all of them, or no reward."""
    weights: dict[str, FiniteFloat] | None = None
    """Factor of every term (kind weights); a term of weight 0 may be absent."""
    only: bool = False
    """Rows may have further terms, which do not count. Else the formula names every term that a row has."""
    clamp: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The result is held within plus and minus this."""

    @cached_property
    def reward_id(self) -> str:
        """sha256 of the definition, whatever it is called."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()

    @property
    def definition(self) -> dict[str, object]:
        """Everything but the name, as JSON."""
        return self.model_dump(mode="json", exclude={"name"})

    @property
    def formula(self) -> str:
        """The whole of it in one line, for people."""
        spelled = self.expression
        if self.weights is not None:
            terms = [f"{weight:g} {term}" for term, weight in self.weights.items() if weight]
            spelled = " + ".join(terms).replace("+ -", "- ")
        return spelled if self.clamp is None else f"{spelled}, clamped to +-{self.clamp:g}"
