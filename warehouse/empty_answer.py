"""Why the answer to a question has no rows, where that is known.

Arrives: a lake, a question, the values that its parameters were bound to. Leaves: sentences.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from warehouse.lake import Lake
from warehouse.query import run
from warehouse.questions import Question

_DROVE, _NAMED = "collected by this version", ("a version or an alias", "another one")
"""What headers say of parameters that name who drove, and of those that name any version."""


def why_empty(lake: Lake, question: Question, values: Mapping[str, Any]) -> list[str]:
    """A sentence for each named version that has driven nothing or is not there, and for too few rollouts."""
    return list(dict.fromkeys(_reasons(lake, question, values)))


def _reasons(lake: Lake, question: Question, values: Mapping[str, Any]) -> Iterator[str]:
    drove = run(lake, "select policy_version, count(*) as n from rollouts group by all order by all").to_pylist()
    known = {str(row["policy_version"]) for row in drove} - {"None"}
    registered = run(lake, "select version, aliases from models").to_pylist()
    names = {name for row in registered for name in (str(row["version"]), *(row["aliases"] or "").split(", "))}
    for name, parameter in question.parameters.items():
        value = values[name]
        if value is not None and _DROVE in parameter.meaning and str(value) not in known:
            others = ", ".join(sorted(known, key=int)) or "none that is known"
            yield f"version {value} has driven nothing in this lake; versions that have: {others}"
        elif value is not None and parameter.meaning in _NAMED and not {str(value), str(value).lstrip("v0")} & names:
            yield f"there is no version or alias {value!r} in this lake; see: pitwall models list"
    rollouts = sum(row["n"] for row in drove)
    if question.name == "drift" and rollouts <= values["rollouts"]:
        yield (
            f"the lake holds {rollouts} rollouts, which all count as newest; with fewer of these others are left to "
            "hold them against, e.g. --rollouts 1"
        )
