"""Sums beside single losses: who is trained, and who is told first."""

from pathlib import Path

from benchmarks.searches import ALL
from benchmarks.sums import CUTS, candidates, missing, parse, written

LOSSES = ["cross-entropy", "lovasz", "dice"]
WORDS = ["--root", "/data", "--out", "/out", "--losses", *LOSSES, "--pack", "2"]


def test_every_loss_is_trained_alone_and_beside_every_other() -> None:
    drafts = candidates(LOSSES, 0.1)
    assert len(drafts) == 2 * 3 + 3
    rate, draft = drafts["lovasz + dice x3"]
    assert round(rate, 6) == 0.3
    assert [term["weight"] for term in draft["terms"]] == [0.5, 0.5]
    packs = list(missing(parse(WORDS), {"val 0 lovasz x1": None}))
    keys = [key for _, pack in packs for key in pack]
    assert sorted(keys) == sorted(
        f"{split} 0 {name}"
        for split in CUTS
        for name in drafts
        if (split, name) != ("val", "lovasz x1")
    )
    splits = {task.hold_out.split for task, _ in packs}
    assert splits == {None, "val"}


def test_the_first_of_the_hold_out_set_is_told_with_its_score_on_val(tmp_path: Path) -> None:
    def score(split: str, name: str, value: float) -> tuple[str, dict[str, float]]:
        return f"{split} 0 {name}", dict.fromkeys(ALL, value)

    scores = dict(
        score(split, name, value)
        for name, held, val in (
            ("lovasz x1", 0.5, 0.4),
            ("dice x3", 0.45, 0.6),
            ("lovasz + dice x3", 0.52, 0.55),
        )
        for split, value in (("train", held), ("val", val))
    )
    rows = list(written(parse([*WORDS, "--out", str(tmp_path)]), {**scores}))
    assert rows[-6] == "| mIoU | lovasz x1 | 50.0 | 40.0 | lovasz + dice x3 | 52.0 | 55.0 |"
