"""Packs of candidates on the proxy task: scores, failures, what is read when, and stopping."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from search_service.presets import QUICK_NETWORK, QUICK_SCORING
from search_service.searches.presets import QUICK_HOLD_OUT, QUICK_PROXY
from surrogate_zoo.errors import DatasetError, InputError, UnknownNameError
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import save
from surrogate_zoo.losses.document import sum_document, with_scale
from surrogate_zoo.losses.drafts import draft_of, filled, sum_draft
from surrogate_zoo.losses.registry import LOSSES, needs_of
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK
from tests.workers import tiny
from tests.workers.datasets import folders
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.learning.hold_out import cut_hold_out
from workers.proxy.kept import forget
from workers.proxy.proxy import evaluate_pack
from workers.proxy.samples import cut_once, decoded_samples, split_samples, things_of
from workers.tasks.base import Stopped
from workers.tasks.datasets import SegNetSource, ShapesSource
from workers.tasks.hold_out import HoldOut
from workers.tasks.instances import ClusteringSpec
from workers.tasks.proxy import Candidate, ProxyTask
from workers.tasks.training import AugmentationSpec

NAMES = ("cross-entropy", "asl-macc-voc", "dice")
PACK = [tiny.candidate(number, name) for number, name in enumerate(NAMES)]


class OpenedFiles:
    """Paths that this process opened while watching, told by the interpreter itself."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.watching = False
        sys.addaudithook(self._hook)  # cannot be removed; does nothing unless watching

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watching and event == "open" and isinstance(arguments[0], str | Path):
            self.paths.add(str(arguments[0]))


OPENED = OpenedFiles()


@pytest.fixture
def opened() -> Iterator[set[str]]:
    OPENED.paths.clear()
    OPENED.watching = True
    yield OPENED.paths
    OPENED.watching = False


@pytest.fixture(autouse=True)
def nothing_decoded() -> None:
    for cache in (decoded_samples, cut_once, split_samples, things_of):
        cache.cache_clear()
    forget()


def test_outcomes_carry_scores_and_where_they_come_from() -> None:
    outcomes = evaluate_pack(tiny.proxy_task(), PACK, device="cpu")
    assert [outcome.number for outcome in outcomes] == [0, 1, 2]
    for outcome in outcomes:
        assert outcome.error is None
        assert outcome.score == outcome.metrics["macc"]
        assert 0 <= outcome.score <= 1
        assert outcome.seconds > 0
        assert [step for step, _ in outcome.curve] == [1, 2, 3, 4]
        assert outcome.worker["device"] == "cpu"
        threads = outcome.worker["threads"]
        assert isinstance(threads, int)
        assert threads >= 1
    assert len({outcome.curve for outcome in outcomes}) == 3


def test_networks_are_scored_with_rankseg_too_where_that_is_asked_for() -> None:
    task = tiny.proxy_task().model_copy(update={"rankseg": True})
    for outcome, plain in zip(
        evaluate_pack(task, PACK, device="cpu"),
        evaluate_pack(tiny.proxy_task(), PACK, device="cpu"),
        strict=True,
    ):
        assert outcome.score == plain.score
        assert outcome.metrics.keys() == plain.metrics.keys() | {
            f"rankseg.{name}" for name in plain.metrics
        }
        assert {name: outcome.metrics[name] for name in plain.metrics} == plain.metrics
        assert outcome.metrics["rankseg.miou"] != plain.metrics["miou"]


def test_a_candidate_scores_the_same_in_any_pack() -> None:
    task = tiny.proxy_task()
    together = evaluate_pack(task, PACK, device="cpu")
    turned = evaluate_pack(task, PACK[::-1], device="cpu")[::-1]
    alone = [evaluate_pack(task, [candidate], device="cpu")[0] for candidate in PACK]
    for outcome, other, single in zip(together, turned, alone, strict=True):
        assert outcome.metrics == other.metrics == single.metrics
        assert outcome.curve == other.curve == single.curve


def test_candidates_may_have_a_learning_rate_each() -> None:
    task, loss = tiny.proxy_task(), LOSSES["dice"].document()
    pack = [Candidate(0, loss), Candidate(1, loss, 0.01), Candidate(2, loss, 5e-5)]
    together = evaluate_pack(task, pack, device="cpu")
    for candidate, outcome in zip(pack, together, strict=True):
        [alone] = evaluate_pack(task, [candidate], device="cpu")
        assert outcome.error is None
        assert (outcome.metrics, outcome.curve) == (alone.metrics, alone.curve)
    assert len({outcome.curve for outcome in together}) == 3


def test_a_drafts_outcome_is_that_of_the_document_that_its_scales_make() -> None:
    task, entropy = tiny.proxy_task(), LOSSES["cross-entropy"].document()
    boundary = draft_of(LOSSES["boundary"].document())
    inner = draft_of(LOSSES["asl-macc-voc"].document())
    drafts = [inner, sum_draft("both", [(0.75, inner), (0.25, entropy)]), boundary]
    outcomes = evaluate_pack(task, [Candidate(i, d) for i, d in enumerate(drafts)], device="cpu")
    assert [len(outcome.scales) for outcome in outcomes] == [1, 2, 1]
    assert outcomes[0].scales[0] == outcomes[1].scales[0]
    for draft, outcome in zip(drafts, outcomes, strict=True):
        document = filled(draft, outcome.scales)
        [again] = evaluate_pack(task, [Candidate(0, document)], device="cpu")
        assert outcome.error is None
        assert again.scales == ()
        assert (again.metrics, again.curve) == (outcome.metrics, outcome.curve)


def test_what_is_trained_in_its_own_form_is_measured_too() -> None:
    task, entropy = tiny.proxy_task(), LOSSES["cross-entropy"].document()
    dice = LOSSES["dice"].document()
    terms = [(1.0, with_scale(dice, 1.0)), (0.5, entropy)]
    losses = [with_scale(dice, 1.0), sum_document("both", terms)]
    drafts = [Candidate(i, draft_of(loss), scaled=False) for i, loss in enumerate(losses)]
    as_published = [
        Candidate(2 + i, with_scale(loss, 9.0), scaled=False) for i, loss in enumerate(losses)
    ]
    own = [Candidate(4 + i, loss) for i, loss in enumerate(losses)]
    outcomes = evaluate_pack(task, [*drafts, *as_published, *own], device="cpu")
    assert [len(outcome.scales) for outcome in outcomes] == [1, 1, 0, 0, 0, 0]
    assert outcomes[0].scales[0] > 1
    trained = [(outcome.metrics, outcome.curve) for outcome in outcomes]
    assert trained[:2] == trained[2:4] == trained[4:]


def test_objects_are_scored_beside_the_labels() -> None:
    objects = tiny.SCORING.model_copy(update={"clustering": ClusteringSpec(radius=0.5)})
    network = tiny.NETWORK.model_copy(update={"embedding": 4})
    large = ShapesSource(height=64, width=64, train=12, val=2, test=2)
    task = tiny.proxy_task(dataset=large, network=network, scoring=objects)
    pack = [tiny.candidate(0), tiny.candidate(1, "cross-entropy-discriminative")]
    outcomes = evaluate_pack(task, pack, device="cpu")
    plain = evaluate_pack(task.model_copy(update={"scoring": tiny.SCORING}), pack, device="cpu")
    for outcome, other in zip(outcomes, plain, strict=True):
        assert outcome.error is None
        assert outcome.metrics.items() > other.metrics.items()
        assert {"sbd", "dic", "pq"} <= outcome.metrics.keys() - other.metrics.keys()
        assert outcome.score == other.score
    alone = evaluate_pack(task, pack[1:], device="cpu")
    assert alone[0].metrics == outcomes[1].metrics


def test_objects_of_a_dataset_that_tells_none_apart_are_refused(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    watershed = tiny.SCORING.model_copy(update={"clustering": ClusteringSpec(method="watershed")})
    with pytest.raises(DatasetError, match="the dataset tells none apart"):
        evaluate_pack(tiny.proxy_task(dataset=source, scoring=watershed), PACK, device="cpu")


def test_the_seed_changes_everything() -> None:
    [outcome] = evaluate_pack(tiny.proxy_task(seed=0), PACK[:1], device="cpu")
    [other] = evaluate_pack(tiny.proxy_task(seed=1), PACK[:1], device="cpu")
    assert outcome.curve != other.curve


def test_images_are_brought_down_for_training_and_for_scoring() -> None:
    large = ShapesSource(height=96, width=64, train=24, val=6, test=4)
    task = tiny.proxy_task(dataset=large, training={"iterations": 2}, proxy_size=32)
    [outcome] = evaluate_pack(task, PACK[:1], device="cpu")
    [whole] = evaluate_pack(task.model_copy(update={"proxy_size": None}), PACK[:1], device="cpu")
    assert outcome.error is None
    assert outcome.curve != whole.curve
    assert outcome.metrics != whole.metrics
    spec = AugmentationSpec(scale=(0.8, 1.25), short_side=32)
    training = tiny.training(iterations=2, augmentation=spec)
    [trained] = evaluate_pack(
        tiny.proxy_task(dataset=large).model_copy(update={"training": training}),
        PACK[:1],
        device="cpu",
    )
    assert trained.curve == outcome.curve
    assert trained.metrics != outcome.metrics


def test_the_size_of_a_proxy_is_said_once() -> None:
    small = {"augmentation": AugmentationSpec(short_side=48)}
    with pytest.raises(ValidationError, match=r"sets training\.augmentation\.short_side itself"):
        tiny.proxy_task(training=small, proxy_size=32)
    assert tiny.proxy_task(training=small).schedule.augmentation.short_side == 48
    assert tiny.proxy_task(proxy_size=32).schedule.augmentation.short_side == 32


def test_a_sick_candidate_fails_with_its_reason_and_the_rest_go_on() -> None:
    unreadable = Candidate(7, {"schema": "lossfit/loss/v1", "kind": "surrogate", "name": "x"})
    outcomes = evaluate_pack(tiny.proxy_task(), [unreadable, *PACK[:1]], device="cpu")
    assert outcomes[0].score is None
    assert outcomes[0].error is not None
    assert outcomes[0].error.startswith("The loss cannot be loaded: ")
    assert outcomes[0].metrics == {}
    [alone] = evaluate_pack(tiny.proxy_task(), PACK[:1], device="cpu")
    assert outcomes[1].metrics == alone.metrics


def test_a_training_that_overflows_fails_with_its_reason() -> None:
    [outcome] = evaluate_pack(tiny.proxy_task(training=tiny.OVERFLOWING), PACK[:1], device="cpu")
    assert outcome.score is None
    assert outcome.metrics == {}
    assert outcome.error is not None
    assert re.match(r"The loss became (nan|inf) at iteration \d+\.", outcome.error)
    assert len(outcome.curve) < 25


@pytest.mark.parametrize("layout", ["segnet", "folder"])
def test_a_search_opens_no_image_of_val_or_test(
    layout: str, tmp_path: Path, opened: set[str]
) -> None:
    OPENED.watching = False
    source = folders.segnet(tmp_path) if layout == "segnet" else folders.folder(tmp_path)
    task = tiny.proxy_task(dataset=source, hold_out=0.4)
    OPENED.watching = True
    evaluate_pack(task, PACK[:1], device="cpu")
    images = {Path(path) for path in opened if path.startswith(str(tmp_path)) and ".png" in path}
    wanted = set(open_dataset(source).splits["train"])
    assert {path.stem for path in images} == wanted
    assert len(images) == 2 * len(wanted)


def test_candidates_are_scored_on_val_where_that_is_asked_for(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    [on_val] = evaluate_pack(
        tiny.proxy_task(dataset=source, hold_out={"split": "val"}), PACK[:1], device="cpu"
    )
    assert on_val.hold_out == "all 5 training images trained on, 2 of the split val scored"
    [cut] = evaluate_pack(tiny.proxy_task(dataset=source, hold_out=0.4), PACK[:1], device="cpu")
    assert cut.hold_out.startswith("2 of 5 training images held out: single images")
    assert on_val.metrics != cut.metrics


def test_samples_are_decoded_once(tmp_path: Path, opened: set[str]) -> None:
    task = tiny.proxy_task(dataset=folders.segnet(tmp_path), hold_out=0.4)
    evaluate_pack(task, PACK[:1], device="cpu")
    opened.clear()
    evaluate_pack(task, PACK[1:], device="cpu")
    assert not [path for path in opened if path.endswith(".png")]


def test_a_hold_out_set_with_nothing_to_measure(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path, {"train": 4})
    task = tiny.proxy_task(dataset=source)
    samples = open_dataset(source).read("train")
    for index in cut_hold_out(source, samples, task.hold_out, task.seed).held:
        void = np.full((12, 16), folders.VOID_LABEL, dtype=np.uint8)
        folders.save(tmp_path / "trainannot" / f"train-{index}.png", void)
    [outcome] = evaluate_pack(task, PACK[:1], device="cpu")
    assert outcome.score is None
    assert outcome.error is not None
    assert "nothing to measure macc" in outcome.error
    assert VOID == 255


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "metric": ({"metric": "mIoU2"}, UnknownNameError, "no metric named 'mIoU2'"),
    "network": (
        {"network": tiny.NETWORK.model_copy(update={"encoder": "none"})},
        UnknownNameError,
        "no encoder named 'none'",
    ),
    "dataset": (
        {"dataset": SegNetSource(root="/nowhere", classes=("a", "b"))},
        DatasetError,
        "/nowhere does not exist",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_task_is_an_error_and_no_outcome(case: str) -> None:
    changes, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        evaluate_pack(tiny.proxy_task(**changes), PACK, device="cpu")


def test_an_unknown_device() -> None:
    with pytest.raises(InputError, match="'tpu' is no device"):
        evaluate_pack(tiny.proxy_task(), PACK, device="tpu")


def test_progress_may_stop_it() -> None:
    steps: list[int] = []

    def progress(step: int) -> None:
        steps.append(step)
        if step == 2:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        evaluate_pack(tiny.proxy_task(), PACK, device="cpu", progress=progress)
    assert steps == [1, 2]


@pytest.mark.slow  # 11 s of training
def test_the_quick_proxy_tells_losses_apart() -> None:
    task = ProxyTask(
        dataset=ShapesSource(),
        metric="macc",
        network=QUICK_NETWORK,
        training=QUICK_PROXY,
        scoring=QUICK_SCORING,
        hold_out=HoldOut(share=QUICK_HOLD_OUT),
    )
    names = ("cross-entropy", "naive-macc", "asl-macc-voc")
    pack = [tiny.candidate(number, name) for number, name in enumerate(names)]
    handmade, line, published = (
        outcome.score for outcome in evaluate_pack(task, pack, device="cpu")
    )
    assert handmade is not None
    assert handmade > 0.4  # it learns: always the same class scores 1/6
    assert line is not None
    assert published is not None
    assert min(line, published) > handmade + 0.05


def test_every_loss_of_the_zoo_trains_or_says_what_it_lacks(tmp_path: Path) -> None:
    paths = {}
    for kind, network in {
        EDGE_NETWORK: EdgeNetwork(num_classes=6),
        INVERSE_NETWORK: InverseNetwork(side=16),
    }.items():
        paths[kind] = str(tmp_path / f"{kind}.safetensors")
        save(network, paths[kind], kind=kind, parameters=PARAMETERS[kind], provenance={})
    task = tiny.proxy_task(loss_networks=paths, training={"iterations": 2})
    candidates = [tiny.candidate(number, name) for number, name in enumerate(LOSSES)]
    outcomes = evaluate_pack(task, candidates, device="cpu")
    failures = {
        name: outcome.error for name, outcome in zip(LOSSES, outcomes, strict=True) if outcome.error
    }
    lacking = {name for name in LOSSES if "instances" in needs_of(name).inputs}
    assert failures.keys() == lacking
    assert all(
        "The loss needs embeddings (set network.embedding" in why for why in failures.values()
    )
    # Each of the others pulls the network elsewhere.
    curves = {outcome.curve for outcome in outcomes if not outcome.error}
    assert len(curves) == len(LOSSES) - len(lacking)


PARAMETERS: dict[str, dict[str, Any]] = {
    EDGE_NETWORK: {"num_classes": 6},
    INVERSE_NETWORK: {"side": 16},
}
