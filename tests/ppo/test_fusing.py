"""Steps that are compiled against steps that are taken."""

from functools import partial

import pytest
import torch

from ppo.fusing import Fused
from ppo.recording import Recorded, cuda_graph
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig
from tests.ppo.test_recording import CONFIGS, SIZES, step, walked

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")


def fused(config, backend="inductor", device="cpu"):
    return step(config, device=device, kind=partial(Fused, backend=backend))


def agree(one, other):
    """But for rounding, of which ten steps make more than one."""
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("config", CONFIGS)
def test_a_step_is_one_graph_without_a_break(config):
    eager, compiled = step(config), fused(config, "eager")
    agree(walked(eager), walked(compiled))
    agree(eager.state, compiled.state)


def test_it_is_compiled_once_for_each_size_however_many_updates_follow():
    counter = torch._dynamo.testing.CompileCounter()
    for _ in range(12):  # more than torch compiles one function by default
        walked(fused(TrainConfig(), counter))
    assert counter.frame_count == len(set(SIZES))


def test_more_configurations_than_torch_keeps_are_compiled_all_the_same():
    with torch._dynamo.config.patch(recompile_limit=2):  # torch's own is 8
        for clip in (0.1, 0.2, 0.3):
            config = TrainConfig(clip=clip)
            agree(walked(fused(config, "eager")), walked(step(config)))


def test_without_a_compiler_the_message_says_what_to_do():
    from torch._inductor import config as inductor

    advice = pytest.raises(TrainingStopped, match=r"compile: .*no-such-compiler.* or train without compile")
    with inductor.patch({"cpp.cxx": (None, "no-such-compiler")}), advice:
        walked(fused(TrainConfig()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_replays_a_fused_step(caplog):
    compiled, replayed = fused(TrainConfig(), device="cuda"), Recorded(fused(TrainConfig(), device="cuda"), cuda_graph)
    agree(walked(compiled), walked(replayed))
    assert all(size.proven for size in replayed.sizes.values())
    assert not caplog.records
