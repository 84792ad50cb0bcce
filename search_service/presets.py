"""Presets: where the fields of a request come from that are not given."""

from typing import Any, Literal

Preset = Literal["released", "paper", "quick"]


def filled(given: object, presets: dict[str, dict[str, Any]]) -> object:
    """Put the preset's values where ``given`` has none; leave what is no object to pydantic."""
    if not isinstance(given, dict) or not isinstance(given.get("preset", "released"), str):
        return given
    preset = presets.get(given.get("preset", "released"), {})
    filled = {**preset, **given}
    if isinstance(preset.get("training"), dict) and isinstance(given.get("training"), dict):
        filled["training"] = {**preset["training"], **given["training"]}
    return filled
