"""The same weights again from the manifest, or the name of what is other."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.fresh import fresh
from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.reproducing import reproduce
from flows.training import train
from schemas.manifest import FACTS, MANIFEST, OPTIMIZER, WEIGHTS, ModelManifest
from schemas.settings import Settings
from schemas.space import ENGINE_ACTIONS, Space
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import registry
from warehouse import tables as t
from warehouse.lake import Lake

pytestmark = leaves_files_open
DRIVERS = [driver(1), driver(2)]
FINE = TrainConfig(epochs=2, device="cpu", normalise_observations=True, scale_returns=True, recompute_advantages=True)


@pytest.fixture
def home(tmp_path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    yield lake
    lake.catalog.engine.dispose()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Version 1 drove session a, nobody knows who drove session b; 2 was trained on both, 3 goes on from 2."""
    folder = tmp_path_factory.mktemp("taught")
    lake = Lake.open(Settings.load(home=folder / "home"))
    import_policy(lake, DRIVERS[0].raw, "a.json")
    for index in range(3):
        collect(DRIVERS[0], folder / "in" / "a", index, 60, ends=(20,))
        collect(DRIVERS[1], folder / "in" / "b", index, 60, ends=(20,))
    bring_in(lake, [folder / "in"], Reporter())
    middle = "select rollout_id from rollouts where rollout_index = 1 or run_id = 'b'"
    train(lake, Window(sql=middle), FINE, Reporter())
    train(lake, Window(), FINE, Reporter(), parent=2)
    lake.catalog.engine.dispose()
    return folder


@pytest.fixture
def taught(template, tmp_path):
    """A copy of it."""
    shutil.copytree(template / "home", tmp_path / "home")
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    yield lake
    lake.catalog.engine.dispose()


def state(lake):
    """Everything that may not change: the catalog's tables and the files of the home."""
    with lake.catalog.read() as connection:
        tables = {name: connection.execute(sa.select(table)).all() for name, table in t.metadata.tables.items()}
    return tables, sorted((path.name, path.stat().st_mtime_ns) for path in (lake.paths.home / "models").rglob("*"))


def spoil(lake, version, **changes):
    """The manifest of a version as it never was, and the catalog in agreement with it."""
    path = lake.paths.model(version) / MANIFEST
    manifest = json.loads(path.read_bytes()) | changes
    content = ModelManifest.model_validate(manifest).model_dump_json(indent=2).encode()
    path.write_bytes(content)
    entry = registry._entry(content).model_dump()
    with lake.catalog.begin() as connection:
        mine = (t.model_files.c.version == version, t.model_files.c.name == MANIFEST)
        connection.execute(sa.update(t.model_files).where(*mine).values(**entry))


@pytest.mark.parametrize("version", [2, 3, "latest"])
def test_a_training_done_again_ends_with_the_same_weights_and_changes_nothing(taught, version):
    before = state(taught)
    found = reproduce(taught, version, Reporter())
    assert found.identical and not found.differs and not found.notes
    assert state(taught) == before


def test_what_became_known_since_does_not_count(taught, template):
    """The unknown drivers are imported, a rollout comes late, positions move."""
    import_policy(taught, DRIVERS[1].raw, "b.json")
    late = collect(DRIVERS[0], template / "in" / "a", 3, 60)
    bring_in(taught, [template / "in"], Reporter())
    late.unlink()
    with taught.catalog.begin() as connection:
        known = connection.scalar(sa.select(sa.func.count()).where(t.attributions.c.version.is_not(None)))
        assert known == 7  # three of them were unknown when 2 and 3 were trained
        connection.execute(sa.update(t.rollouts).values(position=t.rollouts.c.position + 5))
    assert reproduce(taught, 2, Reporter()).identical
    assert reproduce(taught, 3, Reporter()).identical


def test_a_clone_a_random_and_an_imported_policy(home, tmp_path):
    collect(DRIVERS[0], tmp_path / "in", 0, 80)
    bring_in(home, [tmp_path / "in"], Reporter())
    train(home, Window(), FINE.model_copy(update={"clone_updates": 20, "hidden": (8, 8)}), Reporter())
    fresh(home, Space.of(15, list(ENGINE_ACTIONS)), TrainConfig(seed=3, hidden=(4,)))
    import_policy(home, DRIVERS[0].raw, "a.json")
    clone, random, imported = (reproduce(home, version, Reporter()) for version in (1, 2, 3))
    assert clone.identical and clone.start == "clone"
    assert random.identical and random.start == "fresh"
    assert imported.identical and "there is no training to do again" in imported.notes[0]


def test_a_damaged_partition_is_named(taught):
    partition = next(taught.paths.experiences.rglob("*.parquet"))
    partition.write_bytes(partition.read_bytes()[:-1] + b"!")
    found = reproduce(taught, 2, Reporter())
    assert not found.identical
    assert found.differs[0].startswith("rows: ") and partition.name in found.differs[0]


def test_the_parent_s_lost_weights_are_named(taught):
    (taught.paths.model(2) / WEIGHTS).unlink()
    (found,) = reproduce(taught, 3, Reporter()).differs
    assert found.startswith("files: ") and "v00002" in found and WEIGHTS in found


def test_another_noise_factor_is_named_and_nothing_is_trained(taught):
    facts = json.loads(registry.read_file(taught, 2, FACTS))
    driven = next(each for each in facts["rollouts"] if each["noise"])
    driven["noise"] = [[agent, step, scale * 1.5] for agent, step, scale in driven["noise"]]
    content = json.dumps(facts).encode()
    (taught.paths.model(2) / FACTS).write_bytes(content)
    with taught.catalog.begin() as connection:
        mine = (t.model_files.c.version == 2, t.model_files.c.name == FACTS)
        connection.execute(sa.update(t.model_files).where(*mine).values(**registry._entry(content).model_dump()))
    found = reproduce(taught, 2, Reporter())
    assert not found.identical and "learn" not in found.seconds
    assert any(each.startswith("batch: noise_scale was ") for each in found.differs)


def test_other_libraries_machine_and_learner_are_told_but_do_no_harm_where_the_bits_agree(taught):
    manifest = registry.read_manifest(taught, 2)
    machine = manifest.ingredients.machine.model_dump() | {"cpu": "Z80", "threads": 1}
    ingredients = manifest.ingredients.model_dump() | {"machine": machine, "learner": "0" * 64}
    spoil(taught, 2, libraries=manifest.libraries | {"torch": "1.0"}, ingredients=ingredients)
    found = reproduce(taught, 2, Reporter())
    assert found.identical
    assert [note.partition(" was ")[0] for note in found.notes] == [
        "other here, without effect: libraries: torch",
        "other here, without effect: machine: cpu",
        "other here, without effect: learner: its source",
    ]


def test_another_seed_gives_other_weights_and_every_ingredient_that_is_other_is_named(taught):
    manifest = registry.read_manifest(taught, 2)
    config = dict(manifest.config) | {"seed": 7}
    del config["adam_eps"]
    spoil(taught, 2, config=config, libraries=manifest.libraries | {"numpy": "1.0"})
    found = reproduce(taught, 2, Reporter())
    assert not found.identical
    assert found.differs[0] == "configuration: adam_eps is new since; its default is taken"
    assert found.differs[1].startswith("libraries: numpy was 1.0")
    assert any(each.startswith("weight actor.0.weight: off by up to ") for each in found.differs)


def test_a_configuration_that_this_release_does_not_take_is_named(taught):
    manifest = registry.read_manifest(taught, 2)
    spoil(taught, 2, config=dict(manifest.config) | {"curiosity": 1})
    (found,) = reproduce(taught, 2, Reporter()).differs
    assert found.startswith("configuration: this release does not take it any more (curiosity: ")


def test_a_version_of_an_earlier_release_is_tried_with_what_is_known_today(taught):
    manifest = registry.read_manifest(taught, 2).model_dump(mode="json")
    files = {name: entry for name, entry in manifest["files"].items() if name != FACTS}
    spoil(taught, 2, ingredients=None, files=files)
    found = reproduce(taught, 2, Reporter())
    assert found.identical and found.notes[0].startswith("other here, without effect: facts: an earlier release")
    import_policy(taught, DRIVERS[1].raw, "b.json")
    late = reproduce(taught, 2, Reporter())
    assert not late.identical and late.differs[0].startswith("facts: an earlier release trained it")


_TRAINING = """
import sys
from flows.reporter import Reporter
from flows.training import train
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from warehouse.lake import Lake

class Telling(Reporter):
    def progress(self, what, done, total, note=""):
        print(what, done, flush=True)

lake = Lake.open(Settings.load(home=sys.argv[1]))
train(lake, Window(), TrainConfig.model_validate_json(sys.argv[2]), Telling())
lake.catalog.engine.dispose()
"""


def _start(home: Path, config: TrainConfig) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "ignore", "-c", _TRAINING, str(home), config.model_dump_json()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _session(home: Path, folder: Path) -> Lake:
    lake = Lake.open(Settings.load(home=home))
    import_policy(lake, DRIVERS[0].raw, "a.json")
    for index in range(3):
        collect(DRIVERS[0], folder / "a", index, 200, ends=(20,))
    bring_in(lake, [folder], Reporter())
    return lake


@pytest.mark.slow
def test_a_training_killed_in_an_epoch_and_begun_again_ends_with_the_bits_of_one_that_nobody_disturbed(tmp_path):
    config = TrainConfig(epochs=6, batch_size=16, device="cpu", normalise_observations=True, seed=5)
    disturbed, undisturbed = (_session(tmp_path / name, tmp_path / f"{name} in") for name in ("killed", "quiet"))
    with _start(tmp_path / "killed", config) as training:
        assert training.stdout is not None
        assert any(line.strip() == "epochs 2" for line in training.stdout)
        training.kill()
    assert training.wait() != 0
    assert [model.version for model in registry.versions(disturbed)] == [1]
    assert not list(disturbed.paths.scratch.glob("*"))
    with _start(tmp_path / "killed", config) as training:
        assert training.communicate()[0].splitlines()[-1] == "epochs 6"
    train(undisturbed, Window(), config, Reporter())
    for name in (WEIGHTS, OPTIMIZER):
        assert registry.read_file(disturbed, 2, name) == registry.read_file(undisturbed, 2, name)
    for lake in (disturbed, undisturbed):
        lake.catalog.engine.dispose()
