"""A loss exported as a Python file computes the same with torch alone."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import sum_document
from surrogate_zoo.losses.drafts import in_mode
from surrogate_zoo.losses.export import python_source
from tests.surrogate_zoo.batches import labels

SURROGATES = [name for name in LOSSES if LOSSES[name].document()["kind"] == "surrogate"]

# Runs with -I and an empty path but the export's folder: neither this project nor the tests are seen.
_RUN = """
import sys, json
sys.path.insert(0, sys.argv[1])
import torch
results = {}
for name in sys.argv[2:]:
    loss = __import__(name).load(num_classes=4)
    batch = torch.load(sys.argv[1] + "/batch.pt", weights_only=True)
    logits = batch["logits"].requires_grad_()
    value = loss(logits, batch["target"])
    (gradient,) = torch.autograd.grad(value, logits)
    numbers = value, gradient.double().sum(), gradient.abs().max()
    results[name] = [number.item().hex() for number in numbers]
print(json.dumps({"results": results, "modules": sorted(m.split(".")[0] for m in sys.modules)}))
"""


def test_the_export_computes_the_same_bits_with_torch_alone(tmp_path: Path) -> None:
    target, logits = labels(1, size=(2, 30, 30)), torch.randn(2, 4, 30, 30)
    torch.save({"logits": logits, "target": target}, tmp_path / "batch.pt")
    losses = {name.replace("-", "_"): LOSSES[name].document() for name in SURROGATES}
    terms = [(0.25, LOSSES["asl-miou-voc"].document()), (2.0, LOSSES["naive-bf1"].document())]
    losses["both"] = sum_document("both", terms)
    for module, document in losses.items():
        (tmp_path / f"{module}.py").write_text(python_source(document))
    done = subprocess.run(
        [sys.executable, "-I", "-c", _RUN, str(tmp_path), *losses],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert not {"surrogate_zoo", "segmentation_models_pytorch", "sqlalchemy"} & set(
        report["modules"]
    )
    for module, document in losses.items():
        leaf = logits.clone().requires_grad_()
        value = load_loss(document, num_classes=4)(leaf, target)
        (gradient,) = torch.autograd.grad(value, leaf)
        expected = [value.item(), gradient.double().sum().item(), gradient.abs().max().item()]
        assert report["results"][module] == [number.hex() for number in expected], module


def test_no_name_is_defined_twice() -> None:
    tree = ast.parse(python_source(LOSSES["asl-miou-voc"].document()))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    assert len(names) == len(set(names))


def test_a_title_cannot_break_out_of_the_docstring() -> None:
    from surrogate_zoo.losses.document import signed

    document = {
        **LOSSES["naive-miou"].document(),
        "title": 'x""" + __import__("os").abort() + """\\',
    }
    source = python_source(signed(document))
    first = ast.parse(source).body[0]
    assert isinstance(first, ast.Expr)
    assert "__import__" in ast.literal_eval(first.value)


def test_a_handmade_loss_cannot_be_exported() -> None:
    dice = LOSSES["dice"].document()
    for document in (
        dice,
        sum_document("beside", [(1.0, LOSSES["naive-miou"].document()), (1.0, dice)]),
    ):
        with pytest.raises(InputError, match="'dice' is a handmade loss"):
            python_source(document)


def test_the_export_of_a_multilabel_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = [(1.0, LOSSES[name].document()) for name in ("asl-miou-voc", "naive-dice")]
    document = in_mode(sum_document("organs", terms), "multilabel")
    (tmp_path / "organs_loss.py").write_text(python_source(document))
    monkeypatch.syspath_prepend(tmp_path)
    logits = torch.randn(2, 3, 9, 11)
    target = torch.stack([labels(seed, classes=2) for seed in range(3)], 1)
    value = import_module("organs_loss").load(num_classes=3)(logits, target)
    assert value.item() == load_loss(document, num_classes=3)(logits, target).item()
