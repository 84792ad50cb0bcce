"""Metrics of other packages: installed, found, searched and evaluated; or left out and named."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from surrogate_zoo import METRICS
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.export import python_source
from surrogate_zoo.metrics.installed import add_installed
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.registry import Registry
from tests.conftest import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "own_metric"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the example package was installed into, with pip."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(EXAMPLE, folder / "source")
    options = [
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(folder / "target"),
    ]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "target"


def _run(program: str, folder: Path) -> str:
    path = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(CHECKOUT)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", path + program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_an_installed_metric_is_listed_without_torch(installed: Path) -> None:
    program = """
import json
from api.routes.metrics import list_metrics
listed = {metric.name: metric for metric in list_metrics().items}
assert "torch" not in sys.modules
print(listed["f05"].model_dump_json())
assert list(listed)[-1] == "f05" and listed["miou"].package is None
"""
    listed = json.loads(_run(program, installed))
    assert (listed["package"], listed["parameters"]) == ("own-metric", 12)
    assert listed["curves"] == ["and", "or"]


def test_its_module_may_be_imported_first(installed: Path) -> None:
    program = "import own_metric; from surrogate_zoo import METRICS; print(METRICS['f05'].package)"
    assert _run(program, installed).strip() == "own-metric"


def test_it_is_trained_with_and_evaluated_by_a_worker(installed: Path) -> None:
    program = """
import torch
torch.set_num_threads(1)
from surrogate_zoo import LOSSES, SegmentationEvaluator, load_loss
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.workers import tiny
from workers.tasks.proxy import Candidate
from workers.proxy.proxy import evaluate_pack

target = torch.arange(4).repeat(1, 4, 4)
pred = target.clone()
pred[0, 0, :4] = 0
evaluator = SegmentationEvaluator(4)
evaluator.update(pred, target)
logits = 1e4 * torch.nn.functional.one_hot(pred, 4).movedim(-1, 1).double()
loss = load_loss("naive-f05", num_classes=4)(logits, target)
assert abs(1 - loss.item() - evaluator.compute()["f05"]) < 1e-12

space = ParameterSpace("f05")
document = surrogate_document("found", "f05", space.control_points(space.start))
task = tiny.proxy_task(metric="f05")
[outcome] = evaluate_pack(task, [Candidate(0, document)], device="cpu")
assert outcome.error is None and outcome.score == outcome.metrics["f05"]
print(outcome.score)
"""
    assert 0 <= float(_run(program, installed)) <= 1


BROKEN = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "no-metric": ("entry = 'miou'", "InputError: no_metric:entry is a str, no surrogate_zoo"),
    "taken": ("entry = replace(METRICS['miou'], name='dice')", "lossfit has a metric named 'dice'"),
    "misnamed": ("entry = replace(METRICS['miou'], name='My IoU')", "its name must match"),
    "no-logic": (
        "entry = Metric('sizes', 'S', 'S.', '-', lambda _, maps: maps.total(maps.target).sum())",
        "never applies its logic",
    ),
    "no-attribute": ("", "AttributeError"),
}


def _write_package(folder: Path, name: str, body: str) -> None:
    """What an installed package of one module looks like on disk."""
    module = name.replace("-", "_")
    imports = "from dataclasses import replace\nfrom surrogate_zoo.metrics.catalogue import METRICS, Metric\n"
    (folder / f"{module}.py").write_text(imports + body)
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[lossfit.metrics]\n{name} = {module}:entry\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are found in; the registry has looked for its own before."""
    assert "miou" in METRICS
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_package_is_named_once_and_left_out(
    name: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body, reason = BROKEN[name]
    _write_package(folder, name, body)
    _write_package(folder, "zz-fine", "entry = replace(METRICS['miou'], name='other')")
    metrics = Registry("metric", METRICS.values())
    metrics.complete_by(add_installed)
    assert set(metrics) == {*METRICS, "other"}
    assert metrics["other"].package == "zz-fine"
    [message] = [record.message for record in caplog.records]
    assert f"of the package {name} is left out" in message
    assert reason in message


def test_of_two_packages_with_one_name_the_second_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for package in ("second", "first"):
        _write_package(folder, package, "entry = replace(METRICS['miou'], name='other')")
    metrics = Registry("metric", METRICS.values())
    add_installed(metrics)
    assert metrics["other"].package == "first"
    [record] = caplog.records
    assert (
        "package second is left out: InputError: first has a metric named 'other'" in record.message
    )


def test_one_python_file_cannot_hold_another_packages_metric(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = Metric("theirs", "T", "T.", "-", METRICS["miou"].function, package="their-package")
    monkeypatch.setitem(METRICS, "theirs", theirs)
    with pytest.raises(InputError, match="comes from the package their-package"):
        python_source(surrogate_document("mine", "theirs", {}))
