"""A Minari dataset as rollout files, for the same door as an engine's.

Arrives: the folder of a dataset. Leaves: the bytes of rollout documents with whole episodes in order, the same bytes
each time. Whether a row is good is judged at the door. Nothing is downloaded, no environment is made (that would run
what the dataset names), nothing is invented: a dataset whose infos lack log_prob or value is refused, since PPO weighs
each row by them. Who collected is found from the values, never taken from the dataset.
Legend: T steps, O observations, U actions.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.errors import NotRegistered, RolloutRejected
from schemas.space import Space
from warehouse.lake import Lake
from warehouse.lineage import in_lake
from warehouse.minari_export import KEY, check_installed

ROWS = 2048
"""A rollout holds whole episodes, as many as end before so many rows, at least one."""
_NEEDED = ("log_prob", "value")


@dataclass(frozen=True)
class Document:
    """One rollout."""

    run_id: str
    index: int
    content: bytes
    rows: int
    episodes: int


def dataset_folder(place: Path | str) -> Path:
    """Where the data lie: `place` itself, or the dataset of this id below Minari's own root.

    Raises:
        NotRegistered: there is no dataset; the text says where was looked.
        SettingsRejected: Minari is not installed.
    """
    check_installed()
    from minari.storage.datasets_root_dir import get_dataset_path

    places = [Path(place), Path(place) / "data", Path(get_dataset_path(str(place))) / "data"]
    for folder in places:
        if (folder / "metadata.json").is_file() and folder.name == "data":
            return folder.absolute()
    looked = " and ".join(str(folder.absolute()) for folder in places[1:])
    raise NotRegistered(f"{place}: no Minari dataset in {looked}. Nothing is downloaded; see: minari download")


def copies(lake: Lake, folder: Path) -> frozenset[int]:
    """Numbers of the dataset's episodes that were exported from rollouts which lie in this very lake."""
    try:
        ours = json.loads(json.loads((folder / "metadata.json").read_text(encoding="utf-8"))[KEY])
        rollouts, places = list(ours["rollouts"]), list(ours["rollouts_of_episodes"])
        here = in_lake(lake, rollouts)
        return frozenset(
            number for number, episode in enumerate(places) if here.issuperset(rollouts[place] for place in episode)
        )
    except (KeyError, TypeError, ValueError, IndexError):  # not ours, or older than this account: nobody can tell
        return frozenset()


def documents(folder: Path, without: frozenset[int] = frozenset()) -> Iterator[Document]:
    """The rollouts of a dataset less some episodes; one that did not end ends its run, so that no other goes on in it.

    Raises:
        RolloutRejected: a space is not a flat Box, or log_prob or value is missing; the text names the episode.
    """
    reader = _Reader(folder)
    run, index, waiting, episodes = 1, 0, list[dict[str, Any]](), 0
    for number in (number for number in range(reader.episodes) if number not in without):
        rows, ended = reader.rows(number)
        if waiting and len(waiting) + len(rows) > ROWS:
            yield reader.document(run, index, waiting, episodes)
            index, waiting, episodes = index + 1, [], 0
        waiting, episodes = waiting + rows, episodes + 1
        if not ended:
            yield reader.document(run, index, waiting, episodes)
            run, index, waiting, episodes = run + 1, 0, [], 0
    if waiting:
        yield reader.document(run, index, waiting, episodes)


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.about: dict[str, Any] = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
            self.dataset_id, self.episodes = str(self.about["dataset_id"]), int(self.about["total_episodes"])
            widths = [self._width(kind) for kind in ("observation_space", "action_space")]
        except (ValueError, KeyError, TypeError) as error:
            raise RolloutRejected(
                f"{folder / 'metadata.json'}: no metadata of a Minari dataset ({error!r:.200})"
            ) from error
        self.observation_names, self.action_names = self._names(*widths)
        from minari.dataset.minari_storage import MinariStorage

        try:
            self.storage = MinariStorage.read(folder)
        except ImportError as error:
            raise RolloutRejected(
                f"{self.dataset_id}: its data are {self.about['data_format']}, which needs {error.name or error}. "
                "Then: pip install 'minari[hdf5]'"
            ) from error

    def rows(self, number: int) -> tuple[list[dict[str, Any]], bool]:
        """The T rows of an episode, and whether it ended."""
        where = f"{self.dataset_id}: episode {number}"
        try:
            (episode,) = self.storage.get_episodes([number])
            steps = len(episode["rewards"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RolloutRejected(f"{where}: cannot be read ({error!r:.300}). Fetch the dataset again") from error
        infos = {name: self._info(where, episode["infos"], name, steps) for name in (*_NEEDED, "next_value")}
        terminated = np.asarray(episode["terminations"], bool)
        truncated = np.asarray(episode["truncations"], bool) & ~terminated
        found = zip(
            _float32(episode["observations"])[:steps].tolist(),
            _float32(episode["actions"]).tolist(),
            _float32(episode["rewards"]).tolist(),
            (terminated | truncated).tolist(),
            truncated.tolist(),
            *(values.tolist() for values in infos.values()),
            strict=True,
        )
        rows = [
            {
                "state": state,
                "action": dict(zip(self.action_names, action, strict=True)),
                "reward": reward,
                "done": done,
                "log_prob": log_prob,
                "value": value,
                "agent_index": 0,
                **({"truncated": True} if cut else {}),
                **({} if np.isnan(next_value) else {"next_value": next_value}),
            }
            for state, action, reward, done, cut, log_prob, value, next_value in found
        ]
        return rows, bool(steps == 0 or terminated[-1] or truncated[-1])

    def document(self, run: int, index: int, rows: list[dict[str, Any]], episodes: int) -> Document:
        """NaN and infinity become null, for which the door turns a row away."""
        run_id = f"minari {self.dataset_id}" + (f" #{run}" if run > 1 else "")
        root = {
            "run_id": run_id,
            "rollout_index": index,
            "environment": self._environment(),
            "observation_names": self.observation_names,
            "action_names": self.action_names,
            "num_experiences": len(rows),
            "experiences": rows,
        }
        return Document(run_id, index, msgspec.json.encode(root), len(rows), episodes)

    def _width(self, kind: str) -> int:
        if kind not in self.about:  # Minari would make the environment to find it
            raise RolloutRejected(f"{self.dataset_id}: it does not say its {kind}. Create it with its spaces")
        space = json.loads(self.about[kind])
        shape = space.get("shape")
        if space["type"] != "Box" or not isinstance(shape, list) or len(shape) != 1 or shape[0] < 1:
            told = space["type"] if space["type"] != "Box" else f"Box of shape {shape}"
            raise RolloutRejected(
                f"{self.dataset_id}: its {kind} is {told}, wanted a flat Box, a row of numbers. "
                "Flatten it with gymnasium.wrappers and record again"
            )
        return int(shape[0])

    def _names(self, observations: int, actions: int) -> tuple[list[str], list[str]]:
        """Ours where we wrote it; else numbers."""
        try:
            space = Space.model_validate(json.loads(self.about[KEY])["space"])
        except (KeyError, TypeError, ValueError):
            return [f"{at:02d}" for at in range(observations)], [f"{at:02d}" for at in range(actions)]
        names = [each.name for each in space.observations], [each.name for each in space.actions]
        if (len(names[0]), len(names[1])) != (observations, actions):
            raise RolloutRejected(
                f"{self.dataset_id}: its names are {len(names[0])} and {len(names[1])}, its spaces "
                f"{observations} and {actions} wide. Export the window again"
            )
        return names

    def _info(self, where: str, infos: dict[str, Any], name: str, steps: int) -> NDArray[np.float32]:
        """(T,) Minari keeps T + 1 infos, whose first is that of the reset."""
        values = infos.get(name)
        if values is None and name not in _NEEDED:
            return np.full(steps, np.nan, np.float32)
        if values is None:
            raise RolloutRejected(
                f"{where}: its infos have no {name}; wanted log_prob (nats, of the action under the policy that "
                "collected) and value (its critic's) of each step, which nobody can make up afterwards. Record "
                "with both, e.g. by exporting a window of another lake"
            )
        numbers = _float32(values).reshape(len(values), -1)
        if numbers.shape[1] != 1 or len(numbers) not in (steps, steps + 1):
            raise RolloutRejected(
                f"{where}: infos {name} have shape {numbers.shape}, wanted one number for each of {steps} steps"
            )
        return numbers[len(numbers) - steps :, 0]

    def _environment(self) -> str:
        try:
            return str(json.loads(self.about["env_spec"])["id"])
        except (KeyError, TypeError, ValueError):
            return self.dataset_id


def _float32(values: Any) -> NDArray[np.float32]:  # noqa: ANN401 - whatever the storage gives
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float32)
