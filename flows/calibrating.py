"""Was the critic right? Its answers against what followed in a window.

Arrives: a window of the lake, the configuration of a training, the version that it made. Leaves: a `Calibration`.
Legend: N rows that can be trained on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.learning import batch_of
from schemas.errors import PitwallError
from schemas.manifest import WEIGHTS
from schemas.training import TrainConfig
from schemas.window import WindowManifest
from warehouse import registry
from warehouse.bootstrap import interval
from warehouse.lake import Lake
from warehouse.window_rows import window_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ppo.batch import Batch

TENTHS = 10
COLUMNS = ("critic", "predicted", "returned", "low", "high", "rows")


@dataclass(frozen=True)
class Calibration:
    """Bins of rows by predicted value."""

    bins: list[dict[str, Any]]
    """One per critic (before: as recorded; after: the version's own) and tenth of the rows, with `COLUMNS`."""
    bootstrapped: float
    """Share of rows of whose return more than half is a critic's answer at a cut."""
    missing: dict[str, str]
    """Why a critic is not among the bins."""


def calibrate(lake: Lake, window: WindowManifest, config: TrainConfig, version: int) -> Calibration:
    """Means of discounted returns (lambda = 1) in each tenth, with 95 % intervals over segments of drives.

    Where a segment is cut, what follows counts as a critic says (`ppo.gae`).

    Raises:
        LakeDamaged: rows of the window are gone, or are not those that were committed.
        WindowEmpty: no row can be trained on any more.
    """
    from ppo.gae import gae
    from ppo.policy import Policy
    from ppo.refit import with_values_of

    parent = registry.get(lake, version).parent
    table = window_rows(lake, window)
    batch, critics = batch_of(lake, window, table, config.model_copy(update={"device": "cpu"}), parent)
    missing = dict[str, str]()
    answers = dict[str, Any]()
    policy = None
    try:
        policy = Policy.from_safetensors(registry.read_file(lake, version, WEIGHTS))
    except PitwallError as error:
        missing["after"] = str(error)
    if critics.recorded_are_foreign:
        missing["before"] = f"The recorded values are of another reward than {critics.wanted}"
        if policy is None:
            return Calibration([], 0.0, missing)
        batch = with_values_of(policy, batch)
    else:
        answers["before"] = batch.value.double().numpy()
    if policy is not None:
        answers["after"] = policy(batch.observations[: len(batch)])[1].detach().double().numpy()
    returned = gae(
        batch.reward, batch.value, batch.next_value, batch.terminated, batch.segment_end, config.gamma, 1.0
    ).returns
    segments, relied = _segments(batch, config.gamma)
    bins = [
        {"critic": critic, **tenth}
        for critic, predicted in answers.items()
        for tenth in _tenths(predicted, returned.double().numpy(), segments)
    ]
    return Calibration(bins, relied, missing)


def _segments(batch: "Batch", gamma: float) -> "tuple[NDArray[np.int64], float]":
    """(N,) number of each row's segment, and the share of rows that rest on a critic for more than half."""
    import numpy as np

    ends = np.flatnonzero((batch.segment_end | batch.terminated).numpy())
    number = np.searchsorted(ends, np.arange(len(batch)))
    ahead = ends[number] - np.arange(len(batch)) + 1
    cut = ~batch.terminated.numpy()[ends[number]]
    return number, float((cut & (gamma**ahead > 0.5)).mean())


def _tenths(
    predicted: "NDArray[np.float64]", returned: "NDArray[np.float64]", segments: "NDArray[np.int64]"
) -> list[dict[str, Any]]:
    import numpy as np

    found = []
    for rows in np.array_split(np.argsort(predicted, kind="stable"), min(TENTHS, len(predicted))):
        mean = interval(returned[rows], segments[rows])
        figures = {"returned": mean.mean, "low": mean.low, "high": mean.high, "rows": len(rows)}
        found.append({"predicted": float(predicted[rows].mean()), **figures})
    return found
