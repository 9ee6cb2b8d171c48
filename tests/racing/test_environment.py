import subprocess
import sys
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from racing.environment import Environment, revision
from racing.errors import EnvironmentRejected

ENGINE = (
    "speed_norm", "yaw_rate_norm", "pitch_rate_norm", "roll_rate_norm", "ray_forward", "ray_left", "ray_right",
    "ray_left45", "ray_right45", "ray_forward_up", "ray_forward_down", "ray_ground_dist", "gravity_x", "gravity_y",
    "gravity_z",
)  # fmt: skip


class Echo(gymnasium.Env):
    """Its observation is what was applied, its end comes with the third step; spaces as asked."""

    def __init__(self, observation=None, action=None):
        self.observation_space = observation or spaces.Box(-99, 99, (2,), np.float32)
        self.action_space = action or spaces.Box(np.array([-2, 0]), np.array([2, 10]), dtype=np.float64)
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.look(np.zeros(2)), {}

    def step(self, action):
        self.steps += 1
        return self.look(action), float(self.steps), self.steps == 3, self.steps == 3, {}

    def look(self, action):
        if isinstance(self.observation_space, spaces.Box):
            return np.asarray(action, np.float32).reshape(-1)[:2]
        return self.observation_space.sample()


@pytest.fixture
def echo():
    gymnasium.register("Echo-v0", Echo)
    yield "Echo-v0"
    del gymnasium.registry["Echo-v0"]


def test_racing_has_the_contract_s_names_and_clamps_what_it_records():
    environment = Environment.open("Pitwall/Racing-v0", agents=2, lidar=5, tracks=[3])
    assert environment.observation_names == (*ENGINE, *(f"lidar_{ray:02d}" for ray in range(5)))
    assert environment.action_names == ("steer", "throttle", "brake")
    sampled = np.array([[-2, -1, 0.5], [2, 2, -0.1]], np.float32)
    assert environment.clamp(sampled).tolist() == [[-1, 0, 0.5], [1, 1, 0]]
    assert (
        environment.reset(0).shape == (2, 20) and environment.env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    )


def test_a_mujoco_environment_gives_its_columns_the_model_s_names():
    environment = Environment.open("InvertedPendulum-v5", agents=1)
    assert environment.observation_names == ("qpos_00", "qpos_01", "qvel_00", "qvel_01")
    assert environment.action_names == ("slide",)
    state = environment.reset(0)
    assert state.dtype == np.float32 and state.shape == (1, 4)
    assert environment.applied(np.array([[0.5]], np.float32)) == 1.5
    environment.close()


def test_a_revision_changes_with_the_environment_s_source_alone(tmp_path, monkeypatch):
    module = tmp_path / "sandbox_env.py"
    module.write_text(
        "from gymnasium.envs.classic_control import PendulumEnv\n\nclass Sandbox(PendulumEnv):\n    g = 9\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    gymnasium.register("Sandbox-v0", "sandbox_env:Sandbox", max_episode_steps=5)
    first = revision("Sandbox-v0")
    assert first == revision("Sandbox-v0") != revision("Pendulum-v1") != revision("HalfCheetah-v5")
    module.write_text(module.read_text() + "    # heavier\n")
    assert revision("Sandbox-v0") != first
    del gymnasium.registry["Sandbox-v0"]
    with pytest.raises(EnvironmentRejected, match="Gymnasium's list"):
        revision("Sandbox-v0")


def test_what_mujoco_warns_of_is_logged_once_and_leaves_no_file(tmp_path):
    twice = (
        "import logging, racing.environment as e; logging.basicConfig(format='%(name)s %(message)s');"
        "[e.Environment.open('HalfCheetah-v5', agents=2).close() for _ in range(2)]"
    )
    made = subprocess.run([sys.executable, "-c", twice], capture_output=True, text=True, cwd=tmp_path, check=True)
    lines = [line for line in (made.stdout + made.stderr).splitlines() if line]
    assert len(lines) == len(set(lines)) and all(line.startswith("racing.mujoco MuJoCo: ") for line in lines)
    assert not list(tmp_path.iterdir())


def test_elsewhere_the_sample_is_recorded_and_the_box_is_what_the_policy_s_unit_range_reaches(echo):
    environment = Environment.open(echo, agents=3)
    sampled = np.array([[-7, 0], [0.5, -1], [1, 1]], np.float32)
    assert environment.clamp(sampled) is sampled
    environment.reset(0)
    state, *_ = environment.step(sampled)
    assert state.tolist() == [[-2, 5], [1, 0], [2, 10]]


def test_a_box_without_bounds_gets_the_action_as_it_is(echo):
    environment = Environment.open(echo, 1, action=spaces.Box(-np.inf, np.inf, (2,), np.float32))
    environment.reset(0)
    assert environment.step(np.array([[-7, 40]], np.float32))[0].tolist() == [[-7, 40]]


def test_an_action_of_two_dimensions_is_flat_for_the_policy(echo):
    environment = Environment.open(echo, 2, action=spaces.Box(-1, 1, (2, 2), np.float32))
    assert environment.action_names == ("00", "01", "02", "03")
    environment.reset(0)
    assert environment.step(np.full((2, 4), 0.5, np.float32))[0].tolist() == [[0.5, 0.5]] * 2


def test_an_end_is_terminated_or_truncated_never_both_and_leaves_its_last_observation(echo):
    environment = Environment.open(echo, agents=1)
    environment.reset(0)
    for step in range(3):
        state, reward, terminated, truncated, infos = environment.step(np.array([[0, step / 10]], np.float32))
    assert (terminated[0], truncated[0], reward[0]) == (True, False, 3)
    assert state.tolist() == [[0, 0]]
    np.testing.assert_allclose(environment.final(infos, np.array([0])), [[0, 6]])


def test_dicts_and_tuples_are_flattened_under_their_keys(echo):
    mixed = spaces.Dict({
        "speed": spaces.Box(0, 1, (1,)), "hands": spaces.Tuple([spaces.Box(0, 1, (2,)), spaces.Discrete(2)])
    })  # fmt: skip
    environment = Environment.open(echo, 2, observation=mixed)
    assert environment.observation_names == ("hands_0_00", "hands_0_01", "hands_1_00", "hands_1_01", "speed")
    assert environment.reset(0).shape == (2, 5)


def test_names_that_cannot_be_columns_become_numbers(echo):
    alike = spaces.Dict({"A": spaces.Box(0, 1, (1,)), "a": spaces.Box(0, 1, (1,))})
    assert Environment.open(echo, 1, observation=alike).observation_names == ("00", "01")


@pytest.mark.parametrize(
    ("env", "options", "told"),
    [
        ("CartPole-v1", {}, "action space is Discrete.* wanted a Box of continuous actions"),
        ("Nowhere-v0", {}, r"doesn't exist\. Gymnasium's list: .*pprint_registry.*: my_package:MyEnv-v0$"),
        ("Pendulu-v1", {}, r"Did you mean: `Pendulum`\? Gymnasium's list"),
        ("Pendulum-v1", {"lidar": 8}, "only Pitwall/Racing-v0 has a LIDAR"),
        ("Pendulum-v1", {"agents": 0}, "0 agents, wanted 1 or more"),
        ("Pendulum-v1", {"gravity": 1}, "Check the arguments"),
        ("Pitwall/Racing-v0", {"lidar": 3}, "lidar is 3, wanted 0"),
    ],
)
def test_what_cannot_be_driven_is_refused_with_the_next_step(env, options, told):
    with pytest.raises(EnvironmentRejected, match=told):
        Environment.open(env, **{"agents": 1} | options)


def test_a_missing_package_is_named_with_the_way_to_install_it(echo):
    def without_mujoco(**_):
        raise gymnasium.error.DependencyNotInstalled("MuJoCo is not installed")

    gymnasium.registry[echo].entry_point = without_mujoco
    with pytest.raises(
        EnvironmentRejected, match=r"MuJoCo is not installed\. Install it: pip install 'pitwall\[mujoco\]'"
    ):
        Environment.open(echo, 1)


class Echoes(gymnasium.vector.VectorEnv):
    """Echo's own vector form, which resets one step late."""

    metadata: ClassVar = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1):
        self.num_envs = num_envs


def test_a_vector_form_that_resets_one_step_late_is_not_taken(echo):
    gymnasium.registry[echo].vector_entry_point = Echoes
    environment = Environment.open(echo, agents=2)
    assert environment.env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert environment.reset(0).shape == (2, 2)
