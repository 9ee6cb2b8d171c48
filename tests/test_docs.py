"""Every command and every SQL statement that the documentation shows is run, page by page, in order.

What follows `$` on a page is a session that begins with nothing, and must say what is shown. Everything else, the
examples of the help pages too, runs in a copy of one prepared lake. Which commands do not run as they stand, why, and
what is done instead, is in tests/docs_instead.py. What counts as a command is told in tests/pages.py.
"""

import contextlib
import gzip
import importlib.util
import io
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import duckdb
import gymnasium
import pytest
import yaml
from typer.testing import CliRunner

from pitwall.cli import app
from tests.docs_instead import INSTEAD, Instead
from tests.pages import HELP, PAGES, ROOT, Shown, names, read, shown
from tests.ppo.contract import leaves_files_open
from warehouse.questions import questions

pytestmark = leaves_files_open
TEXTS = {page: read(page) for page in PAGES} | {
    f"pitwall {words} --help": "".join(f"    {example}\n" for example in page.examples) for words, page in HELP.items()
}
SESSIONS = [page for page in TEXTS if any(one.session for one in shown(TEXTS[page]))]
GERMAN, UNREAL, PYTHON = "docs/unreal.de.md", "docs/unreal.md", "docs/python.md"
AFTERWARDS = [page for page, text in TEXTS.items() if page != GERMAN and any(not one.session for one in shown(text))]
RAN: set[str] = set()
SCRIPTS = Path("Plugins") / "Racing" / "Scripts"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the samples and no lake."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    return tmp_path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that has been in use: engine's and own drives, three versions, evaluations, a reward, a reject."""
    folder = tmp_path_factory.mktemp("prepared")
    home = ["--home", str(folder / "pitwall-data")]
    first, second = sorted((ROOT / "samples" / "session_a").iterdir())[:2]
    (folder / "rollout_9_bad.json").write_text("{", encoding="utf-8")
    quick = ["--set", "epochs=1", "--set", "batch_size=256"]
    for words in (
        ["models", "import", str(ROOT / "samples" / "policy.json.gz")],
        ["ingest", str(first), str(second)],
        ["ingest", str(folder / "rollout_9_bad.json")],
        ["train", *quick],
        ["drive", "2", "--preset", "quick", "--seed", "1", "--to", str(folder / "drives")],
        ["ingest", str(folder / "drives")],
        ["rescore", "fast", "--weights", "speed=0.5,collision=2"],
        ["train", *quick],
        ["evaluate", "1", "2", "3", "--tracks", "1", "--cars", "1"],
        ["models", "promote", "2"],
    ):
        done = CliRunner().invoke(app, [*home, *words])
        assert done.exit_code == (3 if "bad" in words[-1] else 0), f"{words}\n{done.output}\n{done.exception!r}"
    return folder


@pytest.fixture
def lake(prepared: Path, checkout: Path) -> Path:
    """The working folder with a copy of that lake, a backup of it, an engine's folders and an environment."""
    shutil.copytree(prepared / "pitwall-data", checkout / "pitwall-data")
    (checkout / "pitwall.toml").write_text('engine_models_dir = "engine"\ntensorboard = "board"\n', encoding="utf-8")
    shutil.copytree(prepared / "drives", checkout / "Saved" / "Training" / "Exports")
    (checkout / "Saved" / "Training" / "Models").mkdir()
    pendulum = "gymnasium.envs.classic_control.pendulum:PendulumEnv"
    registers = f"import gymnasium\ngymnasium.register('MyEnv-v0', '{pendulum}', max_episode_steps=50)\n"
    (checkout / "my_package.py").write_text(registers, encoding="utf-8")
    run(["pitwall", "backup", "copy-of-the-lake"])
    return checkout


@pytest.fixture
def project(checkout: Path) -> Path:
    """The project of the page for Unreal, with two of the five rollouts, which is quicker, and who drove them."""
    exports, models = (checkout / "Saved" / "Training" / name for name in ("Exports", "Models"))
    exports.mkdir(parents=True)
    models.mkdir()
    for rollout in sorted((ROOT / "samples" / "session_a").iterdir())[:2]:
        shutil.copy(rollout, exports)
    (models / "model_epoch_7.json").write_bytes(gzip.decompress((ROOT / "samples" / "policy.json.gz").read_bytes()))
    (models / "best_model_path.txt").write_text("Saved/Training/Models/model_epoch_7.json")
    (checkout / "Racer.uproject").write_text("{}")
    (checkout / SCRIPTS).mkdir(parents=True)
    (ours,) = re.findall(r"copy C:\\Tools\\pitwall\\(\S+) Plugins\\Racing\\Scripts\\train_pytorch.py", read(UNREAL))
    shutil.copy(ROOT / ours.replace("\\", "/"), checkout / SCRIPTS / "train_pytorch.py")
    (toml,) = re.findall(r"```toml\n(.*?)```", read(UNREAL), re.DOTALL)
    (checkout / "pitwall.toml").write_text(toml, encoding="utf-8")
    return checkout


@pytest.mark.slow
@pytest.mark.parametrize("page", SESSIONS)
def test_a_session_runs_as_it_is_shown(page: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("project" if page in (UNREAL, GERMAN) else "checkout")
    if page == GERMAN:  # its blocks are those of the other language
        return
    for one in (one for one in shown(TEXTS[page]) if one.session):
        told = _shape(run(one.words))
        for line in one.said:
            assert _shape(line) in told, f"{one.text}\nshown: {line}\nsaid: {told}"
    if page == PYTHON:
        _run_python(read(page))


@pytest.mark.slow
@pytest.mark.parametrize("page", AFTERWARDS)
def test_other_commands_and_sql_run_in_a_lake_that_is_in_use(page: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("project" if page == UNREAL else "lake")
    for one in dict.fromkeys(one for one in shown(TEXTS[page]) if not one.session):
        check(one)
    gymnasium.registry.pop("MyEnv-v0", None)
    sys.modules.pop("my_package", None)


def check(one: Shown) -> None:
    """Run it, or do what is done instead."""
    if one.sql:
        _ask(one.text)
    elif one.command in INSTEAD:
        _instead(INSTEAD[one.command], one)
    elif one.form:
        assert one.words[0] == "pitwall", f"{one.text}: this form needs an entry in docs_instead"
        _has_options(one.filled)
    elif one.words[0] == "make":
        assert re.search(rf"^{one.words[1]}:", read("Makefile"), re.MULTILINE), one.text
    elif "pip" in one.words:
        _installs(one)
    elif one.command.startswith("prefect deployment run"):
        _validated(one.words[3:])
    elif one.words[:2] == ["pitwall", "ask"] and _asks_for_more(one.words[2:]):
        return
    else:
        run(one.words)


def run(words: list[str]) -> str:
    """Its standard output; it must end well."""
    match words:
        case ["pitwall", *arguments]:
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, f"{shlex.join(words)}\n{done.output}\n{done.exception!r}"
            return done.stdout
        case ["python", "-m", module, *arguments] if module.startswith(("benchmarks", "tests.")):
            return _module(module, arguments)
        case ["python", script, *_] if script.endswith(".py"):
            process = subprocess.run([sys.executable, *words[1:]], capture_output=True, encoding="utf-8")
            assert process.returncode == 0, f"{shlex.join(words)}\n{process.stdout}\n{process.stderr}"
            return process.stdout
    raise AssertionError(f"{shlex.join(words)}: nobody runs this; it needs an entry in docs_instead")


def _instead(entry: Instead, one: Shown) -> None:
    assert entry.run or entry.test, one.text
    if entry.until:
        _interrupted(shlex.split(entry.run), entry.until)
    elif entry.run and not (entry.once and entry.run in RAN):
        RAN.add(entry.run)
        run(shlex.split(entry.run))
    if entry.test:
        path, _, name = entry.test.partition("::")
        assert f"def {name}(" in read(path), f"{one.text}: there is no {entry.test}"
        if one.words[0] == "pitwall":
            _has_options(one.filled)


def _has_options(words: list[str]) -> None:
    done = CliRunner().invoke(app, [*words[1:], "--help"])  # options are read first, then help is shown
    assert done.exit_code == 0, f"{shlex.join(words)}\n{done.output}"


def _module(module: str, arguments: list[str]) -> str:
    """`python -m module`, in this process."""
    before, sys.argv = sys.argv, [module, *arguments]
    said = io.StringIO()
    is_package = importlib.util.find_spec(module).submodule_search_locations is not None
    sys.modules.pop(f"{module}.__main__" if is_package else module, None)  # runpy warns of what it runs again
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_module(module, run_name="__main__", alter_sys=False)
    except SystemExit as end:
        assert not end.code, f"python -m {module} {shlex.join(arguments)}\n{said.getvalue()}"
    finally:
        sys.argv = before
    return said.getvalue()


def _interrupted(words: list[str], line: str) -> None:
    """Start it, wait for the line, send Ctrl-C: it ends in order. On Windows nobody can send that to a child."""
    if sys.platform == "win32":
        _has_options(words)
        return
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as process:
        assert process.stdout is not None
        said, sent = "", False
        for each in process.stdout:
            said += each
            if line in each and not sent:
                process.send_signal(signal.SIGINT)
                sent = True
    assert sent and process.returncode == 130 and "Traceback" not in said, f"{shlex.join(words)}\n{said}"


def _ask(statement: str) -> None:
    """In the lake; what reads a file of the person's own, which the lake refuses, in DuckDB itself."""
    if ".parquet'" in statement:
        assert duckdb.sql(statement).fetchall()
    else:
        run(["pitwall", "sql", statement])


def _asks_for_more(words: list[str]) -> bool:
    """`pitwall ask compare-versions` names a question: it needs two versions, and says so."""
    if len(words) != 1 or all(one.default is not None for one in questions()[words[0]].parameters.values()):
        return False
    done = CliRunner().invoke(app, ["ask", *words])
    return "--" in f"{done.output}{done.exception}"


def _installs(one: Shown) -> None:
    """An installation of ours names extras and files that there are."""
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    wanted = [word for word in one.words if re.fullmatch(r"(\.|pitwall)(\[.*\])?", word)]
    assert wanted, f"{one.text}: this installation needs an entry in docs_instead"
    for word in wanted:
        assert set(filter(None, word.partition("[")[2].rstrip("]").split(","))) <= extras.keys(), one.text
    for option, value in pairwise(one.words):
        assert option != "--constraint" or (ROOT / value).is_file()


def _validated(words: list[str]) -> None:
    """Prefect's own check of a run's parameters; what the runs do is seen in tests/flows/test_deployments.py."""
    from prefect.flows import load_flow_from_entrypoint

    name, *options = words
    given = dict(value.split("=", 1) for option, value in pairwise(options) if option == "-p")
    deployments = yaml.safe_load(read("prefect.yaml"))["deployments"]
    (deployment,) = [one for one in deployments if name == f"{Path(one['entrypoint']).stem}/{one['name']}"]
    flow = load_flow_from_entrypoint(str(ROOT / deployment["entrypoint"]))
    flow.validate_parameters({key: _parsed(value) for key, value in given.items()})


def _parsed(value: str) -> object:
    """As Prefect's command reads a parameter: JSON, else text."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _run_python(page: str) -> None:
    """Its blocks one after the other; what stands after `# ->` is what comes out."""
    says = re.compile(r"^(.+?)\s+# -> (.+)$", re.MULTILINE)
    scope: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(
            says.sub(lambda found: f"_said = {found[1]}\nassert repr(_said) == {found[2]!r}, repr(_said)", block), scope
        )


def _shape(text: str) -> str:
    """What must be the same: words, without figures, paths, rules and spacing."""
    return " ".join(re.sub(r"[\d.,]+(e[+-]?\d+)?|\S*[/\\]\S*|[─━]+", "", text).split())


def test_the_table_of_exceptions_has_only_what_is_shown() -> None:
    everything = {one.command for text in TEXTS.values() for one in shown(text)}
    assert INSTEAD.keys() <= everything, INSTEAD.keys() - everything


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_is_named_is_there(page: str) -> None:
    assert names(read(page)) <= {*HELP, "models"}


@pytest.mark.parametrize(
    ("shows", "wrong"),
    [
        ("    pitwall drive --to nowhere --wings 2\n", "no such option: --wings"),
        ("`pitwall ask who-drove-best`", "who-drove-best"),
        ("`select speed from episodes_of_mars`", "episodes_of_mars"),
        ("    prefect deployment run train/ppo -p wings=2\n", "wings"),
        ("`pip install 'pitwall[wings]'`", "wings"),
        ("    python -m pytest tests/nowhere\n", "docs_instead"),
    ],
)
def test_a_page_that_shows_what_does_not_work_would_be_seen(shows: str, wrong: str, lake: Path) -> None:
    (one,) = shown(shows)
    fails: Callable[[], None] = lambda: check(one)  # noqa: E731
    with pytest.raises(Exception, match=re.escape(wrong)):
        fails()
