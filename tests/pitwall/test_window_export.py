"""`pitwall window --export` and `pitwall ingest --minari` as the person types them."""

import json
from pathlib import Path

import duckdb
import minari
import polars as pl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import pitwall
from pitwall.cli import app
from schemas.errors import SettingsRejected
from tests.warehouse.rollouts import bits, experience, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two rollouts of one car: an episode of two rows that ended, and one that is cut."""
    rows = [experience(0), experience(1, done=True, reward_terms={"speed": 0.5}), experience(2)]
    for index in range(2):
        write(tmp_path / "in", index, [{**row, "reward": row["reward"] + index} for row in rows])
    assert run(tmp_path / "home", "ingest", tmp_path / "in").exit_code == 0
    return tmp_path / "home"


def run(home: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *map(str, words)])


def test_a_parquet_file_holds_the_rows_and_says_what_they_are(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    said = run(home, "window", "--newest", "2", "--export", "parquet", "--to", file)
    assert said.exit_code == 0 and f"6 rows in {file}" in said.output
    frame = pl.read_parquet(file)
    with pitwall.open(home) as pit:
        window = pit.window(newest=2)
        assert frame.equals(window.rows())
        assert window.export(file) == f"6 rows in {file}"  # the same bytes are in nobody's way
    assert bits(frame["reward"].to_list()) == bits([0, 0.01, 0.02, 1, 1.01, 1.02])
    about = json.loads(pq.read_metadata(file).metadata[b"pitwall"])
    assert about["window_id"] == window.id and about["request"] == {"newest": 2}
    assert list(about["columns"]) == frame.columns and all(about["columns"].values())
    assert about["columns"]["obs_speed_norm"].startswith("observation before the action")
    assert "reward terms" in about["columns"]["term_speed"]
    assert pq.read_schema(file).field("log_prob").metadata[b"description"] == about["columns"]["log_prob"].encode()
    read_elsewhere = duckdb.sql(f"select count(*), sum(terminated::int) from '{file.as_posix()}'").fetchall()
    assert read_elsewhere == [(6, 2)]


def test_a_minari_dataset_goes_out_of_one_lake_and_into_another(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "laps-v0"
    said = run(home, "window", "--newest", "2", "--export", "minari", "--to", folder)
    assert "2 whole episodes with 5 steps in" in said.output.replace("\n", " ")
    assert "left out: 1 rows of 1 cut episodes" in said.output.replace("\n", " ")
    came = run(tmp_path / "other", "ingest", "--minari", folder)
    assert (came.exit_code, "1 rollout with 5 experiences in" in came.output) == (0, True), came.output
    again = run(tmp_path / "other", "ingest", "--minari", folder, "--json")
    assert json.loads(again.stdout)["rollouts"] == 0


def test_rewards_are_those_of_the_window_and_an_episode_without_one_is_left_out(tmp_path: Path) -> None:
    home, terms = tmp_path / "home", [1.0, 2.0, None, 3.0]
    rows = [
        experience(number, done=number % 2 == 1, **({} if term is None else {"reward_terms": {"speed": term}}))
        for number, term in enumerate(terms)
    ]
    write(tmp_path / "in", 0, rows)
    run(home, "ingest", tmp_path / "in")
    assert run(home, "rescore", "fast", "--weights", "speed=10").exit_code == 0
    said = run(home, "window", "--reward", "fast", "--export", "minari", "--to", tmp_path / "laps-v0")
    assert "1 whole episodes with 2 steps" in said.output and "1 episodes without a reward" in said.output
    dataset = minari.MinariDataset(tmp_path / "laps-v0" / "data")
    (episode,) = dataset.iterate_episodes()
    assert episode.rewards.tolist() == [10, 20]
    assert json.loads(dataset.storage.metadata["pitwall"])["reward"]["name"] == "fast"


def test_json_stays_json_beside_an_export(home: Path, tmp_path: Path) -> None:
    said = run(home, "window", "--newest", "1", "--export", "parquet", "--to", tmp_path / "rows.parquet", "--json")
    assert json.loads(said.stdout)["rows"] == 3 and (tmp_path / "rows.parquet").is_file()


def test_what_is_missing_or_in_the_way_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("mine")
    for words, told in (
        (("--to", tmp_path / "x"), "--to is given without --export"),
        (("--export", "minari"), "--export is given without --to"),
        (("--export", "parquet", "--to", tmp_path / "rows.parquet"), "--force"),
        (("--export", "minari", "--to", tmp_path / "laps"), "NAME-vN"),
    ):
        error = run(home, "window", "--newest", "1", *words).exception
        assert isinstance(error, SettingsRejected) and told in str(error)
    assert (tmp_path / "rows.parquet").read_text() == "mine"
    both = run(home, "ingest", str(tmp_path), "--minari", "x").exception
    assert isinstance(both, SettingsRejected) and "wanted one of them" in str(both)
