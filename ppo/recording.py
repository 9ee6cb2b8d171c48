"""A step that is recorded once and replayed: a GPU then waits for the launch of no operator.

Arrives: a `Step` and a recorder of the device. Leaves: the same step, for a handful of launches instead of a hundred.
Most of an update's time on a GPU are launches of small kernels. A CUDA graph keeps them with their addresses, so each
minibatch is copied to one place and each answer from one. One recording for each size of minibatch, of which an epoch
has two at most: the first minibatch of a size goes eagerly, the second is recorded, and before the recording is used it
must do the third's step bit for bit as it is done eagerly, with other rows, another count of steps, another rate. Where
it does not, or the device refuses to record, steps go on one operator at a time, and the log says why.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ppo.minibatch import Minibatch
from ppo.step import Step, Told

logger = logging.getLogger(__name__)

Recording = tuple[Callable[[], None], Told]
"""What does some work again, and where its answer then lies."""
Recorder = Callable[[Callable[[], Told]], Recording]
"""Takes work, and may do it once meanwhile, or not."""


def recorder_for(device: torch.device) -> Recorder | None:
    """How steps are recorded there; None: not at all, and a CPU has no use for it."""
    return cuda_graph if device.type == "cuda" else None


@dataclass
class _Size:
    """Minibatches of one size: the place they are copied to, and their recording."""

    rows: Minibatch
    recording: Recording | None = None
    proven: bool = False


class Recorded:
    """A step of one process, called as one. Its bits are those of an eager step on a copy of the rows."""

    def __init__(self, step: Step, record: Recorder) -> None:
        self.step, self.record = step, record
        self.sizes: dict[int, _Size] = {}
        self.given_up = False

    @torch.no_grad()
    def __call__(self, rows: Minibatch, of: int) -> Told:
        """As `Step.__call__`."""
        self.step.adam.begin()
        if of not in self.sizes:
            self.sizes[of] = _Size(Minibatch(*_clones(rows)))
            return self.step.act(self.sizes[of].rows, of)
        size = self.sizes[of]
        torch._foreach_copy_(size.rows, rows)
        if self.given_up:
            return self.step.act(size.rows, of)
        if size.recording is None:
            return self._recorded(size, of)
        return _played(size.recording) if size.proven else self._proved(size, size.recording, of)

    def _recorded(self, size: _Size, of: int) -> Told:
        """An eager step, recorded besides."""
        before = _clones(self.step.state)
        try:
            size.recording = self.record(lambda: self.step.act(size.rows, of))
        except RuntimeError as error:
            self._give_up(of, f"it cannot be recorded ({error})")
        torch._foreach_copy_(self.step.state, before)
        return self.step.act(size.rows, of)

    def _proved(self, size: _Size, recording: Recording, of: int) -> Told:
        """An eager step, replayed before."""
        before = _clones(self.step.state)
        replayed = [*_played(recording), *_clones(self.step.state)]
        torch._foreach_copy_(self.step.state, before)
        told = self.step.act(size.rows, of)
        size.proven = all(map(_same_bits, replayed, (*told, *self.step.state)))
        if not size.proven:
            self._give_up(of, "its replay gives other bits than the step itself")
        return told

    def _give_up(self, of: int, why: str) -> None:
        self.given_up = True
        logger.warning("a step of %d rows: %s. Steps go on one operator at a time: slower, and the same", of, why)


_unfinished: list["torch.cuda.CUDAGraph"] = []
"""Recordings that failed. Torch's allocator may keep their addresses, so they live on, and none is tried after them."""


def cuda_graph(work: Callable[[], Told]) -> Recording:
    """A `Recorder`; raises RuntimeError where CUDA cannot record what `work` does, or could not in this process."""
    if _unfinished:
        raise RuntimeError("an earlier one of this process could not")
    graph = torch.cuda.CUDAGraph()
    _unfinished.append(graph)
    # The outer context: where a recording fails, the inner one leaves its own stream behind as the current one.
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph, capture_error_mode="thread_local"):
        told = work()
    _unfinished.remove(graph)
    return graph.replay, told


def _played(recording: Recording) -> Told:
    replay, told = recording
    replay()
    return Told(*_clones(told))


def _clones(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Copies of them, by one launch."""
    copies = [torch.empty_like(tensor) for tensor in tensors]
    torch._foreach_copy_(copies, tensors)
    return copies


def _same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))  # NaN is itself here
