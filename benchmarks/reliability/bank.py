"""What an engine gives: rollouts of a small policy, some of them with a flaw, and further policies.

Arrives: a seed. Leaves: `Input`s, each with what must become of it, and policy files, none ever twice.
"""

import copy
import gzip
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AGENTS, STEPS, FILES = 4, 32, 24


@dataclass(frozen=True)
class Input:
    """One rollout file, and what must become of it."""

    place: str
    """Folder and name below the engine's export folder."""
    content: bytes
    document: dict[str, Any] | None
    """None: it is torn, and must lie among the rejects."""
    rejected: frozenset[int]
    """Rows that must lie among the rejects."""

    @property
    def unpacked(self) -> bytes:
        """Its bytes without gzip."""
        return gzip.decompress(self.content) if self.place.endswith(".gz") else self.content


@dataclass(frozen=True)
class Bank:
    """Files for any number of lakes."""

    policy: dict[str, Any]
    inputs: tuple[Input, ...]

    @classmethod
    def make(cls, seed: int) -> "Bank":
        """Drive a random policy through two sessions; the second does not say in its files which run it is."""
        from flows.driving import Driving
        from ppo.export import engine_json
        from ppo.policy import Policy
        from racing.driver import Driver
        from schemas.loop import DriveConfig
        from schemas.space import ENGINE_ACTIONS, Space

        space = Space.of(15, list(ENGINE_ACTIONS))
        raw = engine_json(Policy.fresh(15, len(ENGINE_ACTIONS), (8,), seed=seed), space)
        inputs: list[Input] = []
        with tempfile.TemporaryDirectory() as folder:
            for session in range(2):
                config = DriveConfig(agents=AGENTS, steps=STEPS, seed=seed + session)
                with Driving(config, Path(folder), f"session-{session}") as driving:
                    for number in range(FILES // 2):
                        document = json.loads(Path(driving.collect(Driver.read(raw)).path).read_bytes())
                        inputs.append(_flawed(document, session, number, [*inputs]))
        return cls(json.loads(raw), tuple(inputs))

    def new_policy(self, number: int) -> bytes:
        """The policy with other biases: other weights for each number."""
        changed = copy.deepcopy(self.policy)
        changed["value_head"]["biases"][0] = number / 1024
        return json.dumps(changed).encode()


def _flawed(document: dict[str, Any], session: int, number: int, before: list[Input]) -> Input:
    """Of each session one file has a row that cannot be, one is torn, one is packed, one comes a second time."""
    if session:
        del document["run_id"]
    place = f"{session}/rollout_{number}_20261125_{10 + session}{number:02d}00.json"
    if number == 7:
        return Input(place, before[-1].content, before[-1].document, before[-1].rejected)
    rejected: frozenset[int] = frozenset()
    if number == 3:
        document["experiences"][STEPS // 2]["reward"] = float("nan")
        rejected = frozenset({STEPS // 2})
    content = json.dumps(document).encode()
    if number == 5:
        return Input(place, content[: len(content) // 2], None, rejected)
    if number == 9:
        return Input(f"{place}.gz", gzip.compress(content, mtime=0), document, rejected)
    return Input(place, content, document, rejected)
