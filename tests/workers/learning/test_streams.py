"""Streams of random numbers: apart from each other, and the same as ever."""

import numpy as np
import torch

from workers.learning.streams import Stream, generator, own_random_numbers, seed_torch


def test_the_numbers_are_those_that_results_were_made_with() -> None:
    assert {stream.name: stream.value for stream in Stream} == {
        "ORDER": 1,
        "AUGMENTATION": 2,
        "WEIGHTS": 3,
        "DROPOUT": 4,
        "HOLD_OUT": 5,
        "HEAD_WEIGHTS": 6,
        "PREDICTIONS": 7,
        "EDGE_CROPS": 11,
        "EDGE_NOISE": 12,
        "INVERSE_PAIRS": 13,
        "INVERSE_MEASURES": 14,
        "CLUSTERING": 21,
    }


def test_a_stream_is_seeded_by_all_its_numbers_in_order() -> None:
    draws = generator(3, Stream.AUGMENTATION, 5).random(4)
    assert np.array_equal(draws, np.random.default_rng([3, 2, 5]).random(4))
    keys = [(seed, stream, count) for seed in (0, 1) for stream in Stream for count in (0, 1)]
    assert len({generator(*key).integers(2**62) for key in keys}) == len(keys)


def test_torch_is_seeded_by_the_same_numbers_and_given_back() -> None:
    before = torch.get_rng_state()
    with own_random_numbers(torch.device("cpu")):
        seed_torch(3, Stream.DROPOUT, 5)
        first = torch.initial_seed()
        assert first == int(np.random.SeedSequence((3, 4, 5)).generate_state(1)[0])
        seed_torch(3, Stream.DROPOUT, 6)
        assert torch.initial_seed() != first
    assert torch.equal(torch.get_rng_state(), before)
