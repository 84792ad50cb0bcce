"""Devices: chosen, refused and described."""

import pytest
import torch

from surrogate_zoo.errors import InputError
from workers.learning.device import autocast, choose_device, worker_facts


def test_auto_takes_what_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("name", ["tpu", "meta", "cuda:99", ""])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(InputError):
        choose_device(name)


def test_a_cpu_computes_in_full_precision() -> None:
    with autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_facts_name_threads_and_versions() -> None:
    facts = worker_facts(torch.device("cpu"))
    assert facts["threads"] == torch.get_num_threads()
    assert facts["torch"] == torch.__version__
    assert facts["device"] == "cpu"
