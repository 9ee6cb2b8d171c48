import pytest
import torch

from ppo.device import device_for
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
