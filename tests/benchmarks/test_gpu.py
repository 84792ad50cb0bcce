"""All that needs a GPU runs to its last line on a CPU, in tiny sizes."""

from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu import PARTS, Part, main


@pytest.mark.slow  # 20 s: five processes
def test_everything_runs_in_tiny_sizes(tmp_path: Path) -> None:
    assert main(["--tiny", "--out", str(tmp_path)]) == 0
    said = {name: (tmp_path / f"{name}.md").read_text() for name in PARTS}
    for name, text in said.items():
        assert text.startswith(f"`python -m {PARTS[name].tiny[0]}")
        assert "Traceback" not in text
    assert said["losses"].count("| 1 x 3 x 20 x 24 |") == 32
    assert said["step"].count("## ") == 10
    assert "2 of 2 candidates" in said["search"]


def test_all_of_it_takes_less_than_25_minutes() -> None:
    assert sum(part.seconds for part in PARTS.values()) < 25 * 60


def test_a_part_that_fails_or_hangs_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {
        "broken": Part((), ("no.such.module",), 60),
        "hanging": Part((), ("http.server", "0", "--bind", "127.0.0.1"), 1),
        "sound": Part((), ("this",), 60),
    }
    monkeypatch.setattr(gpu, "PARTS", parts)
    assert main(["--tiny", "--out", str(tmp_path), "--parts", *parts]) == 2
    assert "failed with status 1" in (tmp_path / "broken.md").read_text()
    assert "stopped after 1 s" in (tmp_path / "hanging.md").read_text()
    assert "done" in (tmp_path / "sound.md").read_text()


def test_without_a_gpu_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit):
        main([])
    assert "There is no GPU here; --tiny" in capsys.readouterr().err
