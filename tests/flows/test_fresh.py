import pytest

from flows.driving import Driving, driver_of, space_in
from flows.fresh import fresh
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from ppo.policy import Policy
from schemas.loop import DriveConfig
from schemas.manifest import WEIGHTS
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import RECENT
from tests.ppo.contract import leaves_files_open
from warehouse import registry
from warehouse.lake import Lake

pytestmark = leaves_files_open
DRIVE = DriveConfig(environment="Pendulum-v1", agents=2, steps=64)


@pytest.fixture
def home(tmp_path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    yield lake
    lake.catalog.engine.dispose()


def policy_of(lake: Lake, version: int) -> Policy:
    return Policy.from_safetensors(registry.read_file(lake, version, WEIGHTS))


@pytest.mark.parametrize("mean", ["tanh", "identity"])
def test_a_fresh_policy_has_the_mean_the_widths_and_the_deviation_of_the_configuration(home, mean):
    version = fresh(home, space_in(DRIVE), TrainConfig(mean=mean, initial_std=1.5, hidden=(8, 4)))
    policy = policy_of(home, version)
    assert (policy.mean, policy.sizes) == (mean, (3, 8, 4))
    assert policy.parameters.log_std.exp().tolist() == pytest.approx([1.5])


def test_a_clone_has_the_mean_of_the_configuration(home, tmp_path):
    """Nobody is registered any more who drove this: the first version of another home is a clone."""
    fresh(home, space_in(DRIVE), TrainConfig(mean="identity", hidden=(8,)))
    with Driving(DRIVE, tmp_path / "drives", "a") as cars:
        cars.collect(driver_of(home, 1))
    other = Lake.open(Settings.load(home=tmp_path / "other"))
    bring_in(other, [tmp_path / "drives"], Reporter())
    config = TrainConfig(mean="identity", hidden=(8,), epochs=1, clone_epochs=1, clone_updates=2)
    report = train(other, RECENT, config, Reporter())
    assert report.published is not None and registry.get(other, 1).start == "clone"
    assert policy_of(other, 1).mean == "identity"
    other.catalog.engine.dispose()
