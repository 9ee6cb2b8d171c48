"""Named questions: each one file of sql/, with parameters that are bound, never formatted in.

Arrives: a name and parameters as text or values. Leaves: an Arrow table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import pyarrow as pa

from schemas.errors import QueryRejected
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.sql_header import SqlFile

_FOLDER = Path(__file__).parent / "sql"
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_READERS: dict[str, Callable[[str], object]] = {
    "integer": int,
    "number": float,
    "text": str,
    "flag": lambda text: _FLAGS[text.lower()],
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a question."""

    name: str
    type: str
    """integer, number, text or flag."""
    default: str | None
    """As spelled in the header; `null` for no value, None when the parameter is required."""
    meaning: str

    def read(self, text: str) -> object:
        """The value that a text stands for; raises ValueError or KeyError when it is of another type."""
        return None if text == "null" else _READERS[self.type](text)


@dataclass(frozen=True)
class Question:
    """One question."""

    name: str
    summary: str
    notes: str
    parameters: dict[str, Parameter]
    columns: dict[str, str]
    statement: str

    def bind(self, given: Mapping[str, object]) -> dict[str, object]:
        """Every parameter's value: the given one, read where it is text, or the default.

        Raises:
            QueryRejected: one is unknown, missing or of another type; the text lists what there is.
        """
        for name in given.keys() - self.parameters.keys():
            raise QueryRejected(f"{self.name} has no parameter {name!r}.\n{self.usage()}")
        values: dict[str, object] = {}
        for name, parameter in self.parameters.items():
            value = given.get(name, parameter.default)
            if name not in given and parameter.default is None:
                raise QueryRejected(f"{self.name} needs --{name}.\n{self.usage()}")
            try:
                values[name] = parameter.read(value) if isinstance(value, str) else value
            except (ValueError, KeyError) as error:
                raise QueryRejected(
                    f"{self.name}: --{name} is {value!r}; wanted {_article(parameter.type)}.\n{self.usage()}"
                ) from error
        return values

    def usage(self) -> str:
        """How to ask it."""
        options = {f"--{name} {parameter.type.upper()}": parameter for name, parameter in self.parameters.items()}
        width = max(map(len, options), default=0)
        lines = [f"pitwall ask {self.name}" + "".join(f" [--{name} ...]" for name in self.parameters)]
        for spelled, parameter in options.items():
            default = "required" if parameter.default is None else f"default {parameter.default}"
            lines.append(f"  {spelled:{width}}  {parameter.meaning} [{default}]")
        return "\n".join(lines)


@cache
def questions() -> dict[str, Question]:
    """Every question by name."""
    return {path.stem: _question(path) for path in sorted(_FOLDER.glob("*.sql"))}


def question(name: str) -> Question:
    """One question.

    Raises:
        QueryRejected: there is none of this name.
    """
    try:
        return questions()[name]
    except KeyError:
        plain = {known.replace("-", ""): known for known in questions()}
        near = get_close_matches(name.lower().replace("-", "").replace("_", ""), plain, n=1)
        meant = f". Did you mean {plain[near[0]]!r}? There are: " if near else "; wanted one of: "
        raise QueryRejected(f"there is no question {name!r}{meant}{', '.join(questions())}") from None


def ask(lake: Lake, name: str, **parameters: object) -> pa.Table:
    """The answer to a question.

    Raises:
        QueryRejected: the question or a parameter is unknown, missing or of another type.
    """
    asked = question(name)
    return run(lake, asked.statement, asked.bind(parameters))


def _question(path: Path) -> Question:
    file = SqlFile.read(path)
    parameters = [_parameter(path, spelled, meaning) for spelled, meaning in file.parameters.items()]
    return Question(
        name=path.stem,
        summary=file.summary,
        notes=file.notes,
        parameters={parameter.name: parameter for parameter in parameters},
        columns=file.columns,
        statement=file.statement,
    )


def _parameter(path: Path, spelled: str, meaning: str) -> Parameter:
    declaration, _, default = spelled.partition(" = ")
    name, _, kind = declaration.partition(": ")
    if kind not in _READERS:
        raise ValueError(f"{path.name}: parameter {spelled!r} is not 'name: type' or 'name: type = default'")
    return Parameter(name, kind, default or None, meaning)


def _article(kind: str) -> str:
    return {"integer": "an integer", "flag": "true or false"}.get(kind, f"a {kind}")
