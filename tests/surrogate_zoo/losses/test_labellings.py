"""One channel, multi-labels, volumes, weights of classes, means over images: of every loss."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor, nn

from surrogate_zoo import LOSSES, load_loss, needs_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.losses.distance_maps import maps_of
from surrogate_zoo.losses.document import signed
from surrogate_zoo.losses.handmade.base import HandmadeLoss
from surrogate_zoo.losses.surrogate import SurrogateLoss
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.needs import EDGE_NETWORK, INSTANCES
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.losses.supplies import WIDTHS, loss_networks, maps, objects

every_loss = pytest.mark.parametrize("name", LOSSES)
SIZE = (2, 9, 11)
CHANNELS = 3


def _loss(name: str, classes: int, **options: Any) -> nn.Module:
    """A loss in the literature's form, with a network for two classes."""
    facts = loss_networks() | {EDGE_NETWORK: EdgeNetwork(2)} if needs_of(name).loss_networks else {}
    return load_loss(name, num_classes=classes, facts=facts, scale=1.0, **options)


def _parts(loss: nn.Module) -> list[HandmadeLoss | SurrogateLoss]:
    return [part for part in loss.modules() if isinstance(part, HandmadeLoss | SurrogateLoss)]


def _takes(name: str, what: str) -> bool:
    """Whether all parts of a loss take multi-labels, volumes, or a shared parameter."""
    parts = _parts(_loss(name, 2))
    handmade = [part for part in parts if isinstance(part, HandmadeLoss)]
    surrogates = [part for part in parts if isinstance(part, SurrogateLoss)]
    if what == "multilabel":
        kept = all(part.metric.multilabel != "none" for part in surrogates)
        return kept and not any(part.no_multilabel for part in handmade)
    if what == "volumes":
        return not any(part.no_volumes for part in handmade)
    kept = what == "reduction" or all(part.metric.multilabel != "none" for part in surrogates)
    return kept and all(what in part.shared for part in handmade)


def _those(what: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [name for name in LOSSES if _takes(name, what)])


def _logits(channels: int, size: tuple[int, ...] = SIZE, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (size[0], channels, *size[1:])
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


def _inputs(name: str, size: tuple[int, ...], target: Tensor) -> dict[str, Tensor]:
    """What heads give, for two classes."""
    widths = {kind: 9 if kind == "seediness" else width for kind, width in WIDTHS.items()}
    needed = needs_of(name).inputs
    given = {kind: _logits(widths[kind], size, 5) for kind in needed if kind in widths}
    return given | ({INSTANCES: objects(target)} if INSTANCES in needed else {})


def _on_or_off(seed: int, size: tuple[int, ...] = SIZE) -> Tensor:
    """Channels (N, 3, H, W) of 0, 1 and void, which overlap."""
    parts = [labels(seed + 7 * c, classes=2, size=size) for c in range(CHANNELS)]  # type: ignore[arg-type]
    return torch.stack(parts, 1)


@every_loss
def test_one_channel_is_the_softmax_of_it_and_zero(name: str) -> None:
    target, logits = labels(1, classes=2), _logits(1)
    inputs = _inputs(name, SIZE, target)
    one, two = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, same = _loss(name, 1), _loss(name, 2)
    same.load_state_dict(loss.state_dict())
    value = loss(one, target[:, None].to(torch.uint8), **inputs)
    expected = same(torch.cat([torch.zeros_like(two), two], 1), target.int(), **inputs)
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    if value.requires_grad and not needs_of(name).inputs:
        torch.autograd.backward([value, expected])
        torch.testing.assert_close(one.grad, two.grad)


@_those("multilabel")
def test_a_multilabel_is_each_channel_by_itself(name: str) -> None:
    """The mean over channels: by pixels of a mean over pixels, of the class on of a mean over classes."""
    target, logits = _on_or_off(1), _logits(CHANNELS)
    loss = _loss(name, CHANNELS, mode="multilabel")
    if name in {"top-k-cross-entropy", "active-boundary"} or len(_parts(loss)) > 1:
        return  # pixels are picked from all channels; sums are of their terms
    value = loss(logits, target.to(torch.uint8)).item()
    channels = list(zip(torch.split(logits, 1, 1), torch.split(target, 1, 1), strict=True))
    every = [_loss(name, 1)(*channel).item() for channel in channels]
    valid = (target != VOID).sum((0, 2, 3)).tolist()
    by_pixels = sum(map(lambda a, b: a * b, every, valid)) / sum(valid)
    if _takes(name, "class_weights"):
        on = [_loss(name, 1, class_weights=[0, 1])(*channel).item() for channel in channels]
        by_classes = sum(on) / CHANNELS
        candidates = [by_pixels, by_classes]
        pixels = [(mask == 1).sum().item() for mask in target.unbind(1)]
        shares = (pixels, [1 / number for number in pixels], valid)  # fwiou, cwiou, ssim
        candidates += [sum(map(lambda a, b: a * b, on, own)) / sum(own) for own in shares]
    else:
        candidates = [by_pixels]
    assert min(abs(value - other) for other in candidates) < 1e-9


@_those("multilabel")
def test_a_multilabel_has_a_minimum_and_knows_void(name: str) -> None:
    target = _on_or_off(2)
    loss = _loss(name, CHANNELS, mode="multilabel")
    perfect = 1e4 * (2.0 * (target == 1) - 1)
    assert loss(perfect, target).item() == pytest.approx(0, abs=1e-9)
    logits = _logits(CHANNELS).requires_grad_()
    value = loss(logits, target)
    torch.autograd.backward(value)
    assert logits.grad is not None
    assert (logits.grad[target == VOID] == 0).all()
    assert logits.grad.abs().sum() > 0
    filled = logits.detach().masked_fill(target == VOID, torch.nan)
    assert loss(filled, target).item() == value.item()
    assert loss(logits.detach(), torch.full_like(target, VOID)).item() == 0


def test_multilabels_are_those_of_torch_and_monai() -> None:
    target, logits = _on_or_off(3) % VOID, _logits(CHANNELS)
    own = load_loss("cross-entropy", num_classes=CHANNELS, mode="multilabel", scale=1.0)
    theirs = F.binary_cross_entropy_with_logits(logits, target.double())
    assert own(logits, target).item() == pytest.approx(theirs.item(), rel=1e-9)
    dice = load_loss("dice", num_classes=CHANNELS, mode="multilabel", scale=1.0)
    monai = DiceLoss(sigmoid=True, batch=True, smooth_nr=0, smooth_dr=0)
    assert dice(logits, target).item() == pytest.approx(monai(logits, target).item(), rel=1e-9)
    images = load_loss(
        "dice", num_classes=CHANNELS, mode="multilabel", scale=1.0, reduction="image"
    )
    each = DiceLoss(sigmoid=True, batch=False, smooth_nr=0, smooth_dr=0)
    assert images(logits, target).item() == pytest.approx(each(logits, target).item(), rel=1e-9)


@_those("volumes")
def test_a_volume_of_one_slice_is_an_image(name: str) -> None:
    target, logits = labels(4, classes=2), _logits(2)
    inputs = _inputs(name, SIZE, target)
    loss = _loss(name, 2)
    if name in {"naive-boundary-iou"}:
        return  # a slice's rim is all of it: there is nothing above and below
    value = loss(logits, target, **inputs).item()
    deep = {kind: tensor.unsqueeze(-3) for kind, tensor in inputs.items()}
    found = loss(logits.unsqueeze(2), target.unsqueeze(1), **deep).item()
    assert found == pytest.approx(value, rel=1e-6)


@_those("volumes")
def test_a_volume_is_its_slices_to_losses_that_do_not_look_around(name: str) -> None:
    size = (2, 3, 9, 11)
    target = torch.stack([labels(seed, classes=2, size=(2, 9, 11)) for seed in (5, 6, 7)], 1)
    edges = any(edge in name for edge in ("biou", "bf1", "boundary-iou"))
    logits, loss = _logits(2, size), _loss(name, 2, **({"tolerance": 1} if edges else {}))
    inputs = _inputs(name, size, target) if INSTANCES not in needs_of(name).inputs else {}
    if INSTANCES in needs_of(name).inputs or "image" in name:
        return  # an object of a volume is one, in each of its slices another
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target, **inputs)
    torch.autograd.backward(value)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    slices = {kind: tensor.movedim(2, 1).flatten(0, 1) for kind, tensor in inputs.items()}
    found = loss(logits.movedim(2, 1).flatten(0, 1), target.flatten(0, 1), **slices).item()
    around = bool(maps(name)) or any(getattr(part, "looks_around", False) for part in _parts(loss))
    assert (found == pytest.approx(value.item(), rel=1e-6)) != (around or edges)


@pytest.mark.parametrize("name", ["semeda", "edge-head", "inverse-form", "boundary-cross-entropy"])
def test_losses_of_images_alone_refuse_volumes(name: str) -> None:
    with pytest.raises(InputError, match=r"takes no volumes: .* pass slices as images"):
        _loss(name, 2)(_logits(2, (1, 3, 5, 5)), torch.zeros(1, 3, 5, 5).long())


@pytest.mark.parametrize("name", [name for name in LOSSES if not _takes(name, "multilabel")])
def test_losses_of_classes_that_exclude_each_other_refuse_multilabels(name: str) -> None:
    with pytest.raises(InputError, match="multi-label"):
        _loss(name, 2, mode="multilabel")


@_those("class_weights")
def test_weights_of_classes(name: str) -> None:
    classes, target = 4, labels(8)
    logits, facts = _logits(classes), {}
    if needs_of(name).loss_networks:
        facts = loss_networks()
    given = _inputs(name, SIZE, target)

    def value(**options: Any) -> float:
        loss = load_loss(name, num_classes=classes, facts=facts, scale=1.0, **options)
        found: float = loss(logits, target, **given).item()
        return found

    plain = value()
    assert value(class_weights=[2.0] * classes) == pytest.approx(plain, rel=1e-9)
    skewed = value(class_weights=[1, 2, 3, 4])
    assert skewed != pytest.approx(plain, rel=1e-6)
    assert value(class_weights=[10, 20, 30, 40]) == pytest.approx(skewed, rel=1e-9)
    pixels = torch.bincount(target[target != VOID], minlength=classes).double()
    inverse = ((pixels.sum() / pixels) ** 0.5).tolist()
    expected = value(class_weights=inverse)
    assert value(class_power=0.5) == pytest.approx(expected, rel=1e-6)
    assert value(class_power=0.5, class_pixels=pixels.tolist()) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(InputError, match="class_weights must be 4 finite numbers"):
        value(class_weights=[1.0, 2.0])


@_those("reduction")
def test_a_mean_over_images(name: str) -> None:
    target, logits = labels(9), _logits(4)
    target = torch.cat([target, torch.full_like(target[:1], VOID)])
    logits = torch.cat([logits, logits[:1]])
    loss = load_loss(name, num_classes=4, scale=1.0)
    each = [loss(logits[i : i + 1], target[i : i + 1]).item() for i in range(2)]
    mean = load_loss(name, num_classes=4, scale=1.0, reduction="image")
    assert mean(logits, target).item() == pytest.approx(sum(each) / 2, rel=1e-9)
    assert mean(logits[:0], target[:0]).item() == 0
    assert mean(logits[2:], target[2:]).item() == 0


def test_a_loss_file_says_mode_weights_and_reduction() -> None:
    document = LOSSES["dice"].with_parameters(
        "mine", {"class_weights": [1, 2, 3], "reduction": "image"}
    )
    target, logits = _on_or_off(4), _logits(CHANNELS)
    said = load_loss({**_signed(document, mode="multilabel")}, num_classes=CHANNELS)
    told = load_loss(
        "dice", num_classes=CHANNELS, mode="multilabel", class_weights=[1, 2, 3], reduction="image"
    )
    assert said(logits, target).item() == told(logits, target).item()
    assert needs_of(LOSSES["dice"].with_parameters("mine", {"class_power": 0.5})).facts == (
        "class_pixels",
    )
    with pytest.raises(InputError, match="mode must be one of"):
        load_loss(_signed(document, mode="binary"), num_classes=2)


def _signed(document: dict[str, object], **more: object) -> dict[str, object]:
    return signed({**document, **more})


def test_maps_of_channels_may_be_handed_over() -> None:
    target, logits = _on_or_off(5), _logits(CHANNELS)
    loss = _loss("boundary", CHANNELS, mode="multilabel")
    parts = [maps_of("signed_distances", channel, 2).double() for channel in target.unbind(1)]
    handed = loss(logits, target, signed_distances=torch.cat(parts, 1))
    assert handed.item() == pytest.approx(loss(logits, target).item())


def test_metrics_that_compare_the_classes_of_a_pixel_have_no_surrogate_of_multilabels() -> None:
    assert {name for name, metric in METRICS.items() if metric.multilabel == "none"} == {"kappa"}


SOFT = ("cross-entropy", "focal", "top-k-cross-entropy", "jaccard-metric", "dice-squared", "jdt")


def _target_of(kind: str, scores: Tensor) -> Tensor:
    return scores.softmax(1) if kind == "multiclass" else scores.sigmoid()


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize(
    ("classes", "mode"), [(4, "multiclass"), (1, "multiclass"), (3, "multilabel")]
)
def test_soft_targets(name: str, classes: int, mode: str) -> None:
    loss = load_loss(name, num_classes=classes, mode=mode, scale=1.0)
    scores = _logits(classes, seed=3)
    kind = "multiclass" if classes > 1 and mode == "multiclass" else "sigmoid"
    soft = _target_of(kind, scores)
    logits = _logits(classes).requires_grad_()
    value = loss(logits, soft)
    torch.autograd.backward(value)
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
    if name not in {"focal", "top-k-cross-entropy"}:  # whose least values lie elsewhere
        least = loss(scores, soft).item()
        assert least < value.item()
        leaf = scores.clone().requires_grad_()
        torch.autograd.backward(loss(leaf, soft))
        assert leaf.grad is not None
        for seed in range(4):
            assert loss(scores + 0.05 * _logits(classes, seed=seed), soft).item() > least
    # Of labels the value is that of labels; what is void touches nothing.
    hard = _target_of(kind, 1e4 * scores)
    on = hard.round()
    labelled = on.argmax(1) if kind == "multiclass" else on.long()
    assert loss(logits, on).item() == pytest.approx(loss(logits, labelled).item(), rel=1e-9)
    void = torch.zeros(soft.shape, dtype=torch.bool)
    void[:, :, :3] = True
    filler, filled = (
        (0.0 if kind == "multiclass" else VOID),
        logits.detach().masked_fill(void, torch.nan),
    )
    part = loss(filled, soft.masked_fill(void, filler))
    assert part.item() == pytest.approx(loss(logits[:, :, 3:], soft[:, :, 3:]).item(), rel=1e-9)


def test_soft_targets_are_those_of_torch() -> None:
    logits, soft = _logits(4), _logits(4, seed=3).softmax(1)
    own = load_loss("cross-entropy", num_classes=4, scale=1.0)(logits, soft)
    assert own.item() == pytest.approx(F.cross_entropy(logits, soft).item(), rel=1e-9)
    one, on = _logits(1), _logits(1, seed=3).sigmoid()
    binary = load_loss("cross-entropy", num_classes=1, scale=1.0)(one, on)
    expected = F.binary_cross_entropy_with_logits(one, on).item()
    assert binary.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in SOFT])
def test_other_losses_refuse_soft_targets_and_take_labels(name: str) -> None:
    target = labels(1, classes=2, void=0)
    inputs = _inputs(name, SIZE, target)
    loss, logits = _loss(name, 2), _logits(2)
    one_hot = F.one_hot(target, 2).movedim(-1, 1).double()
    if not all(getattr(part, "no_soft", "x") == "" for part in _parts(loss)):
        with pytest.raises(InputError, match="This loss takes no soft targets: "):
            loss(logits, 0.8 * one_hot + 0.1, **inputs)
    expected = loss(logits, target, **inputs).item()
    assert loss(logits, one_hot, **inputs).item() == pytest.approx(expected, rel=1e-6)


def test_what_is_no_probability_is_refused() -> None:
    loss, soft = load_loss("cross-entropy", num_classes=4), _logits(4, seed=3).softmax(1)
    for wrong in (2 * soft, -soft, soft * torch.nan):
        with pytest.raises(InputError, match="it holds probabilities"):
            loss(_logits(4), wrong)
