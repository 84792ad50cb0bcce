"""The table of real searches: means over searches by contender, and gaps to PPO2."""

from typing import Any

from benchmarks.samplers.confirm import BUDGET, CONTENDERS, rows


def run(contender: str, seed: int, *scores: float) -> dict[str, Any]:
    return {"contender": contender, "seed": seed, "scores": list(scores)}


def test_every_contender_has_a_row_with_the_mean_of_its_searches() -> None:
    levels = {"start": 0.25, **{name: 0.5 + n / 16 for n, name in enumerate(CONTENDERS)}}
    runs = [
        run(name, seed, level + 0.01 * seed, level - 0.01 * seed)
        for name, level in levels.items()
        for seed in range(3)
    ]
    head, _, *lines = rows(runs)
    assert f"after {BUDGET} trainings" in head
    assert [line.split("|")[1].strip() for line in lines] == ["start", *CONTENDERS]
    for line, level in zip(lines, levels.values(), strict=True):
        assert f"{100 * level:.2f}" in line.split("|")[2] or f"{100 * level:.1f}" in line
    gaps = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in lines}
    assert gaps["ppo2"] == ""
    assert gaps["start"].startswith("-")
    assert gaps["gp"].startswith("-")
    assert gaps["random"].startswith("+")


def test_every_contender_has_the_same_budget() -> None:
    for options in CONTENDERS.values():
        spent = options.get("trials") or options["steps"] * options["samples"]
        assert spent == BUDGET
