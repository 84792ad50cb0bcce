"""What was found in a dataset, in the terminal."""

from collections.abc import Mapping
from typing import Any

from api.cli.output.console import print_table, tell


def print_report(name: str | None, report: Mapping[str, Any]) -> None:
    """Print images, classes and remarks.

    Args:
        name: What the dataset is called; None of one that is not registered.
        report: What was found in it, as JSON.
    """
    shares, present = report["class_shares"], report.get("present") or {}
    absent = {
        each: ", ".join(split for split, names in present.items() if each not in names)
        for each in report["classes"]
    }
    rows = [(each, f"{100 * shares[each]:.2f} %", absent[each]) for each in report["classes"]]
    print_table(("Class", "Pixels", "Absent from"), rows, empty="It has no classes.")
    tell("Images", ", ".join(f"{split} {count}" for split, count in report["images"].items()))
    tell("Void", f"{100 * report['void_share']:.2f} % of the pixels")
    if objects := report.get("instances"):
        told = f"{objects['objects']}, at most {objects['most']} an image, the smallest of "
        told += f"{objects['smallest']} pixels, {100 * objects['touching']:.1f} % touch another"
        tell("Objects", told)
    if overlaps := report.get("overlaps"):
        several, none = (f"{100 * overlaps[name]:.2f} %" for name in ("several", "none"))
        tell("Overlaps", f"{several} of the pixels have several classes, {none} none")
    for remark in report["remarks"]:
        tell("Remark", remark)
    if name is not None:
        tell("See it", f"lossfit datasets picture {name}")
        tell("Search on it", f"lossfit search miou {name}")
