import numpy as np
import pytest
import torch

from ppo.device import device_for, repeatable, tensor_on, threads
from schemas.errors import SettingsRejected
from schemas.training import TrainConfig


def test_small_minibatches_stay_on_the_cpu():
    assert device_for(TrainConfig(batch_size=64)) == torch.device("cpu")


@pytest.mark.parametrize(
    "device, there", [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
)
def test_a_device_that_is_not_there_is_refused_with_a_way_out(device, there):
    if there:
        assert device_for(TrainConfig(device=device)).type == device
    else:
        with pytest.raises(SettingsRejected, match="Take auto or cpu"):
            device_for(TrainConfig(device=device))


def test_each_process_needs_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_for(TrainConfig(device="cuda", processes=2)).type == "cuda"
    with pytest.raises(SettingsRejected, match=r"processes is 3, .* this machine has 2 of cuda"):
        device_for(TrainConfig(device="cuda", processes=3))
    assert device_for(TrainConfig(device="cpu", processes=3)).type == "cpu"


def test_an_array_and_its_tensor_are_one_memory_on_a_cpu():
    array = np.arange(3, dtype=np.float32)
    tensor = tensor_on("cpu", array)
    array[1] = 7
    assert tensor.tolist() == [0, 7, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_what_was_sent_to_a_gpu_arrives_whole():
    array = np.arange(1_000_000, dtype=np.float32)
    there = [tensor_on("cuda", array + number) for number in range(8)]
    assert all(tensor.cpu().numpy().tobytes() == (array + number).tobytes() for number, tensor in enumerate(there))


def test_a_gpu_is_told_to_repeat_its_bits_and_everything_is_as_before_afterwards(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with repeatable(torch.device("cpu")):
        assert not torch.are_deterministic_algorithms_enabled()
    with repeatable(torch.device("cuda")):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_threads_are_as_many_as_asked_for_and_then_as_before():
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
