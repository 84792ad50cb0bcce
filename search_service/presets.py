"""Presets: where the fields of a request come from that are not given."""

from collections.abc import Mapping
from typing import Any, Literal

Preset = Literal["released", "paper", "quick"]
"""Presets of a search."""

RetrainingPreset = Literal["quick", "deeplabv3plus-512", "semeda-321", "inverseform-cityscapes"]
"""Presets of a retraining; see ``search_service.retraining_presets``."""


def filled(
    given: object, presets: Mapping[str, dict[str, Any]], default: str | None = None
) -> object:
    """Put the preset's values where ``given`` has none; leave what is no object to pydantic."""
    if not isinstance(given, dict):
        return given
    name = given.get("preset", default)
    preset = presets.get(name, {}) if isinstance(name, str) else {}
    filled = {**preset, **given}
    if isinstance(preset.get("training"), dict) and isinstance(given.get("training"), dict):
        filled["training"] = {**preset["training"], **given["training"]}
    return filled
