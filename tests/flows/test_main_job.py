import gzip
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from schemas.errors import WindowEmpty
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.ppo.contract import engine, leaves_files_open
from tests.ppo.tables import SAMPLES, policy_json
from tests.warehouse.rollouts import sql
from warehouse import registry
from warehouse.lake import Lake
from warehouse.window_rows import window_rows

QUICK = {"epochs": 1, "device": "cpu"}
pytestmark = leaves_files_open


@pytest.fixture
def home(tmp_path):
    lake = Lake.open(Settings.load(home=tmp_path / "home", engine_models_dir=tmp_path / "engine"))
    yield lake
    lake.catalog.engine.dispose()


def loads(path):
    problems, network = engine.read_policy(path)
    assert problems == []
    return network


def wide_session(folder, width, files=1, count=96):
    """Rollouts that the contract's own engine collects with a small policy; returns the policy's bytes."""
    random = np.random.default_rng(width)

    def layer(inputs, outputs):
        scale = 1 / np.sqrt(inputs)
        return random.uniform(-scale, scale, (outputs, inputs)).astype(np.float32), np.zeros(outputs, np.float32)

    trunks = [[layer(width, 16), layer(16, 16)] for _ in range(2)]
    heads = [layer(16, 3), layer(16, 1)]
    log_std = np.full(3, np.log(0.5), np.float32)
    network = engine.Network(trunks[0], heads[0], trunks[1], heads[1], log_std)
    folder.mkdir(parents=True)
    for index in range(files):
        states = random.uniform(-1, 1, (count, width)).astype(np.float32)
        actions, log_probs, values = network.act(states, np.full(count, 0.2, np.float32), random)
        experiences = [
            {"state": states[i], "action": dict(zip(("steer", "throttle", "brake"), actions[i], strict=True)),
             "reward": states[i][0], "done": i % 20 == 19, "log_prob": log_probs[i], "value": values[i],
             "advantage": 0, "return": 0, "agent_index": i % 2} for i in range(count)
        ]  # fmt: skip
        path = folder / f"rollout_{index}_20241225_1400{index:02d}.json"
        engine.write_rollout(path, experiences, timestamp=f"2024.12.25-14.00.{index:02d}")
    spelled = [{"weights": w.ravel().tolist(), "biases": b.tolist()} for w, b in (*trunks[0], *trunks[1], *heads)]
    config = {"input_size": width, "hidden_layers": [16, 16], "policy_output_size": 3, "value_output_size": 1}
    return json.dumps({
        "network_config": config, "policy_layers": spelled[:2], "value_layers": spelled[2:4], "policy_head": spelled[4],
        "value_head": spelled[5], "action_log_std": log_std.tolist(),
    }).encode()  # fmt: skip


@pytest.mark.slow
def test_the_main_job_from_an_engine_s_rollouts_to_a_policy_that_it_loads(home):
    report = Reporter()
    assert import_policy(home, policy_json(), "policy.json") == 1
    came = bring_in(home, [SAMPLES / "session_a"], report)
    assert came.experiences == 5 * 2048 and not came.rejected
    trained = train(home, Window(newest=5), TrainConfig(**QUICK), report)
    assert (trained.start, trained.parent, trained.published.version) == ("warm", 1, 2)
    assert trained.metrics["first_ratio_mean"] == pytest.approx(1, abs=1e-5)
    assert trained.metrics["first_ratio_deviation"] < 1e-3
    assert sql(home, "select distinct policy_version from rollouts") == [(1,)]
    noise = [x for x in window_rows(home, trained.window)["noise_scale"].to_pylist() if x is not None]
    assert max(noise) == pytest.approx(0.2, abs=1e-4) and min(noise) >= 0.19
    original = engine.Network.load(write_bytes(home.paths.home / "a.json", policy_json()))
    document = json.loads(gzip.decompress(sorted((SAMPLES / "session_a").glob("*.gz"))[0].read_bytes()))
    states = np.array([row["state"] for row in document["experiences"]], np.float32)
    assert np.abs(original.forward(states)[1] - [row["value"] for row in document["experiences"]]).max() < 1e-5
    delivered = loads(trained.engine_file)
    assert (home.settings.engine_models_dir / "best_model_path.txt").read_text() == str(trained.engine_file)
    assert 0 < np.abs(delivered.forward(states)[0] - original.forward(states)[0]).max() < 1
    assert max(trained.published.parity.values()) < 1e-5
    again = bring_in(home, [SAMPLES / "session_a"], report)
    assert not again.accepted and len(again.known) == 5
    nothing = train(home, Window(newest=5), TrainConfig(**QUICK), report, at_least_new=1)
    assert nothing.published is None and nothing.reason.startswith("nothing to do: 0 rollouts")


def write_bytes(path, raw):
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("width", [15, 19, 47])
def test_the_engine_loads_what_was_trained_with_and_without_lidar(home, tmp_path, width, normalise):
    raw = wide_session(tmp_path / "in", width, files=2)
    assert import_policy(home, raw, "policy.json") == 1
    bring_in(home, [tmp_path / "in"], Reporter())
    config = TrainConfig(**QUICK, normalise_observations=normalise)
    trained = train(home, Window(), config, Reporter())
    assert trained.start == "warm" and trained.published.version == 2
    network = loads(trained.engine_file)
    assert network.policy_layers[0][0].shape == (16, width)
    second = train(home, Window(), config, Reporter())
    assert second.published.version == 3 and second.engine_file != trained.engine_file
    assert loads(second.engine_file) is not None


def test_with_no_policy_imported_training_starts_by_a_clone_and_says_so(home, tmp_path):
    wide_session(tmp_path / "in", 15)
    bring_in(home, [tmp_path / "in"], Reporter())
    trained = train(home, Window(), TrainConfig(**QUICK, clone_epochs=1, hidden=(16, 16)), Reporter())
    assert (trained.start, trained.parent, trained.published.version) == ("clone", None, 1)
    assert any("clone" in note for note in trained.notes)
    assert loads(trained.engine_file) is not None


def test_a_claim_of_a_version_that_nobody_registered_is_no_refutation(home, tmp_path):
    wide_session(tmp_path / "in", 15)
    for path in (tmp_path / "in").iterdir():
        write_bytes(path, path.read_bytes().replace(b'"num_experiences"', b'"policy_version": 3, "num_experiences"'))
    bring_in(home, [tmp_path / "in"], Reporter())
    assert train(home, Window(), TrainConfig(**QUICK, clone_epochs=1, hidden=(16, 16)), Reporter()).start == "clone"


def test_a_log_prob_of_another_density_is_not_cloned_either(home, tmp_path):
    import_policy(home, wide_session(tmp_path / "in", 15), "policy.json")
    for path in (tmp_path / "in").iterdir():
        document = json.loads(path.read_bytes())
        for number, row in enumerate(document["experiences"]):
            row["log_prob"] -= 0.1 * (number % 7)
        write_bytes(path, json.dumps(document).encode())
    bring_in(home, [tmp_path / "in"], Reporter())
    with pytest.raises(WindowEmpty, match="log_prob_disagrees"):
        train(home, Window(), TrainConfig(**QUICK), Reporter())


def test_an_engine_that_holds_its_files_costs_no_second_version(tmp_path):
    blocked = tmp_path / "engine"
    lake = Lake.open(Settings.load(home=tmp_path / "home", engine_models_dir=blocked))
    import_policy(lake, wide_session(tmp_path / "in", 15), "policy.json")
    bring_in(lake, [tmp_path / "in"], Reporter())
    (blocked / "pitwall_v2.json").mkdir(parents=True)  # nothing can be written there
    trained = train(lake, Window(), TrainConfig(**QUICK), Reporter())
    assert trained.published.version == 2 and trained.engine_file is None
    assert "pitwall models deliver 2" in trained.notes[-1]
    assert sql(lake, "select version from models order by 1") == [(1,), (2,)]
    lake.catalog.engine.dispose()


def test_an_empty_lake_has_no_window(home):
    with pytest.raises(WindowEmpty, match="0 rollouts in the lake"):
        train(home, Window(), TrainConfig(), Reporter())


def test_new_rollouts_are_counted_against_what_was_trained_on(home, tmp_path):
    import_policy(home, wide_session(tmp_path / "in", 15, files=2), "policy.json")
    bring_in(home, [tmp_path / "in"], Reporter())
    assert train(home, Window(), TrainConfig(**QUICK), Reporter(), at_least_new=2).published is not None
    assert train(home, Window(), TrainConfig(**QUICK), Reporter(), at_least_new=1).published is None
    again = train(home, Window(), TrainConfig(**QUICK), Reporter())
    assert again.published is not None and again.new_rollouts == 0
    assert any("all 2 rollouts of the window were trained on before" in note for note in again.notes)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler is here")
def test_a_training_that_is_compiled_says_so_and_differs_in_rounding_only(home, tmp_path):
    import_policy(home, wide_session(tmp_path / "s", 15, files=2), "policy.json")
    bring_in(home, [tmp_path / "s"], Reporter())
    said = []

    class Heard(Reporter):
        def say(self, message):
            said.append(message)

    def trained(**switches):
        config = TrainConfig(**QUICK, batch_size=48, **switches)
        published = train(home, Window(newest=2), config, Heard(), parent=1).published
        return load(registry.read_file(home, published.version, "policy.safetensors"))

    as_it_is, compiled = trained(), trained(compile=True)
    assert len([line for line in said if line.startswith("compiling the step")]) == 1
    assert any(not torch.equal(weights, compiled[name]) for name, weights in as_it_is.items())
    for name, weights in as_it_is.items():
        torch.testing.assert_close(weights, compiled[name], rtol=1e-4, atol=1e-6)
