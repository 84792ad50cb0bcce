"""Loss files: written and read back, checked by their sum, and refused with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo import LOSSES, SurrogateLoss, load_loss
from surrogate_zoo.errors import InputError, LossFileError, UnknownNameError
from surrogate_zoo.losses.document import (
    canonical,
    check_document,
    dump_loss_file,
    parse_loss_file,
    read_loss_file,
    signed,
    surrogate_document,
)
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.surrogate_zoo.batches import thetas


def _document(**changes: Any) -> dict[str, Any]:
    return signed({**LOSSES["asl-biou-voc"].document(), **changes})


@given(st.data())
def test_a_document_survives_its_file(data: st.DataObject) -> None:
    space = ParameterSpace("miou")
    points = space.control_points(data.draw(thetas(space.dimension)))
    notes = data.draw(
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3)
    )
    try:
        document = surrogate_document("mine", "miou", points, provenance={"notes": notes})
    except LossFileError:  # lone surrogates are no UTF-8
        with pytest.raises(UnicodeEncodeError):
            json.dumps(notes, ensure_ascii=False).encode()
        return
    assert parse_loss_file(dump_loss_file(document)) == document
    assert document["control_points"] == points


def test_the_checksum_covers_everything_but_itself() -> None:
    document = _document()
    assert json.loads(canonical(document)) == {k: v for k, v in document.items() if k != "sha256"}
    for field in set(document) - {"sha256", "schema", "kind"}:
        with pytest.raises(LossFileError, match="sha256"):
            check_document({**document, field: "changed"})


def _without(field: str) -> dict[str, Any]:
    return signed({k: v for k, v in _document().items() if k != field})


_BAD = {
    "a list": ([], "Not a loss file"),
    "another schema": (_document(schema="lossfit/loss/v9"), "Not a loss file"),
    "another kind": (_document(kind="magic"), "kind must be one of"),
    "a list for a kind": (_document(kind=[]), "kind must be one of"),
    "a field missing": (_without("metric"), r"misses the fields \['metric'\]"),
    "a field too many": (_document(extra=1), r"unknown fields \['extra'\]"),
    "a path for a name": (_document(name="../../etc/passwd"), "name must match"),
    "an unknown metric": (_document(metric="iou"), "no metric named"),
    "an unknown family": (_document(family="spline"), "no curve family"),
    "an unknown option": (_document(options={"colour": 1}), "no option"),
    "a huge tolerance": (_document(options={"tolerance": 10**9}), "tolerance"),
    "a bool tolerance": (_document(options={"tolerance": True}), "tolerance"),
    "too few points": (
        _document(control_points={"and": [0.5] * 6, "or": [0.5] * 5}),
        "control point",
    ),
    "mixed segments": (_document(control_points={"and": [0.5] * 6, "or": [0.5] * 2}), "segments"),
    "a curve missing": (_document(control_points={"and": [0.5] * 6}), "has the curves"),
    "a curve that falls": (
        _document(control_points={"and": [0.5] * 6, "or": [0.9, 0.9, 0.1, 0.1, 1, 1]}),
        "must rise",
    ),
    "text for a number": (_document(control_points={"and": ["a"] * 6, "or": [0.5] * 6}), "numbers"),
    "a scale of 0": (_document(scale=0), "scale must be a number above 0"),
    "a scale that no float holds": (_document(scale=10**400), "scale must be a number above 0"),
    "a bool for a scale": (_document(scale=True), "scale must be a number above 0"),
    "a draft": (_document(scale=None), "this is a draft"),
    "provenance as text": (_document(provenance="VOC"), "provenance must be"),
}


@pytest.mark.parametrize("case", _BAD)
def test_a_bad_document_is_refused_and_says_why(case: str) -> None:
    document, message = _BAD[case]
    with pytest.raises(LossFileError, match=message):
        check_document(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "Cannot read"),
        (b'{"schema": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "not valid JSON"),
        (b" " * (16 * 2**20 + 1), "larger than 16 MiB"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "loss.json"
    file.write_bytes(content)
    with pytest.raises(LossFileError, match=message):
        read_loss_file(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LossFileError, match="Cannot read the loss file"):
        load_loss(tmp_path / "none.json", num_classes=3)
    with pytest.raises(LossFileError, match="Cannot read the loss file"):
        load_loss("none.json", num_classes=3)
    with pytest.raises(UnknownNameError, match="cross-entropy"):
        load_loss("crossentropy", num_classes=3)


def test_a_file_can_be_loaded_with_other_options(tmp_path: Path) -> None:
    file = tmp_path / "loss.json"
    file.write_text(dump_loss_file(_document()))
    loss = load_loss(file, num_classes=3, tolerance=2, exclude_background=False)
    surrogate = loss.get_submodule("loss")
    assert isinstance(surrogate, SurrogateLoss)
    assert surrogate.tolerance == 2
    assert not surrogate.exclude_background
    with pytest.raises(InputError, match="takes no such option"):
        load_loss(file, num_classes=3, colour=1)


def test_names_that_no_file_may_have_are_no_files() -> None:
    handmade = (
        "focal",
        "dice",
        "tversky",
        "lovasz",
        "ssim",
        "dpce",
        "jaccard-metric",
        "boundary",
        "jdt",
    )
    expression = "+".join(f"0.1234567890123456789*{name}" for name in handmade)
    assert len(expression) > 255
    assert load_loss(expression, num_classes=3) is not None
    with pytest.raises(UnknownNameError, match="no loss named"):
        load_loss("x" * 300, num_classes=3)
    with pytest.raises(LossFileError):
        load_loss("x" * 300 + ".json", num_classes=3)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(LossFileError, match="plain JSON"):
        surrogate_document("mine", "macc", {}, provenance={"score": float("nan")})
