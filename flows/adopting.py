"""Policies that lie in the engine's folder: who of them drove becomes a version.

Arrives: rollouts that no registered policy collected, and the folder. Leaves: versions, and authors of those rollouts.
The first training of a project that had another trainer so starts where its engine drives, not from a clone.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from flows.importing import import_policy
from flows.loading import load_torch
from flows.reporter import Reporter
from schemas.errors import PolicyRejected
from schemas.policy_file import read_policy
from warehouse import attributions, registry
from warehouse.attributions import Waiting
from warehouse.engine_policies import policies, read_whole
from warehouse.lake import Lake
from warehouse.window_rows import rollout_rows

if TYPE_CHECKING:
    from ppo.policy import Policy

_MOST = 50
"""Files that are looked at; a folder may hold those of years."""


def adopt(lake: Lake, folder: Path, rollout_ids: Sequence[str], report: Reporter) -> list[int]:
    """Import each policy of `folder` that collected one of these rollouts; returns the versions.

    Only rollouts without an author count. The recorded values decide, as for any policy, also where a rollout claims a
    version that this lake does not have; a file that is no policy is passed over, and said where the pointer names it.
    How many were tried in vain is said.

    Raises:
        ParityBroken: the exports of a policy disagree.
    """
    waiting = _authorless(lake, rollout_ids)
    if waiting:
        load_torch(report)
    from ppo.policy import Policy

    registered = {model.fingerprint for model in registry.versions(lake)} if waiting else set()
    adopted: list[int] = []
    tried, found = 0, policies(folder)
    files = found[:_MOST]
    for file in files:
        if not waiting:
            break
        try:
            raw = read_whole(file, lake.settings.max_file_mib)
            policy = Policy.from_engine(read_policy(raw))
        except PolicyRejected as error:
            if file == files[0]:
                report.say(f"{file.name} is passed over: {error}")
            continue
        tried += 1
        if policy.fingerprint in registered or not _drove(lake, policy, waiting):
            continue
        version = import_policy(lake, raw, file.name, report)
        left = _authorless(lake, rollout_ids)
        report.say(f"{file.name} drove {len(waiting) - len(left)} of the new rollouts: it is version {version}")
        adopted, waiting = [*adopted, version], left
    if waiting:
        newest = f" (the newest {_MOST} of {len(found)} files)" if len(found) > _MOST else ""
        report.say(
            f"who drove {len(waiting)} of the new rollouts is not known: {folder} was searched, and "
            + (f"none of the {tried} policies there computes their values{newest}" if tried else "holds no policy")
        )
    return adopted


def _authorless(lake: Lake, rollout_ids: Sequence[str]) -> list[Waiting]:
    asked = set(rollout_ids)
    newest = attributions.newest_version(lake)
    return [rollout for rollout in attributions.pending(lake, newest + 1) if rollout.rollout_id in asked]


def _drove(lake: Lake, policy: "Policy", waiting: Sequence[Waiting]) -> bool:
    """Whether the numbers of any of these rollouts are the policy's."""
    from ppo.authorship import attribute

    known = attributions.claimable(lake)
    for _, group in groupby(waiting, key=lambda rollout: (rollout.space_id, rollout.run_id)):
        ids = [rollout.rollout_id for rollout in group]
        rows = rollout_rows(lake, ids)
        if any(
            one.version is not None
            for one in attribute(rows, attributions.space_of(lake, ids[0]), {0: policy}, known).rollouts
        ):
            return True
    return False
