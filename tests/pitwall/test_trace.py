"""`pitwall trace` and `pitwall reproduce` as the person types them."""

import csv
import io
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from pitwall.cli import app
from schemas.errors import LakeDamaged, NotRegistered, SettingsRejected
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import change, collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import tables as t
from warehouse.lake import Lake

pytestmark = leaves_files_open
FILE = "rollout_0_20241225_140000.json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 2 was trained on 19 of 20 rows: row 4 was rejected, the last of each car only ends the one before it.

    Two files of its folder were rejected whole, one before it was trained and one after; one of another folder, before.
    """
    folder = tmp_path_factory.mktemp("home")
    lake = Lake.open(Settings.load(home=folder, settle_seconds=0))
    import_policy(lake, driver(1).raw, "a.json")
    change(collect(driver(1), folder / "in" / "a", 0, 20), {4: {"reward": None}})
    for place in ("in/a/rollout_7_torn.json", "in/b/rollout_8_torn.json"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text("{ torn")
    bring_in(lake, [folder / "in" / "a", folder / "in" / "b"], Reporter())
    train(lake, Window(), TrainConfig(epochs=1, device="cpu"), Reporter())
    (folder / "in" / "a" / "rollout_9_torn.json").write_text("{ torn later")
    bring_in(lake, [folder / "in" / "a"], Reporter())
    lake.catalog.engine.dispose()
    return folder


def pitwall(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def said(home: Path, *words: str) -> str:
    result = pitwall(home, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_account_is_a_column_of_figures_that_ends_with_its_verdict(home: Path) -> None:
    lines = [" ".join(line.split()) for line in said(home, "trace", "2").splitlines()]
    assert lines[0] == "Version 2, from file to gradient"
    for line in (
        "rows in files 20 1 file",
        "- rejected 1 experiences[#].reward: Expected float, got null",
        "in the lake 19",
        "- bootstrap only 2 nothing follows it",
        "trained on 16",
        "in the gradient 16 each epoch",
    ):
        assert line in lines
    assert lines[-1] == "It balances."
    assert (
        lines[-2].startswith("Not in it: 1 file of these folders, rejected whole by then") and "rollout_7_" in lines[-2]
    )
    told = json.loads(said(home, "trace", "2", "--json"))["rejected_files"]
    assert [Path(path).name for path in told] == ["rollout_7_torn.json"]
    assert said(home, "trace", "1") == "Version 1 is imported: no rows made it.\n"


def test_every_row_comes_with_its_role_in_each_format(home: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(said(home, "trace", "latest", "--rows", "--format", "csv"))))
    assert [int(row["row_index"]) for row in rows] == list(range(20))
    roles = [row["role"] for row in rows]
    assert (roles[4], roles[2], roles[18], roles[19]) == ("rejected", "bootstrap", "bootstrap", "bootstrap")
    assert json.loads(said(home, "trace", "v2", "--rows", "--json"))[0]["file_name"] == FILE


def test_a_row_a_rollout_and_a_run_are_followed_to_their_versions(home: Path) -> None:
    shown = said(home, "trace", "--rollout", FILE, "--row", "0")
    assert "row 0 is in the lake" in shown and "trained" in shown
    assert "row 4 was rejected, so nobody saw it" in said(home, "trace", "--rollout", FILE, "--row", "4")
    told = json.loads(said(home, "trace", "--run", "a", "--format", "json"))
    assert [(row["role"], row["reason"], row["rows"]) for row in told] == [
        ("trained", "", 16),
        ("bootstrap", "nothing_follows", 2),
        ("bootstrap", "row_lost", 1),
    ]


@pytest.mark.parametrize(
    "words, error",
    [
        ((), SettingsRejected),
        (("2", "--run", "a"), SettingsRejected),
        (("--rows", "--run", "a"), SettingsRejected),
        (("--row", "3"), SettingsRejected),
        (("--rollout", ""), SettingsRejected),
        (("--run", "nobody's"), NotRegistered),
        (("--rollout", FILE, "--row", "20"), NotRegistered),
        (("9",), NotRegistered),
        (("9", "--rows"), NotRegistered),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_can(
    home: Path, words: tuple[str, ...], error: type[Exception]
) -> None:
    assert isinstance(pitwall(home, "trace", *words).exception, error)


def test_an_account_that_does_not_balance_is_shown_and_fails(home: Path) -> None:
    lake = Lake.open(Settings.load(home=home))
    more = sa.update(t.rollouts).values(rejected_rows=0, rows_in_file=t.rollouts.c.rows_in_file + 1)
    less = sa.update(t.rollouts).values(rejected_rows=1, rows_in_file=t.rollouts.c.rows_in_file - 1)
    with lake.catalog.begin() as connection:
        connection.execute(more)
    result = pitwall(home, "trace", "2")
    with lake.catalog.begin() as connection:
        connection.execute(less)
    lake.catalog.engine.dispose()
    assert isinstance(result.exception, LakeDamaged) and "does not balance" in str(result.exception)
    assert "rows in files" in result.stdout and "It balances" not in result.stdout


def test_a_version_is_reproduced_or_the_ingredient_that_differs_is_named(home: Path) -> None:
    assert said(home, "reproduce", "2").endswith("Version 2 is reproduced: the same weights, bit for bit.\n")
    assert json.loads(said(home, "reproduce", "1", "--json"))["start"] == "imported"
    weights = home / "models" / "v00001" / "policy.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"!")
    result = pitwall(home, "reproduce", "2", "--json")
    weights.write_bytes(content)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert not told["identical"] and told["differs"][0].startswith("files: ")
