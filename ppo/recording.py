"""A step that is recorded once and replayed: a GPU then waits for no operator's launch.

Arrives: a `Step` and a recorder of the device. Leaves: the same step, of the same bits, at the cost of one launch.
Most of an update's time on a GPU are launches of small kernels. A CUDA graph keeps them with their addresses, so each
minibatch is copied to one place and each answer from one. One recording for each size of minibatch; of an epoch there
are two at most. Before a recording is used it must repeat an eager step bit for bit; where it does not, or the device
refuses to record, steps go on one operator at a time, and the log says why.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from ppo.minibatch import Minibatch
from ppo.step import Step, Told

logger = logging.getLogger(__name__)

Recorder = Callable[[Callable[[], Told]], tuple[Callable[[], None], Told]]
"""Takes work -> what does it again, and where its answer then lies. It may do the work once meanwhile, or not."""


class Recorded:
    """A step, called as one: the first minibatch of a size goes eagerly, the second is recorded."""

    def __init__(self, step: Step, record: Recorder) -> None:
        self.step, self.record = step, record
        self.recordings: dict[int, _Recording | None] = {}
        """By size of minibatch; None after its first, which warms up buffers and libraries."""
        self.given_up = False

    @torch.no_grad()
    def __call__(self, rows: Minibatch, of: int) -> Told:
        """As `Step.__call__`."""
        self.step.adam.begin()
        if self.given_up or of not in self.recordings:
            self.recordings.setdefault(of, None)
            return self.step.act(rows, of)
        recording = self.recordings[of]
        return self._recorded(rows, of) if recording is None else recording.play(rows)

    def _recorded(self, rows: Minibatch, of: int) -> Told:
        """One eager step, and the recording that does the next ones, or none from now on."""
        step, rows = self.step, Minibatch(*_clones(rows))
        before = _clones(step.state)
        try:
            recording = _Recording(*self.record(lambda: step.act(rows, of)), rows)
            torch._foreach_copy_(step.state, before)
            replayed = [*recording.play(rows), *_clones(step.state)]
            why = "its replay gives other bits than the step itself"
        except RuntimeError as error:
            replayed, why = [], f"it cannot be recorded ({error})"
        torch._foreach_copy_(step.state, before)
        answer = step.act(rows, of)
        if replayed and all(map(_same_bits, replayed, (*answer, *step.state))):
            self.recordings[of] = recording
        else:
            self.given_up = True
            logger.warning("a step of %d rows: %s. Steps go on one operator at a time: slower, and the same", of, why)
        return answer


class _Recording:
    def __init__(self, replay: Callable[[], None], told: Told, rows: Minibatch) -> None:
        self.replay, self.told, self.rows = replay, told, rows

    def play(self, rows: Minibatch) -> Told:
        torch._foreach_copy_(self.rows, rows)
        self.replay()
        return Told(*_clones(self.told))


def cuda_graph(work: Callable[[], Told]) -> tuple[Callable[[], None], Told]:
    """A `Recorder`; raises RuntimeError where CUDA cannot record what `work` does."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        told = work()
    return graph.replay, told


def _clones(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Copies of them, by one launch."""
    copies = [torch.empty_like(tensor) for tensor in tensors]
    torch._foreach_copy_(copies, tensors)
    return copies


def _same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.view(torch.int32), other.view(torch.int32))  # NaN is itself here
