"""The table of surrogates on a GPU, to its last line on the CPU."""

import pytest

from benchmarks.gpu_losses import main


def _lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[list[str]]:
    size = ["--size", "1", "3", "20", "24"]
    main([*size, "--device", "cpu", "--rounds", "1", "--losses", "asl-macc-voc", "dice", *words])
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "1 x 3" in line]


@pytest.mark.slow  # 5 s, for the compiler's import
def test_every_loss_has_its_row_by_dtype_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    found = _lines(capsys, "--backend", "eager")
    names = [(dtype, name, run) for _, dtype, name, run, *_ in found]
    eager = ["F.cross_entropy", "asl-macc-voc", "dice"]
    assert names == [
        (dtype, name, run)
        for run, listed in (("eager", eager), ("kernels", eager[1:2]), ("compiled", eager[:2]))
        for dtype in ("bfloat16", "float32")
        for name in listed
    ]
    assert all(float(ratio) > 0 for _, _, _, run, _, ratio, *_ in found if run != "kernels")
    assert all(ms == "needs a GPU" for _, _, _, run, ms, *_ in found if run == "kernels")


@pytest.mark.slow
def test_what_does_not_compile_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = _lines(capsys, "--backend", "no such")
    assert all(run != "compiled" or ms.startswith("fails: ") for _, _, _, run, ms, *_ in found)


def test_what_comes_too_late_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = _lines(capsys, "--seconds", "0")
    assert len(found) == 12
    assert all(ms == "out of time" for _, _, _, _, ms, *_ in found)
