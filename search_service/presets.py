"""Presets: where the fields of a request come from that are not given."""

from collections.abc import Mapping
from typing import Any

from workers.tasks.base import Spec
from workers.tasks.networks import NetworkSpec
from workers.tasks.scoring import ScoringSpec

_HEADS = {"embedding", "coordinates", "seediness"}
"""Fields of a network that add heads to it."""


def filled(
    body: object, presets: Mapping[str, dict[str, Any]], default: str | None = None
) -> object:
    """Put the preset's values where ``body`` has none; leave what is no object to pydantic."""
    if not isinstance(body, dict):
        return body
    name = body.get("preset", default)
    preset = presets.get(name, {}) if isinstance(name, str) else {}
    filled = {**preset, **body}
    if isinstance(preset.get("training"), dict) and isinstance(body.get("training"), dict):
        filled["training"] = {**preset["training"], **body["training"]}
    if _names_heads_alone(body.get("network")) and isinstance(preset.get("network"), NetworkSpec):
        filled["network"] = {**_given(preset["network"]), **body["network"]}
    if isinstance(preset.get("hold_out"), float) and isinstance(body.get("hold_out"), dict):
        filled["hold_out"] = _with_share(body["hold_out"], preset["hold_out"])
    if isinstance(body.get("scoring"), dict) and (scoring := preset.get("scoring")) is not None:
        told = scoring.model_dump(exclude_unset=True) if isinstance(scoring, Spec) else scoring
        filled["scoring"] = {**told, **body["scoring"]}
    return filled


def _names_heads_alone(network: object) -> bool:
    """Whether a network says what heads it has, and not what it is: then it is the preset's."""
    return isinstance(network, dict) and bool(network) and set(network) <= _HEADS


def _given(spec: NetworkSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.model_fields_set}


def _with_share(hold_out: dict[str, Any], share: float) -> dict[str, Any]:
    """The preset's share where nothing says how much, so that ``groups`` alone changes only the groups."""
    told = any(hold_out.get(name) is not None for name in ("share", "images", "split"))
    return hold_out if told else {**hold_out, "share": share}


# Presets for two CPU cores, measured on the generated dataset (one thread of a 2.6 GHz EPYC).
#
# A proxy takes 3.4 s of training and 0.2 s of scoring; 7% of that is batch assembly. Scores on the
# hold-out set (hold_out 0.25, seeds 0 and 1) in percent:
#
#         cross entropy  straight line  published  16 drawn around the line   rank correlation of
#                                       (VOC)      (sigma 0.2): range         those between seeds
#   mAcc  48, 50         63, 67         64, 63     32..65, 31..69             0.69
#   BF1   45, 45         46, 46         42, 43     44..51, 40..48             0.60
QUICK_NETWORK = NetworkSpec(
    architecture="Linknet", encoder="tu-resnet18", options={"encoder_depth": 2}
)
"""170,000 weights: a ResNet-18 cut after its first stage, since thin shapes need fine maps."""


QUICK_SCORING = ScoringSpec(tolerance=2)
"""Two pixels of a 64-pixel image; the five of the default would forgive most errors."""
