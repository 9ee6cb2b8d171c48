"""Stable-Baselines3's PPO in the racing environment: same rollouts, minibatches, epochs at most, network and steps.

It drives twice. `OWN` is what its users would take: `make_vec_env` of single environments, `VecNormalize`, its own
learning rate, and no target KL, so no update ends early. `OURS` has our vector environment behind its interface, our
learning rate and our target KL. Its initial deviation is its own in both: nothing scales its exploration.
"""

import json
import time
from typing import Any

import numpy as np
import torch

from benchmarks.proofs.course import RESULTS, about, write
from racing.environment import Environment
from racing.evaluation import evaluate
from racing.track import TEST_TRACKS
from schemas.loop import LoopConfig

OWN, OURS = "stable-baselines3", "stable-baselines3 with our cars and settings"


def peer(name: str, config: LoopConfig, laps: int, seed: int) -> dict[str, Any]:
    """Train and evaluate after as many laps as ours; writes `docs/results/racing/<name>-<seed>.json`."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    target = RESULTS / "racing" / f"{name.replace(' ', '-')}-{seed}.json"
    if target.exists():
        found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        return found
    torch.set_num_threads(1)
    update = config.train
    single = {"n_envs": config.drive.agents, "seed": seed}
    cars = make_vec_env(config.drive.environment, **single) if name == OWN else _cars(config)
    cars = VecNormalize(cars, gamma=update.gamma)
    ours = {"learning_rate": update.learning_rate, "target_kl": update.target_kl} if name == OURS else {}
    learner = PPO(
        "MlpPolicy", cars, n_steps=config.drive.steps // config.drive.agents, batch_size=update.batch_size,
        n_epochs=update.epochs, gamma=update.gamma, gae_lambda=update.gae_lambda, clip_range=update.clip,
        ent_coef=update.entropy_coef, vf_coef=update.value_coef, seed=seed, device="cpu", **ours,
        policy_kwargs=dict(
            net_arch=dict(pi=list(update.hidden), vf=list(update.hidden)), activation_fn=torch.nn.ReLU
        ),
    )  # fmt: skip
    entries: list[dict[str, Any]] = []
    for lap in range(config.evaluate_every, laps + 1, config.evaluate_every):
        began = time.perf_counter()
        learner.learn(config.evaluate_every * config.drive.steps, reset_num_timesteps=False)
        seconds = time.perf_counter() - began
        drives = evaluate(_Wheel(learner, cars), tracks=TEST_TRACKS, cars=config.evaluate.cars)  # type: ignore[arg-type]
        figures = {
            name: {"mean": float(np.mean([getattr(drive, name) for drive in drives]))}
            for name in ("finished", "progress", "speed", "crashed")
        }
        entries.append(
            {"lap": lap, "steps": lap * config.drive.steps, "seconds": {"learn": seconds}, "evaluation": figures}
        )
        print(f"{name} seed {seed}: {lap}/{laps}  {figures}  {seconds:.1f} s", flush=True)
    result = about() | {"proof": "racing", "name": name, "seed": seed, "laps": entries}
    write(target, result)
    return result


class _Wheel:
    """A model of the peer as `racing.evaluation` drives it."""

    def __init__(self, learner: Any, cars: Any) -> None:  # noqa: ANN401
        self.learner, self.cars = learner, cars
        self.observations, self.actions, self.version = cars.observation_space.shape[0], 3, None

    def steady(self, states: np.ndarray) -> np.ndarray:
        actions: np.ndarray = self.learner.predict(self.cars.normalize_obs(states), deterministic=True)[0]
        return actions


def _cars(config: LoopConfig) -> Any:  # noqa: ANN401
    from stable_baselines3.common.vec_env import VecEnv

    environment = Environment.open(config.drive.environment, config.drive.agents, lidar=config.drive.lidar)

    class Cars(VecEnv):  # type: ignore[misc]
        """Our vector environment behind the peer's interface."""

        def __init__(self) -> None:
            env = environment.env
            super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

        def reset(self) -> np.ndarray:
            return environment.reset(self._seeds[0])

        def step_async(self, actions: np.ndarray) -> None:
            self.actions = actions

        def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
            seen, reward, terminated, truncated, infos = environment.step(self.actions)
            done = terminated | truncated
            told: list[dict[str, Any]] = [{} for _ in done]
            for car in np.flatnonzero(done):
                told[car] = {
                    "terminal_observation": infos["final_obs"][car],
                    "TimeLimit.truncated": bool(truncated[car]),
                }
            return seen, reward, done, told

        def close(self) -> None:
            environment.close()

        def get_attr(self, attr_name: str, indices: object = None) -> list[Any]:
            return [None] * self.num_envs

        def set_attr(self, attr_name: str, value: object, indices: object = None) -> None:
            raise NotImplementedError(attr_name)

        def env_method(self, method_name: str, *args: object, **options: object) -> list[Any]:
            raise NotImplementedError(method_name)

        def env_is_wrapped(self, wrapper_class: type, indices: object = None) -> list[bool]:
            return [False] * self.num_envs

    return Cars()
