"""The whole episodes of a window as a Minari dataset, in Minari's own storage, without the internet.

Arrives: a window's manifest and a folder. Leaves: the dataset, whole or not at all, and an account of what is in it.
Minari keeps T + 1 observations of an episode of T steps. An engine writes the observation before each action, so the
one after the last action of an episode is nowhere: it is NaN here, or the last one again where that is asked for.
Legend: T steps, O observations, U actions.
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.errors import SettingsRejected, StorageBusy, WindowEmpty
from schemas.space import Feature, Space
from schemas.window import WindowManifest
from warehouse.lake import Lake
from warehouse.paths import what_helps
from warehouse.window_episodes import WindowEpisodes, whole_episodes

KEY = "pitwall"
"""Key of the dataset's metadata that holds what Minari has no place for."""
End = Literal["nan", "last"]
_NAME = re.compile(r"[\w-]+-v\d+", re.ASCII)
_FLOATS = ("log_prob", "value", "next_value", "noise_scale")
_COUNTS = {"policy_version": "version", "agent_index": "agent_index", "row_index": "row_index"}
_MISSING = -1
_FORMAT = "arrow"
_ENDS = {
    "nan": "not recorded: NaN, since the engine writes the observation before each action only",
    "last": "not recorded: the last observation stands there again, because that was asked for",
}
_INFOS = {
    "log_prob": "log density (nats) of the action under the behaviour policy, noise included",
    "value": "the behaviour critic's V(observation)",
    "next_value": "V of the observation after the step, where the producer gives it; else NaN",
    "noise_scale": "factor on the policy's standard deviation; NaN while unknown",
    "version": "version that collected it; -1 while unknown",
    "agent_index": "which agent of the rollout",
    "row_index": "place in the rollout's file",
}


@dataclass(frozen=True)
class MinariWritten:
    """What became of the window's rows: `steps`, `cut_rows` and `unscored_rows` are all of them."""

    folder: Path
    dataset_id: str
    """For `minari.load_dataset`, with `root` as MINARI_DATASETS_PATH."""
    root: Path
    episodes: int
    steps: int
    cut: int
    cut_rows: int
    unscored: int
    unscored_rows: int


def write_minari(lake: Lake, manifest: WindowManifest, folder: Path, *, end: End = "nan") -> MinariWritten:
    """Write the dataset; `folder` bears its name, e.g. `datasets/laps-v0`, and does not exist yet.

    Raises:
        SettingsRejected: Minari is not installed, the name is not one of its names, or the folder exists.
        WindowEmpty: the window holds no whole episode that can be scored.
        StorageBusy: the folder cannot be written.
        LakeDamaged, RewardRejected: as `window_rows`.
    """
    check_installed()
    folder = folder.absolute()
    if not _NAME.fullmatch(folder.name):
        raise SettingsRejected(f"{folder}: Minari names a dataset NAME-vN, e.g. {folder.with_name('laps-v0')}")
    if folder.exists():
        raise SettingsRejected(f"{folder}: is there already. Choose another name or version, e.g. the next -vN")
    found = whole_episodes(lake, manifest)
    if not len(found.begin):
        raise WindowEmpty(
            f"the window holds no whole episode: pieces of {found.cut} episodes with {found.cut_rows} rows are cut, "
            f"{found.unscored} episodes cannot be scored. Select more rollouts in a row, or export Parquet"
        )
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    try:
        unfinished.mkdir(parents=True)
        _write(unfinished / "data", found, manifest, folder.name, end)
        unfinished.rename(folder)
    except OSError as error:
        raise StorageBusy(
            f"{folder}: cannot be written ({error.strerror or error}). {what_helps(error)}, then try again"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return MinariWritten(
        folder=folder,
        dataset_id=folder.name,
        root=folder.parent,
        episodes=len(found.begin),
        steps=int(found.length.sum()),
        cut=found.cut,
        cut_rows=found.cut_rows,
        unscored=found.unscored,
        unscored_rows=found.unscored_rows,
    )


def check_installed() -> None:
    """Raise SettingsRejected where there is no Minari."""
    try:
        import minari  # noqa: F401
    except ModuleNotFoundError as error:
        raise SettingsRejected(f"{error.name} is not installed. Then: pip install 'pitwall[minari]'") from error


def _write(folder: Path, found: WindowEpisodes, manifest: WindowManifest, dataset_id: str, end: End) -> None:
    import minari
    from minari.dataset._storages.arrow_storage import ArrowStorage
    from minari.dataset.minari_storage import MinariStorage

    class Growing(ArrowStorage):  # type: ignore[misc, unused-ignore]
        """Minari measures the whole folder after each episode, in a time that grows with its square."""

        def get_size(self) -> float:
            return 0.0

    observations, actions = _box(manifest.space.observations), _box(manifest.space.actions)
    MinariStorage.new(folder, observations, actions, data_format=_FORMAT)
    Growing(folder, observations, actions).update_episodes(_episodes(found, manifest.space, end))
    storage = MinariStorage.read(folder)
    storage.update_metadata(
        {
            "dataset_id": dataset_id,
            "minari_version": minari.__version__,
            "algorithm_name": "PPO",
            "description": _description(manifest, found, end),
            "dataset_size": float(storage.get_size()),
            KEY: json.dumps(
                {
                    "window_id": manifest.window_id,
                    "rows_sha256": manifest.rows_sha256,
                    "rollouts": (rollouts := [member.rollout_id for member in manifest.rollouts]),
                    "rollouts_of_episodes": _rollouts(found, rollouts),
                    "space": manifest.space.model_dump(mode="json"),
                    "reward": None if manifest.reward is None else manifest.reward.model_dump(mode="json"),
                    "last_observation": _ENDS[end],
                    "infos": _INFOS,
                    "cut_episodes": found.cut,
                    "cut_rows": found.cut_rows,
                    "unscored_episodes": found.unscored,
                }
            ),
        }
    )


def _rollouts(found: WindowEpisodes, rollouts: list[str]) -> list[list[int]]:
    """(E, ...) places in `rollouts` of those in which an episode lies: an import knows by them what it has already."""
    places = found.rows["rollout_id"].replace_strict(rollouts, range(len(rollouts)), return_dtype=pl.Int64).to_numpy()
    ends = found.begin + found.length
    return [np.unique(places[begin:end]).tolist() for begin, end in zip(found.begin, ends, strict=True)]


def _box(features: tuple[Feature, ...]) -> Any:  # noqa: ANN401 - gymnasium's Box
    from gymnasium.spaces import Box

    low = [-np.inf if each.low is None else each.low for each in features]
    high = [np.inf if each.high is None else each.high for each in features]
    return Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)


def _episodes(found: WindowEpisodes, space: Space, end: End) -> Iterator[Any]:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    rows = found.rows
    observations = _matrix(rows, space.observation_columns)
    actions = _matrix(rows, space.action_columns)
    reward = rows["reward"].to_numpy()
    terminated, truncated = rows["terminated"].to_numpy(), rows["truncated"].to_numpy()
    floats = {name: rows[name].cast(pl.Float32).fill_null(np.nan).to_numpy() for name in _FLOATS}
    counts = {name: rows[column].fill_null(_MISSING).to_numpy() for column, name in _COUNTS.items()}
    for begin, length in zip(found.begin.tolist(), found.length.tolist(), strict=True):
        steps = slice(begin, begin + length)
        seen = observations[steps]
        last = seen[-1:] if end == "last" else np.full_like(seen[:1], np.nan)
        infos = {name: np.append(np.float32(np.nan), values[steps]) for name, values in floats.items()}
        infos |= {name: np.append(values.dtype.type(_MISSING), values[steps]) for name, values in counts.items()}
        yield EpisodeBuffer(
            observations=np.concatenate([seen, last]),
            actions=actions[steps],
            rewards=reward[steps],
            terminations=terminated[steps],
            truncations=truncated[steps],
            infos={name: list(values) for name, values in infos.items()},  # arrays of one axis Minari cannot read back
        )


def _matrix(rows: pl.DataFrame, columns: list[str]) -> NDArray[np.float32]:
    matrix: NDArray[np.float32] = np.ascontiguousarray(rows.select(columns).to_numpy(), np.float32)
    return matrix


def _description(manifest: WindowManifest, found: WindowEpisodes, end: End) -> str:
    reward = "as recorded" if manifest.reward is None else f"{manifest.reward.name}: {manifest.reward.formula}"
    return (
        f"Window {manifest.window_id} of a Pitwall lake: {len(found.begin)} whole episodes. "
        f"Left out: pieces of {found.cut} cut episodes with {found.cut_rows} rows"
        + (f", {found.unscored} episodes that the reward cannot score" if found.unscored else "")
        + f". Reward: {reward}. Observation after the last action: {_ENDS[end]}. "
        "Infos are those of each step; the first of an episode is the reset's, as Minari has it, and NaN or -1."
    )
