"""The table of losses under a compiler: a row for one that compiles, the reason of one that does not."""

import pytest
import torch
from torch import Tensor, nn

from benchmarks.compiled_losses import parse, reason, rows
from benchmarks.losses import random_batch


@pytest.fixture(autouse=True)
def compiler() -> None:
    torch.compiler.reset()


def refuses(graph: nn.Module, inputs: list[Tensor]) -> None:
    raise NotImplementedError("In file x.cpp:\nx.cpp:12:3: error: no | here\nmore")


def test_a_loss_that_does_not_compile_is_told_and_the_next_has_its_row() -> None:
    words = ["--size", "1", "3", "8", "8", "--rounds", "1", "--losses"]
    logits, target = random_batch((1, 3, 8, 8), 2, 0.0, "cpu")
    [told] = rows(parse([*words, "dice", "--backend", "eager"]), logits, target)
    assert told.startswith("| dice | ")
    assert told.count("|") == 8
    arguments = parse([*words, "dice", "focal"])
    arguments.backend = refuses
    found = list(rows(arguments, logits, target))
    assert [line.split("|")[1].strip() for line in found] == ["dice", "focal"]
    assert all("does not compile: no \\| here" in line for line in found)


def test_a_reason_is_one_line() -> None:
    assert reason(ValueError("first\nsecond")) == "first"
    assert reason(ValueError()) == "ValueError"
