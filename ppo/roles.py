"""What an update made of each row of its window.

Arrives: the window's table, the batch that was cut from it, the sources as the gates judged them. Leaves: `RoleRows`
that hold every row of the window once, and the rows after it whose value was used.
Legend: T rows of the table, M and N as in `ppo.batch`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from ppo.batch import Batch
from ppo.sequence import column
from ppo.sources import Source
from schemas.role import AFTER_WINDOW, ROLES, Role, RoleRows

_TRAINED, _GATED, _BOOTSTRAP, _LEFT_OUT = range(len(ROLES))


def roles(table: pa.Table, batch: Batch, sources: Sequence[Source]) -> list[RoleRows]:
    """Rows by rollout, role and reason, in the order of the rollouts' ids."""
    role = np.full(table.num_rows, _LEFT_OUT)
    names = [*np.unique(batch.reasons), "bootstrap_of_gated", *(_words(source) for source in sources)]
    reason = np.searchsorted(names[: -len(sources) - 1], batch.reasons)
    trained, peeked = batch.places[: len(batch)], batch.places[len(batch) :]
    for number, source in enumerate(sources, len(names) - len(sources)):
        rows = trained[source.rows.cpu().numpy()]
        role[rows] = _TRAINED if source.trusted else _GATED
        reason[rows] = number
    serves = role[peeked - 1] == _TRAINED  # a bootstrap follows the row that it ends
    role[peeked[serves]] = _BOOTSTRAP
    reason[peeked[~serves]] = len(names) - len(sources) - 1
    unused = (batch.reasons == AFTER_WINDOW) & (role != _BOOTSTRAP)
    return list(_stretches(table, role, reason, names, np.flatnonzero(~unused)))


def _words(source: Source) -> str:
    return f"version {source.name}: {source.reason}" if source.reason else ""


def _stretches(
    table: pa.Table, role: "np.ndarray", reason: "np.ndarray", names: list[str], rows: "np.ndarray"
) -> Iterator[RoleRows]:
    index = column(table, "row_index", np.int64)[rows]
    encoded = table["rollout_id"].combine_chunks().dictionary_encode()
    rollout = encoded.indices.to_numpy(zero_copy_only=False)[rows]
    ids: list[str] = encoded.dictionary.to_pylist()
    keys = np.stack([rollout, role[rows], reason[rows], index])
    order = np.lexsort(keys[::-1])
    keys = keys[:, order]
    groups = np.flatnonzero(np.diff(keys[:3], axis=1).any(axis=0)) + 1
    for group in np.split(keys, groups, axis=1):
        places = group[3]
        breaks = np.flatnonzero(np.diff(places) != 1)
        firsts, lasts = places[np.append(0, breaks + 1)], places[np.append(breaks, len(places) - 1)]
        kind: Role = ROLES[int(group[1, 0])]
        ranges = list(zip(firsts.tolist(), lasts.tolist(), strict=True))
        yield RoleRows(ids[int(group[0, 0])], kind, names[int(group[2, 0])], ranges)
