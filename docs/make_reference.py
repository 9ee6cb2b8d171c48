"""The pages under docs/reference, from the code: `make docs`, or `python -m docs.make_reference`.

A test holds the pages against this; so none of them is written by hand.
"""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer
from pydantic import BaseModel

from pitwall import cli
from pitwall.manual import plainly
from pitwall.page import Page
from schemas import manifest, rollout, steps
from schemas.settings import Settings
from schemas.space import ENGINE_ACTIONS, ENGINE_OBSERVATIONS, LIDAR_RAYS, Space
from schemas.training import TrainConfig
from schemas.window import Window
from warehouse.questions import Question, questions
from warehouse.views import views

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- made by docs/make_reference.py from {source}; change that, then: make docs -->\n\n"


def pages() -> dict[str, str]:
    """Name and text of every page."""
    return {
        "commands.md": _MADE.format(source="pitwall/") + _commands(),
        "settings.md": _MADE.format(source="schemas/") + _settings(),
        "views.md": _MADE.format(source="warehouse/sql/") + _views(),
        "files.md": _MADE.format(source="schemas/") + _files(),
    }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


_COMMANDS = """# Commands

What `pitwall COMMAND --help` prints, of all commands. Where to begin, completion, JSON for scripts and colour:
[commands.md](../commands.md). Examples are run by a test, each page's in a lake that is in use.

{listed}

## Options of every command

They stand before the command: `pitwall --home tour ingest`.

{common}

Exit codes, where a command has no others: {codes}.

{commands}
"""


def _commands() -> str:
    group: Any = typer.main.get_command(cli.app)
    found = dict(_below(group, "pitwall"))
    listed = []
    for title, names in group.panels.items():
        inside = [path for name in names for path in found if path.split()[1] == name]
        rows = [(f"[`{path}`](#{path.replace(' ', '-')})", Page(found[path].help or "").summary) for path in inside]
        listed.append(f"### {title}\n\n{_table(('command', 'does'), rows)}")
    codes = ", ".join(f"{code} {meaning}" for code, meaning in Page("").codes.items())
    common = _options(group, typer.Context(group, info_name="pitwall"))
    pages = [_command(path, command) for path, command in found.items()]
    return _COMMANDS.format(listed="\n\n".join(listed), common=common, codes=codes, commands="\n\n".join(pages))


def _below(group: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Typer's copy of click's Group
    for name, command in group.commands.items():
        inner = f"{path} {name}"
        yield from _below(command, inner) if hasattr(command, "commands") else [(inner, command)]


def _command(path: str, command: Any) -> str:  # noqa: ANN401 - Typer's copy of click's Command
    page, context = Page(command.help or ""), typer.Context(command, info_name=path)
    parts = [
        f"## {path}",
        page.summary,
        *page.paragraphs,
        f"    {path} {' '.join(command.collect_usage_pieces(context))}",
    ]
    if options := _options(command, context):
        parts.append(options)
    parts.append("\n".join(["For example:", "", *(f"    {example}" for example in page.examples)]))
    if page.settings:
        names = ", ".join(f"[`{name}`](settings.md)" for name in page.settings)
        parts.append(f"Settings behind it: {names}.")
    if "Exit codes" in page.parts:
        parts.append("Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in page.codes.items()) + ".")
    if "See also" in page.parts:
        parts.append(f"See also: {page.parts['See also'].rstrip('.')}.")
    return "\n\n".join(parts)


def _options(command: Any, context: Any) -> str:  # noqa: ANN401 - Typer's copies of click's types
    """Arguments and options in one table; `--help` is everywhere."""
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            rows.append((f"`{plainly(record[0])}`", record[1]))
    return _table(("argument or option", "meaning"), rows) if rows else ""


_SETTINGS = """# Settings

As an argument of the command (`--home`, `--catalog`), as `PITWALL_<NAME>` in the environment, or in `pitwall.toml` of
the working folder; the first that says something wins. `pitwall settings` shows what is in force.

{settings}

## How to train: `--set NAME=VALUE`, or `config` of `train/ppo`

{training}

## What to train on: the options of `pitwall window` and `train`, or `window` of `train/ppo`

{window}
"""


def _settings() -> str:
    return _SETTINGS.format(settings=_fields(Settings), training=_fields(TrainConfig), window=_fields(Window))


_VIEWS = """# Views and questions

What `pitwall sql` reads: DuckDB's SQL over these views, read-only. `catalog.<table>` is the catalog itself. A column
such as `obs_*` stands for one per observation.

## Views

{views}

## Questions

`pitwall ask NAME`, each one file of `warehouse/sql/`.

{questions}
"""


def _views() -> str:
    seen = [
        f"### {name}\n\n{view.summary}\n\n{_table(('column', 'meaning'), view.columns.items())}"
        for name, view in sorted(views().items())
    ]
    asked = [_question(question) for _, question in sorted(questions().items())]
    return _VIEWS.format(views="\n\n".join(seen), questions="\n\n".join(asked))


def _question(question: Question) -> str:
    parts = [f"### {question.name}", " ".join([question.summary, question.notes]).strip()]
    if question.parameters:
        rows = [
            (f"--{one.name}", one.type, "required" if one.default is None else one.default, one.meaning)
            for one in question.parameters.values()
        ]
        parts.append(_table(("parameter", "type", "default", "meaning"), rows))
    return "\n\n".join([*parts, _table(("column", "meaning"), question.columns.items())])


_ROLLOUT: dict[str, str] = {
    "num_experiences": "how many the list holds; another number is told, never trusted",
    "timestamp": "when the engine wrote the file, its local time",
    "run_id": "the engine's session; without it runs are told apart by file names",
    "rollout_index": "count within the session, from 0",
    "policy_version": "the version that drove, a claim that is held against the recorded values",
    "environment": "name of the track or environment",
    "seed": "of the session",
    "observation_names": "names of `state`'s entries, in order",
    "action_names": "order of the keys of `action`",
    "reward_names": "names of the reward's terms",
    "experiences": "the rows, in the order in which they happened",
}
_EXPERIENCE: dict[str, str] = {
    "state": "the observation before the action",
    "action": "what was applied, by name; after the engine's clamp",
    "reward": "of this step",
    "done": "the drive ended here; with `truncated` by a limit, else terminated",
    "log_prob": "log density of the action under the policy and its exploration, nats",
    "value": "the critic's answer to `state`",
    "agent_index": "which car",
    "advantage": "the engine's own, kept as `engine_advantage`, never trained on",
    "return": "the engine's own, kept as `engine_return`",
    "truncated": "ended by a limit: the drive would go on",
    "next_value": "the critic's answer to the observation after the last one of a truncated drive",
    "reward_terms": "the parts of the reward, by name; read by `pitwall rescore`",
}
_POLICY: dict[str, str] = {
    "network_config": "sizes: `input_size` O, `hidden_layers`, `policy_output_size` U, `value_output_size` 1",
    "policy_layers": "`weights`, `biases` of each hidden layer of the actor; weights row by row, (out, in)",
    "policy_head": "the actor's last layer, (U, H); mean = tanh of it",
    "value_layers": "the critic's hidden layers, of the same widths",
    "value_head": "the critic's last layer, (1, H)",
    "action_log_std": "logarithm of the standard deviation of each action, nats",
    "pitwall": "version, parent and checksum; the engine ignores it",
}
_VERSION: dict[str, str] = {
    manifest.WEIGHTS: "the policy's tensors, float32",
    manifest.OPTIMIZER: "Adam's moments, from which the next training goes on",
    manifest.ONNX: "the policy for any runtime of ONNX",
    manifest.ENGINE: "the policy for the engine",
    manifest.FACTS: "who drove which row with how much noise, for `pitwall reproduce` and `trace`",
    manifest.MANIFEST: "all that is known of the version, and the sha256 of its other files",
    manifest.CARD: "the same for people",
}


_FILES = """# Files

## A rollout: what the engine writes

`rollout_<index>_<YYYYMMDD_HHMMSS>.json`, or the same packed as `.json.gz`; UTF-8 (with or without its mark) or UTF-16
with one, pretty or compact. A file that ends in `.tmp` is never touched, unknown fields are ignored, and bare `nan` or
`inf` words in `advantage` and `return` count as missing. One JSON object:

{rollout}

Each of `experiences`:

{experience}

Where no names are given, these are the engine's observations: {observations}; then `lidar_00` and on, {lidar} rays. Its
actions: {actions}.

## A policy: what the engine loads

One JSON object, as `policy.engine.json` of every version and in the engine's folder of models. Hidden layers are ReLU.
Every number is the shortest text that gives its float32 back.

{policy}

## A partition: rows in the lake

`experiences/run=<session>/part-<sha256>.parquet`, written once and never changed. Here with the engine's observations
and one reward term, `speed`:

{columns}

## A version: models/v00002

{version}

Its `manifest.json`:

{manifest}
"""


def _files() -> str:
    space = Space.of(len(ENGINE_OBSERVATIONS), list(ENGINE_ACTIONS))
    meanings = views()["experiences"].columns
    columns = []
    for name, kind in steps.step_columns(space, ("speed",)).items():
        meaning = meanings.get(name) or meanings[f"{name.split('_')[0]}_*"]
        columns.append((f"`{name}`", kind.__name__, meaning))
    return _FILES.format(
        rollout=_struct(rollout.RolloutFile, _ROLLOUT),
        experience=_struct(rollout.Experience, _EXPERIENCE),
        observations=", ".join(f"`{name}`" for name in ENGINE_OBSERVATIONS),
        lidar=f"{LIDAR_RAYS.start} to {LIDAR_RAYS.stop - 1}",
        actions=", ".join(f"`{name}` in [{low:g}, {high:g}]" for name, (low, high) in ENGINE_ACTIONS.items()),
        policy=_table(("field", "meaning"), [(f"`{name}`", meaning) for name, meaning in _POLICY.items()]),
        columns=_table(("column", "type", "meaning"), columns),
        version=_table(("file", "what"), [(f"`{name}`", what) for name, what in _VERSION.items()]),
        manifest=_fields(manifest.ModelManifest, with_default=False),
    )


def _fields(model: type[BaseModel], *, with_default: bool = True) -> str:
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _plain(field.get_default(call_default_factory=True))
        meaning = field.description or ""
        rows.append([f"`{name}`", _type(field.annotation), *([default] if with_default else []), meaning])
    return _table(("name", "type", *(["default"] if with_default else []), "meaning"), rows)


def _struct(struct: type[msgspec.Struct], meanings: Mapping[str, str]) -> str:
    """Fields of a file, each of which needs a meaning."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    if fields.keys() != meanings.keys():
        raise ValueError(f"{struct.__name__}: fields {sorted(fields)}, meanings {sorted(meanings)}")
    rows = [
        (f"`{name}`", _type(fields[name].type), "yes" if fields[name].required else "", meaning)
        for name, meaning in meanings.items()
    ]
    return _table(("field", "type", "required", "meaning"), rows)


def _type(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    """In a reader's words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin is typing.Literal:
        return ", ".join(one or "nan, inf" for one in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(one) for one in inner if one is not type(None)))
    if origin in (list, tuple):
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"{_type(inner[0])} to {_type(inner[1])}"
    words = {"str": "text", "bool": "flag", "int": "integer", "float": "number", "Path": "path", "datetime": "time"}
    name = getattr(annotation, "__name__", str(annotation))
    return words.get(name, "object" if isinstance(annotation, type) and name[0].isupper() else name)


def _plain(value: object) -> str:
    return "" if value is None else value.as_posix() if isinstance(value, Path) else str(value)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(names), "|" + "---|" * len(names), *map(line, rows)])


if __name__ == "__main__":
    main()
