"""The same scores by the implementations that define them, and by loops over pairs of masks."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling as cityscapes  # noqa: N813
import cityscapesscripts.evaluation.evalPanopticSemanticLabeling as panoptic  # noqa: N813
import numpy as np
import pycocotools.mask
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.surrogate_zoo.metrics.instances.scenes import VOID, Scene

Mask = NDArray[np.bool_]
Object = tuple[int, Mask]
"""Class and mask."""


def true_objects(scene: Scene) -> list[Object]:
    masks = [scene.instances == number for number in np.unique(scene.instances) if number]
    return [(int(scene.target[mask][0]), mask) for mask in masks]


def predicted_objects(scene: Scene) -> list[tuple[int, Mask, float]]:
    triples = zip(scene.labels.tolist(), scene.confidences.tolist(), strict=True)
    masks = (
        (label, scene.predicted == number, confidence)
        for number, (label, confidence) in enumerate(triples, 1)
    )
    return [entry for entry in masks if entry[1].any()]


def best_dice(scene: Scene) -> float:
    valid = scene.target != VOID
    true = [mask for _, mask in true_objects(scene)]
    predicted = [mask & valid for _, mask, _ in predicted_objects(scene) if (mask & valid).any()]

    def one_way(these: list[Mask], those: list[Mask]) -> float:
        dice = [[2 * (a & b).sum() / (a.sum() + b.sum()) for b in those] for a in these]
        return float(np.mean([max(row) for row in dice]))

    if not true or not predicted:
        return float(len(true) == len(predicted))
    return min(one_way(true, predicted), one_way(predicted, true))


def cityscapes_ap(
    scenes: Sequence[Scene], things: Sequence[int], min_pixels: int
) -> tuple[float, float]:
    """AP and AP50% of cityscapesscripts."""
    names = [str(label) for label in things]
    options = SimpleNamespace(
        overlaps=cityscapes.args.overlaps,
        minRegionSizes=np.array([min_pixels]),
        distanceThs=cityscapes.args.distanceThs[:1],
        distanceConfs=cityscapes.args.distanceConfs[:1],
        distanceAvailable=False,
        instLabels=names,
    )
    matches = {str(i): _cityscapes_matches(scene, names) for i, scene in enumerate(scenes)}
    averages = cityscapes.computeAverages(cityscapes.evaluateMatches(matches, options), options)
    return float(averages["allAp"]), float(averages["allAp50%"])


def _cityscapes_matches(scene: Scene, names: Sequence[str]) -> dict[str, Any]:
    """What ``matchGtWithPreds`` makes of the files of an image."""
    shown: dict[str, Any] = {
        kind: {name: [] for name in names} for kind in ("groundTruth", "prediction")
    }
    for number, (label, mask) in enumerate(true_objects(scene)):
        true: dict[str, Any] = {
            "instID": 1000 * (label + 1) + number,
            "pixelCount": int(mask.sum()),
        }
        true |= {"medDist": -1, "distConf": 0.0, "mask": mask, "matchedPred": []}
        shown["groundTruth"][str(label)].append(true)
    for name in names:
        group = (scene.instances == 0) & (scene.target == int(name))
        if group.any():
            crowd: dict[str, Any] = {"instID": int(name), "pixelCount": int(group.sum())}
            crowd |= {"medDist": -1, "distConf": 0.0, "mask": group, "matchedPred": []}
            shown["groundTruth"][name].append(crowd)
    for label, mask, confidence in predicted_objects(scene):
        found: dict[str, Any] = {
            "pixelCount": int(mask.sum()),
            "confidence": confidence,
            "matchedGt": [],
        }
        found["voidIntersection"] = int((mask & (scene.target == VOID)).sum())
        shown["prediction"][str(label)].append(found)
        for true in shown["groundTruth"][str(label)]:
            common = int((mask & true["mask"]).sum())
            if common:
                found["matchedGt"].append(true | {"intersection": common})
                true["matchedPred"].append(found | {"intersection": common})
    return shown


def coco_ap(scenes: Sequence[Scene], things: Sequence[int]) -> float:
    """AP of pycocotools; void is one crowd of every class, and no image has too many objects."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, scene in enumerate(scenes, 1):
        void = scene.target == VOID
        crowds = [(label, void, 1) for label in things if void.any()]
        true = [(label, mask, 0) for label, mask in true_objects(scene)] + crowds
        for label, mask, crowd in true:
            entry = {"image_id": image, "category_id": label, "segmentation": _encoded(mask)}
            entry |= {"id": len(annotations) + 1, "area": int(mask.sum()), "iscrowd": crowd}
            annotations.append(entry)
        for label, mask, confidence in predicted_objects(scene):
            entry = {"image_id": image, "category_id": label, "segmentation": _encoded(mask)}
            results.append(entry | {"score": confidence})
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [
            dict(zip(("id", "height", "width"), (image, *scene.target.shape), strict=True))
            for image, scene in enumerate(scenes, 1)
        ],
        "categories": [{"id": label} for label in things],
        "annotations": annotations,
    }
    truth.createIndex()
    run = COCOeval(truth, truth.loadRes(results), "segm")
    run.params.maxDets = [10**6]
    run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
    run.evaluate()
    run.accumulate()
    precision = run.eval["precision"]
    return float(precision[precision > -1].mean())


def _encoded(mask: Mask) -> Any:
    return pycocotools.mask.encode(np.asfortranarray(mask.astype(np.uint8)))


def panoptic_quality(
    scenes: Sequence[Scene], things: Sequence[int], folder: Path
) -> tuple[float, float]:
    """PQ and RQ of things by cityscapesscripts, which has them from panopticapi; by way of PNGs."""
    kinds = {0: {"isthing": 0}} | {label: {"isthing": 1} for label in things}
    pairs = []
    for number, scene in enumerate(scenes):
        true = true_objects(scene)
        rest = (scene.target != VOID) & (scene.instances == 0)
        if rest.any():
            true.append((0, rest))
        predicted = [(label, mask) for label, mask, _ in predicted_objects(scene)]
        pairs.append(
            (
                _panoptic_image(folder / f"true-{number}.png", true, scene.target.shape),
                _panoptic_image(folder / f"predicted-{number}.png", predicted, scene.target.shape),
            )
        )
    sums = panoptic.pq_compute_single_core(0, pairs, str(folder), str(folder), kinds)
    average, _ = sums.pq_average(kinds, isthing=True)
    return float(average["pq"]), float(average["rq"])


def _panoptic_image(path: Path, objects: Sequence[Object], shape: tuple[int, ...]) -> Any:
    """Write the segments of an image, and return their annotation."""
    numbers = np.zeros(shape, dtype=np.int64)
    segments = []
    for number, (label, mask) in enumerate(objects, 1):
        numbers[mask] = number
        area = int(mask.sum())
        segments.append({"id": number, "category_id": label, "iscrowd": 0, "area": area})
    channels = [(numbers >> shift) & 255 for shift in (0, 8, 16)]
    Image.fromarray(np.stack(channels, -1).astype(np.uint8)).save(path)
    return {"file_name": path.name, "image_id": path.stem, "segments_info": segments}


def all_scores(
    scenes: Sequence[Scene], things: Sequence[int], folder: Path, min_pixels: int
) -> dict[str, float]:
    """Every score of the table, from its own reference."""
    valid = [scene for scene in scenes if (scene.target != VOID).any()]
    surplus = [
        sum(bool((mask & (scene.target != VOID)).any()) for _, mask, _ in predicted_objects(scene))
        - len(true_objects(scene))
        for scene in valid
    ]
    ap, ap50 = cityscapes_ap(scenes, things, min_pixels)
    pq, rq = panoptic_quality(scenes, things, folder)
    return {
        "sbd": float(np.mean([best_dice(scene) for scene in valid])),
        "dic": float(np.mean(np.abs(surplus))),
        "dic-signed": float(np.mean(surplus)),
        "ap": ap,
        "ap50": ap50,
        "ap-coco": coco_ap(scenes, things),
        "pq": pq,
        "f1-50": rq,
    }
