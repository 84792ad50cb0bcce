"""Devices: chosen, refused and described."""

import pytest
import torch

from surrogate_zoo.errors import InputError
from workers.learning.device import PeakMemory, autocast, choose_device, worker_facts


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


class CountingGpu:
    """Stands for torch's count of a GPU's memory: what is taken, and the most since the reset."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = self.peak = 0
        self.calls: list[str] = []
        monkeypatch.setattr(torch.cuda, "synchronize", self.begin)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _device: self.peak)

    def begin(self, device: torch.device) -> None:
        self.calls.append(f"begin {device}")

    def reset(self, device: torch.device) -> None:
        self.calls.append(f"reset {device}")
        self.peak = self.taken

    def take(self, size: int) -> None:
        self.taken += size
        self.peak = max(self.peak, self.taken)


def test_a_trainings_peak_is_not_that_of_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = CountingGpu(monkeypatch)
    gpu.take(9000)
    gpu.take(-8900)
    peak = PeakMemory(torch.device("cuda", 1))
    assert gpu.calls == ["begin cuda:1", "reset cuda:1"]
    assert peak.bytes == 100
    gpu.take(700)
    gpu.take(-700)
    before = peak.bytes
    assert before == 800
    resumed = PeakMemory(torch.device("cuda", 1))
    resumed.go_on(before)
    gpu.take(50)
    assert resumed.bytes == 800
    gpu.take(900)
    assert resumed.bytes == 1050


def test_a_cpu_has_no_peak_and_no_gpu_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = CountingGpu(monkeypatch)
    peak = PeakMemory(torch.device("cpu"))
    peak.go_on(None)
    assert peak.bytes is None
    assert gpu.calls == []
