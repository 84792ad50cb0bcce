"""Networks of other packages: installed, listed without torch, trained; or left out and named."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.registry import Registry
from tests.conftest import CHECKOUT
from tests.workers import tiny
from workers.learning.batches import TrainingBatch
from workers.learning.learner import Learner
from workers.networks.architectures import ARCHITECTURES, Architecture, add_installed
from workers.networks.build import build_network
from workers.tasks.networks import NetworkSpec

EXAMPLE = CHECKOUT / "examples" / "own_network"
OWN = NetworkSpec(architecture="small-fcn", encoder=None, options={"width": 8})


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


def test_an_installed_network_is_listed_without_torch_and_without_its_code(installed: Path) -> None:
    program = f"""
import sys; sys.path[:0] = [{str(installed)!r}, {str(CHECKOUT)!r}]
from api.routes.networks import list_networks
*_, last = list_networks().items
print(last.name, last.package, last.summary, sep="|")
assert not {{"torch", "own_network"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "small-fcn|own-network|A small network for lossfit."


def test_an_installed_network_learns(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(installed))
    registry = Registry[Architecture]("network architecture", ())
    add_installed(registry)
    monkeypatch.setitem(ARCHITECTURES, "small-fcn", registry["small-fcn"])
    network = build_network(OWN, 3)
    training = tiny.training(iterations=40, learning_rate=0.1, auxiliary_weight=0.4)
    loss = load_loss("boundary-cross-entropy", num_classes=3)
    learner = Learner(network, loss, training, torch.device("cpu"), inputs=["boundary_logits"])
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((4, 3, 33, 47), generator=generator)
    batch = TrainingBatch(images, (images.mean(1) > 0).long(), {})
    losses = []
    for step in range(40):
        learner.step(step, batch)
        losses.append(learner.recent_loss(1))
    assert learner.failure is None
    assert losses[-1] < 0.9 * losses[0]
    for changes, message in (
        ({"encoder": "resnet18"}, "small-fcn has no encoder to choose"),
        ({"weights": "imagenet"}, "small-fcn has no encoder to choose"),
        (
            {"options": {"depth": 3}},
            "no option of small-fcn named 'depth'. Did you mean 'width'",
        ),
    ):
        with pytest.raises(InputError, match=message):
            build_network(OWN.model_copy(update=changes), 3)


def _write_package(folder: Path, name: str, network: str, body: str = "") -> None:
    """What an installed package of one module looks like on disk."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(body)
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[lossfit.networks]\n{network} = {module}:entry\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are found in; the registry has looked for its own before."""
    assert "Unet" in ARCHITECTURES
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_name_that_is_taken_or_strange_is_left_out_and_logged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for package, network in (("a-b", "Unet"), ("c", "my net"), ("d", "fine"), ("e", "fine")):
        _write_package(folder, package, network)
    registry = Registry("network architecture", ARCHITECTURES.values())
    registry.complete_by(add_installed)
    assert set(registry) == {*ARCHITECTURES, "fine"}
    assert registry["fine"].package == "d"
    taken, strange, second = [record.message for record in caplog.records]
    assert "of the package a-b is left out: lossfit has a network named 'Unet'" in taken
    assert "its name must match" in strange
    assert "of the package e is left out: d has a network named 'fine'" in second


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1 / 0", "cannot be loaded from broken:entry of the package broken: ZeroDivisionError"),
        ("", "AttributeError"),
        ("entry = 3", "is a int; it must be a class or a function"),
    ],
)
def test_a_network_that_cannot_be_imported_says_so_when_it_is_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    _write_package(folder, "broken", "broken-net", body)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    entry = Architecture("broken-net", "", "", "broken:entry", package="broken")
    monkeypatch.setitem(ARCHITECTURES, "broken-net", entry)
    with pytest.raises(InputError, match=message):
        build_network(NetworkSpec(architecture="broken-net", encoder=None), 2)


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no network architecture named 'FCN'.*OCRNet"):
        ARCHITECTURES["FCN"]
