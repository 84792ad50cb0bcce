"""A loss exported as a Python file holds what it needs, and computes the same with torch alone."""

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from surrogate_zoo import LOSSES, load_loss, needs_of
from surrogate_zoo.loss_networks.storage import save
from surrogate_zoo.losses.document import signed, sum_document
from surrogate_zoo.losses.drafts import in_mode
from surrogate_zoo.losses.export import python_source
from surrogate_zoo.losses.sources import packages_of
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK
from tests.surrogate_zoo.batches import labels
from tests.surrogate_zoo.losses.supplies import CLASSES, call, heads, loss_networks

LONGEST = 2120
"""Lines of a file at most."""


def module_of(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of every loss of the zoo, and of a sum of two kinds."""
    folder = tmp_path_factory.mktemp("exported")
    terms = [(0.25, LOSSES["asl-bf1-voc"].document()), (2.0, LOSSES["dice"].document())]
    documents: dict[str, Mapping[str, Any]] = {name: LOSSES[name].document() for name in LOSSES}
    for name, document in {**documents, "both": sum_document("both", terms)}.items():
        (folder / f"{module_of(name)}.py").write_text(python_source(document), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def networks(exported: Path) -> dict[str, str]:
    """Loss networks as files, by kind: a class of the file's own does not know those of lossfit."""
    parameters = {EDGE_NETWORK: {"num_classes": CLASSES}, INVERSE_NETWORK: {"side": 16}}
    paths = {}
    for kind, network in loss_networks().items():
        paths[kind] = str(exported / f"{kind}.safetensors")
        save(network, paths[kind], kind=kind, parameters=parameters[kind], provenance={})
    return paths


@pytest.mark.parametrize("name", LOSSES)
def test_it_computes_the_same_bits(
    name: str, exported: Path, networks: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(exported)
    facts = {kind: path for kind, path in networks.items() if kind in needs_of(name).facts}
    loss = load_loss(name, num_classes=CLASSES, facts=facts)
    own = import_module(module_of(name)).load(num_classes=CLASSES, facts=facts)
    assert own.state_dict().keys() == loss.state_dict().keys()
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn((2, CLASSES + heads(name), 9, 11), generator=generator)
    found = []
    for each in (loss, own):
        leaf = scores.clone().requires_grad_()
        torch.manual_seed(0)
        value = call(name, each, leaf, labels(1))
        (gradient,) = torch.autograd.grad(value, leaf)
        found.append((value.item(), gradient))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("name", ["discriminative", "deep-metric"])
def test_losses_of_objects_compile_beside_those_of_lossfit(
    name: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(exported)
    for each in ("discriminative", "deep-metric"):
        import_module(module_of(each))
    losses = (
        load_loss(name, num_classes=CLASSES),
        import_module(module_of(name)).load(num_classes=CLASSES),
    )
    scores = torch.randn(
        (2, CLASSES + heads(name), 9, 11), generator=torch.Generator().manual_seed(1)
    )
    for loss in losses:
        compiled: Any = torch.compile(loss, fullgraph=True, backend="aot_eager")
        assert call(name, compiled, scores, labels(1)).item() == pytest.approx(
            call(name, loss, scores, labels(1)).item()
        )


def test_it_needs_neither_lossfit_nor_its_tests(exported: Path) -> None:
    # Runs with -I and an empty path but the export's folder.
    names = ["naive_bf1", "lovasz", "dice_boundary", "both"]
    program = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: __import__(name)\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(exported), *names],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not {"surrogate_zoo", "sqlalchemy", "scipy", "safetensors"} & set(
        json.loads(done.stdout)
    )


def test_it_holds_only_what_it_needs(exported: Path) -> None:
    lengths = {}
    for path in exported.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        lengths[path.stem] = len(text.splitlines())
        tree = ast.parse(text)
        imports = [
            alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        assert len(imports) == len(set(imports)), path.stem
        modules = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
        assert len(modules) == len(set(modules)), path.stem
        assert [name for name, count in Counter(_names(tree)).items() if count > 1] == []
    del lengths["both"]
    assert max(lengths.values()) < LONGEST, lengths
    miou = (exported / "naive_miou.py").read_text(encoding="utf-8")
    assert not any(
        other in miou
        for other in ("def bf1", "Lovasz", "class LinearFamily", "class BezierCurve", "scipy")
    )
    assert packages_of((exported / "dice.py").read_text(encoding="utf-8")) >= {"torch"}


def test_ruff_finds_nothing_in_it(exported: Path) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", str(exported)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def _names(tree: ast.Module) -> list[str]:
    """What a module defines on its own level."""
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [t.id for t in targets if isinstance(t, ast.Name)]
    return names


def test_a_title_cannot_break_out_of_the_docstring() -> None:
    document = {
        **LOSSES["naive-miou"].document(),
        "title": 'x""" + __import__("os").abort() + """\\',
    }
    source = python_source(signed(document))
    first = ast.parse(source).body[0]
    assert isinstance(first, ast.Expr)
    assert "__import__" in ast.literal_eval(first.value)


def test_a_loss_that_needs_more_says_so() -> None:
    told = {name: python_source(LOSSES[name].document()) for name in ("dice", "boundary", "semeda")}
    assert "Needs torch alone." in told["dice"]
    assert "Needs torch, numpy and scipy." in told["boundary"]
    assert "load(num_classes=21, facts={'edge_network': ...})" in told["semeda"]
    assert "safetensors" in packages_of(told["semeda"])


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
