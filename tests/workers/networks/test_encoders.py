"""The names of encoders that are known without torch are those that the libraries have."""

import timm

from workers.networks.architectures import ARCHITECTURES
from workers.networks.build import _arguments
from workers.networks.encoders import ENCODERS, timm_models
from workers.networks.layers import encoder_names


def test_encoders_are_those_of_the_libraries() -> None:
    assert sorted(ENCODERS) == sorted(encoder_names())
    assert timm_models() >= set(timm.list_models())
    assert all(map(timm.is_model, timm_models()))  # old names too


def test_who_has_no_encoder_to_choose_says_so() -> None:
    for architecture in ARCHITECTURES.values():
        if not architecture.package:
            chooses = "encoder_name" in _arguments(architecture.builder())
            assert architecture.encoderless != chooses, architecture.name
