"""What a worker keeps between packs, and what makes it start anew."""

from pathlib import Path

import pytest
import torch

from tests.workers import tiny
from workers.learning import image_stack
from workers.proxy import entrance, samples
from workers.proxy.kept import Kept, forget, images_key, networks_key
from workers.proxy.networks import InitialNetworks
from workers.proxy.proxy import evaluate_pack

CPU = torch.device("cpu")
PACK = [tiny.candidate(0)]


def test_what_was_kept_goes_before_another_is_made() -> None:
    held: Kept[str] = Kept()
    assert held.get(1, lambda: "one") == held.get(1, lambda: "other") == "one"
    assert held.get(2, lambda: f"beside {len(held._held)}") == "beside 0"
    assert held.get(1, lambda: "again") == "again"


def test_later_packs_find_images_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    made: list[str] = []

    def stacked(*arguments: object, **options: object) -> object:
        made.append("images")
        return image_stack.stack_by_size(*arguments, **options)  # type: ignore[arg-type]

    def built(*arguments: object, **options: object) -> object:
        made.append("networks")
        return InitialNetworks(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(samples, "stack_by_size", stacked)
    monkeypatch.setattr(entrance, "InitialNetworks", built)
    task = tiny.proxy_task(training={"iterations": 2})
    [first] = evaluate_pack(task, PACK, device="cpu")
    assert sorted(made) == ["images", "images", "networks"]
    [again] = evaluate_pack(task, PACK, device="cpu")
    assert len(made) == 3
    assert (again.metrics, again.curve) == (first.metrics, first.curve)
    evaluate_pack(task, [tiny.candidate(0, "boundary")], device="cpu")
    assert made[3:] == ["images"]  # with a distance map; what is scored needs none
    evaluate_pack(tiny.proxy_task(training={"iterations": 2}, seed=1), PACK, device="cpu")
    assert len(made) == 7
    forget()


def test_keys_tell_tasks_apart(tmp_path: Path) -> None:
    task = tiny.proxy_task()
    state = tmp_path / "0.pt"
    state.write_bytes(b"one")
    warm = task.model_copy(update={"warm_start": str(state)})
    keys = {
        networks_key(task, CPU),
        networks_key(warm, CPU),
        networks_key(task, torch.device("cuda")),
    }
    state.write_bytes(b"other")
    assert len(keys | {networks_key(warm, CPU)}) == 4
    assert networks_key(task, CPU) == networks_key(task.model_copy(update={"stop_after": 2}), CPU)
    assert images_key(task, CPU) != images_key(task, CPU, "signed_distances")
