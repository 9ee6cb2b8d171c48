"""Who collected a rollout, and with how much noise: both are read from the numbers that the engine recorded.

Arrives: rollouts of one run as an Arrow table sorted by agent, rollout position and step, and the candidate policies.
Leaves: per rollout a verdict, and one noise factor per episode. `value` is V(state) of the author and names it;
`log_prob` must then agree as well, with one factor an episode (episodes span rollouts).
Legend: N rows, O observations, U actions.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ppo import noise
from ppo.evidence import Evidence
from ppo.network import Prediction, predict
from ppo.policy import Policy
from ppo.sequence import codes, column, ended, followed
from schemas.space import Space

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Verdict = Literal["author", "unknown", "claim_refuted", "log_prob_disagrees"]
PROBES = 48
"""Rows of a rollout on which every candidate is tried first."""
NEIGHBOURS = 20
"""Episodes on either side that vote where none is sure; over so many the engine's factor falls by a hundredth."""


class Attribution(NamedTuple):
    """The author of one rollout, or why there is none."""

    rollout_id: str
    version: int | None
    verdict: Verdict
    message: str
    value_error: float
    """Largest |V(state) - value| of the version in the message; NaN where none came near."""
    log_prob_error: float
    """Largest |log_prob - recorded| with the solved noise (nats); NaN where there is no author."""


class Authorship(NamedTuple):
    """What `attribute` found."""

    rollouts: list[Attribution]
    noise: pa.Table
    """rollout_id, agent_index, first_step, noise_scale: the factor from that step on."""


def attribute(
    rollouts: pa.Table, space: Space, candidates: Mapping[int, Policy], registered: Container[int] | None = None
) -> Authorship:
    """Finds the author of each rollout among `candidates` (version -> policy).

    `registered` are the numbers that a claim can mean (default: the candidates'); a claim of any other is no claim, but
    a count of the collector's own.

    Columns read: rollout_id, rollout_index, row_index, agent_index, step, obs_*, action_*, log_prob, value, terminated,
    truncated, gap_before, gap_after and claimed_version (nullable; else policy_version). Of identical policies the
    claimed one is the author, else the newest. Tolerances are the float32 error of the network's own sums.
    """
    if rollouts.num_rows == 0:
        return Authorship([], _Noise().table(set()))
    session = _Session(rollouts, space, candidates, candidates if registered is None else registered)
    claims, values = session.claims(), session.matching_values()
    while True:
        authors = {rollout: versions[0] for rollout, versions in values.items() if versions}
        solved = session.solve_noise(authors)
        wrong = {rollout: error for rollout, error in solved.log_prob_error.items() if not solved.agrees[rollout]}
        if not wrong:
            break
        # A rollout that disagrees when looked at alone is refuted; one that then agrees shares no episode with others
        # after all (another session, say), and one bad rollout may spoil the episodes of its neighbours: try again.
        alone = {r: session.solve_noise({r: authors[r]}).agrees[r] for r in wrong}
        session.apart |= {r for r in wrong if alone[r]}
        for rollout in (r for r in wrong if not alone[r]):
            session.log_prob_refutes(rollout, values[rollout].pop(0), wrong[rollout])
    found = [session.verdict(rollout, claims[rollout], authors.get(rollout), solved) for rollout in claims]
    trusted = {attribution.rollout_id for attribution in found if attribution.version is not None}
    return Authorship(found, solved.table(trusted))


@dataclass
class _Noise:
    """Factors of the episodes, per part of an episode in one rollout, and how well they explain each rollout."""

    parts: list[tuple[str, int, int, float]] = field(default_factory=list)
    log_prob_error: dict[str, float] = field(default_factory=dict)
    agrees: dict[str, bool] = field(default_factory=dict)

    def table(self, rollouts: set[str]) -> pa.Table:
        kept = [part for part in self.parts if part[0] in rollouts]
        types = (pa.string(), pa.int32(), pa.int32(), pa.float64())
        names = ("rollout_id", "agent_index", "first_step", "noise_scale")
        columns = list(zip(*kept, strict=True)) or [()] * 4
        return pa.table(
            {name: pa.array(values, kind) for name, values, kind in zip(names, columns, types, strict=True)}
        )


class _Session:
    """The rows of one run as arrays, and what is known about them."""

    def __init__(
        self, table: pa.Table, space: Space, candidates: Mapping[int, Policy], registered: Container[int]
    ) -> None:
        self.registered = registered
        self.observations = np.stack([column(table, name, np.float64) for name in space.observation_columns], axis=1)
        self.actions = np.stack([column(table, name, np.float64) for name in space.action_columns], axis=1)
        self.log_prob, self.value = column(table, "log_prob", np.float64), column(table, "value", np.float64)
        self.agent, self.step = column(table, "agent_index", np.int64), column(table, "step", np.int64)
        self.claimed = table["claimed_version" if "claimed_version" in table.column_names else "policy_version"]
        self.followed, self.ended = followed(table), ended(table)
        code = codes(table, "rollout_id")
        self.names: list[str] = table["rollout_id"].combine_chunks().dictionary_encode().dictionary.to_pylist()
        order = np.argsort(code, kind="stable")
        cuts = np.searchsorted(code[order], np.arange(1, len(self.names)))
        self.rollout, self.rows = code, dict(zip(self.names, np.split(order, cuts), strict=True))
        shape = (len(space.observations), len(space.actions))
        fitting = {v: policy for v, policy in candidates.items() if (policy.observations, policy.actions) == shape}
        self.candidates = {version: fitting[version].folded() for version in sorted(fitting, reverse=True)}
        self.value_error: dict[tuple[str, int], float] = {}
        self.near_miss: dict[str, tuple[int, NDArray[np.bool_]]] = {}
        """The version whose values agree on most rows of a rollout, but not on all, and on which."""
        self.row_index = column(table, "row_index", np.int64)
        self.predicted: dict[tuple[str, int], Prediction] = {}
        """Of all rows of a rollout, by a version that may be its author."""
        self.said: dict[tuple[str, int], Evidence] = {}
        self.refuted: dict[str, tuple[int, float]] = {}
        self.apart: set[str] = set()
        """Rollouts whose episodes are solved without their neighbours'."""

    def claims(self) -> dict[str, int | None]:
        """The version that each rollout names, if any."""
        return {name: self.claimed[int(rows[0])].as_py() for name, rows in self.rows.items()}

    def matching_values(self) -> dict[str, list[int]]:
        """Versions whose V agrees on every row, the claimed one first, then newest first."""
        probes = {name: rows[np.linspace(0, len(rows) - 1, PROBES).astype(int)] for name, rows in self.rows.items()}
        joined = np.concatenate(list(probes.values())) if probes else np.zeros(0, np.intp)
        matching: dict[str, list[int]] = {name: [] for name in self.rows}
        for version, policy in self.candidates.items():
            near = self._value_agrees(predict(policy, self.observations[joined]), joined).reshape(-1, PROBES)
            for name, hits in zip(self.rows, near, strict=True):
                agrees = hits[:0]
                if hits.mean() > 0.5:
                    agrees = self._value_agrees(self.prediction(name, version), self.rows[name])
                if len(agrees) and not agrees.all():
                    self.near_miss.setdefault(name, (version, agrees))
                if len(agrees) and agrees.all():
                    matching[name].append(version)
                    off = np.abs(self.prediction(name, version).value - self.value[self.rows[name]])
                    self.value_error[name, version] = float(off.max())
        claims = self.claims()
        return {name: sorted(versions, key=lambda v: (v != claims[name], -v)) for name, versions in matching.items()}

    def prediction(self, rollout: str, version: int) -> Prediction:
        """Outputs of a version for every row of a rollout."""
        if (rollout, version) not in self.predicted:
            observations = self.observations[self.rows[rollout]]
            self.predicted[rollout, version] = predict(self.candidates[version], observations)
        return self.predicted[rollout, version]

    def evidence(self, rollout: str, version: int) -> Evidence:
        """What the rows of a rollout say about the noise, if a version is its author."""
        if (rollout, version) not in self.said:
            rows, log_std = self.rows[rollout], self.candidates[version].parameters.log_std
            self.said[rollout, version] = Evidence.of(
                self.actions[rows],
                self.log_prob[rows],
                self.prediction(rollout, version),
                log_std.detach().double().cpu().numpy(),
                self.agent[rows],
            )
        return self.said[rollout, version]

    def _value_agrees(self, prediction: Prediction, rows: Rows) -> NDArray[np.bool_]:
        agrees: NDArray[np.bool_] = np.abs(prediction.value - self.value[rows]) <= noise.SIGMAS * prediction.value_error
        return agrees

    def solve_noise(self, authors: Mapping[str, int]) -> _Noise:
        """One factor per episode over the rollouts that have an author; rows of others are left out."""
        evidence = self._evidence(authors)
        episodes = list(self._episodes(set(authors)))
        solutions = [noise.solve_episode(evidence.rows(rows)) for rows in episodes]
        agents = [int(self.agent[rows[0]]) for rows in episodes]
        for _ in range(2):  # what neighbours make sure in the first round helps the rest in the second
            for at, expected in list(_expectations(agents, solutions)):
                solutions[at] = noise.solve_episode(evidence.rows(episodes[at]), expected)
        found = _Noise()
        residual, relative = np.zeros(len(self.value)), np.zeros(len(self.value))
        for rows, solution in zip(episodes, solutions, strict=True):
            relative[rows] = np.abs(evidence.rows(rows).residual(np.log(solution.scale)))
            residual[rows] = relative[rows] * evidence.error[rows]
            for row in rows[np.append(True, np.diff(self.rollout[rows]) != 0)]:
                name = self.names[self.rollout[row]]
                found.parts.append((name, int(self.agent[row]), int(self.step[row]), solution.scale))
        for name in authors:
            found.log_prob_error[name] = float(residual[self.rows[name]].max())
            found.agrees[name] = bool(relative[self.rows[name]].max() <= noise.SIGMAS)
        return found

    def _evidence(self, authors: Mapping[str, int]) -> Evidence:
        """Of every row that has an author."""
        parts = ((self.rows[rollout], self.evidence(rollout, version)) for rollout, version in authors.items())
        count, width = self.actions.shape
        return Evidence.joined(count, width, parts)

    def _episodes(self, rollouts: set[str]) -> Iterator[Rows]:
        """Rows of each episode, as far as they are known to be one."""
        chosen = np.isin(self.rollout, [at for at, name in enumerate(self.names) if name in rollouts])
        goes_on = self.followed & ~self.ended
        apart = np.isin(self.rollout, [at for at, name in enumerate(self.names) if name in self.apart])
        seam = self.rollout[1:] != self.rollout[:-1]
        goes_on[:-1] &= chosen[1:] & ~(seam & (apart[1:] | apart[:-1]))
        rows = np.flatnonzero(chosen)
        for episode in np.split(rows, np.flatnonzero(~goes_on[rows])[:] + 1):
            if len(episode):
                yield episode

    def log_prob_refutes(self, rollout: str, version: int, error: float) -> None:
        """Remembers the first version whose values agreed but whose log_probs did not."""
        self.refuted.setdefault(rollout, (version, error))

    def verdict(self, rollout: str, claim: int | None, author: int | None, solved: _Noise) -> Attribution:
        """The verdict in words."""
        if author is None and rollout in self.refuted:
            version, error = self.refuted[rollout]
            value_error = self.value_error[rollout, version]
            return Attribution(rollout, None, "log_prob_disagrees", (
                f"{rollout}: value is version {version}'s (within {value_error:.1e}), but no noise factor per episode "
                f"explains its log_prob (off by up to {error:.1e} nats). Not trained on; was another density recorded?"
            ), value_error, error)  # fmt: skip
        if author is None:
            known = f"the {len(self.candidates)} candidates" if self.candidates else "no candidate of this shape"
            named = "" if claim is None else f" It claims version {claim}{self._foreign(claim)}."
            near = ""
            if rollout in self.near_miss:
                version, agrees = self.near_miss[rollout]
                first = int(self.row_index[self.rows[rollout][~agrees][0]])
                near = (
                    f" Version {version} comes near: {agrees.sum()} of {len(agrees)} rows have its values, "
                    f"experiences[{first}] has not."
                )
            if claim in self.candidates and claim in self.registered:
                return Attribution(rollout, None, "claim_refuted", (
                    f"{rollout}: claims version {claim}, but its values are none of {known}'.{near} "
                    "Import the policy that collected it"
                ), float("nan"), float("nan"))  # fmt: skip
            return Attribution(rollout, None, "unknown", (
                f"{rollout}: value agrees with none of {known}.{named}{near} Import the policy that collected it, "
                "or start by a clone"
            ), float("nan"), float("nan"))  # fmt: skip
        value_error, error = self.value_error[rollout, author], solved.log_prob_error[rollout]
        if claim not in (None, author) and claim in self.registered:
            return Attribution(rollout, None, "claim_refuted", (
                f"{rollout}: claims version {claim}, but its values are version {author}'s"
            ), value_error, error)  # fmt: skip
        message = f"{rollout}: version {author} (value within {value_error:.1e}, log_prob within {error:.1e} nats)"
        if claim not in (None, author):
            message += f"; it claims version {claim}{self._foreign(claim)}"
        return Attribution(rollout, author, "author", message, value_error, error)

    def _foreign(self, claim: int | None) -> str:
        return "" if claim in self.registered else ", a count of the collector's own"


def _expectations(agents: list[int], solutions: list[noise.Solution]) -> Iterator[tuple[int, float]]:
    """For each unsure episode, the factor that the nearest sure one of its agent makes likely, else its neighbours."""
    sure = [not solution.rivals and solution.error <= noise.SURE for solution in solutions]
    typical = [solution.scale for solution, known in zip(solutions, sure, strict=True) if known]
    for at in (at for at, known in enumerate(sure) if not known):
        near = [other for other, known in enumerate(sure) if known and agents[other] == agents[at]]
        if near:
            other = min(near, key=lambda other: abs(other - at))
            yield at, noise.scheduled(solutions[other].scale, at - other)
        elif typical:
            yield at, float(np.median(typical))
        else:
            yield at, noise.shared_root(solutions[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1])
