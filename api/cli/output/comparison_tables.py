"""The results of a comparison as tables of the terminal, as wide as that is and no wider."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as TerminalTable
from rich.text import Text as StyledText

from search_service.comparisons.columns import Column, is_near_borders
from search_service.comparisons.results import HEADING, Mark, Results, Table, Text
from surrogate_zoo.errors import InputError

_STYLES: Mapping[Mark | None, str] = {"best": "bold", "tied": "italic", None: ""}
_LOSS_SHARE = 0.4
"""Share of the width that names of losses take at most; longer ones are folded."""
_FRAME = 3
"""Characters that a column takes beside its text."""


@dataclass(frozen=True)
class _Strip:
    """One column as texts, by loss."""

    title: str
    texts: Mapping[str, Text]

    @property
    def width(self) -> int:
        """That of its longest text; a title may break between its words."""
        texts = [text.text for text in self.texts.values()]
        return max(map(len, [*texts, *self.title.split()]))


def print_results(
    console: Console,
    results: Results,
    what: str,
    metrics: Sequence[str] = (),
    *,
    boundary: bool = False,
) -> None:
    """Print one table for each network; columns that do not fit go on in a table below.

    Args:
        console: Where to.
        results: The results.
        what: Dataset and split, for the heading.
        metrics: Names of the scores to show; none takes the columns of short tables.
        boundary: Show the measures near borders instead.

    Raises:
        InputError: There is no such score.
    """
    chosen = [_chosen(table, metrics, boundary=boundary) for table in results.tables]
    console.print(
        f"{what}. {HEADING}. [bold]Best[/bold]; [italic]not told from it[/italic] (paired t-test, "
        "Holm, 5%).",
        highlight=False,
    )
    for table, columns in zip(results.tables, chosen, strict=True):
        console.print(f"\n[bold]{table.name}[/bold]", highlight=False)
        for part in _parts(table, columns, console.width):
            console.print(part)
        for note in table.notes():
            console.print(note, highlight=False, markup=False)


def _chosen(table: Table, metrics: Sequence[str], *, boundary: bool) -> list[Column]:
    if boundary:
        columns = [column for column in table.scores if is_near_borders(column)]
    elif metrics:
        by_name = {column.name: column for column in table.columns}
        if missing := [name for name in metrics if name not in by_name]:
            raise InputError(
                f"There is no such score that all of these retrainings have: {', '.join(missing)}. "
                f"There are: {', '.join(by_name)}."
            )
        columns = [by_name[name] for name in metrics]
    else:
        return table.short
    if not columns:
        raise InputError("There is no score near borders that all of these retrainings have.")
    return columns


def _parts(table: Table, columns: Sequence[Column], width: int) -> Iterator[TerminalTable]:
    """Tables of at most ``width`` characters, every one with the names of the losses."""
    names = {
        row.name: f"{row.name} ({len(row.failures)} failed)" if row.failures else row.name
        for row in table.shown
    }
    seeds = {row.name: Text(str(len(row.outcomes))) for row in table.shown}
    ranks = {loss: Text(f"{rank:.1f}") for loss, rank in table.ranks.items()}
    strips = [_Strip("seeds", seeds), _Strip("rank", ranks)]
    strips += [_Strip(column.title, table.texts(column)) for column in columns]
    first = min(int(_LOSS_SHARE * width), max(map(len, names.values())))
    room = width - first - _FRAME - 1
    part: list[_Strip] = []
    for strip in strips:
        if part and sum(each.width + _FRAME for each in [*part, strip]) > room:
            yield _part(names, first, part)
            part = []
        part.append(strip)
    yield _part(names, first, part)


def _part(names: Mapping[str, str], first: int, strips: Sequence[_Strip]) -> TerminalTable:
    part = TerminalTable()
    part.add_column("loss", width=first, overflow="fold")
    for strip in strips:
        part.add_column(strip.title, justify="right", width=strip.width)
    for loss, name in names.items():
        cells = [strip.texts.get(loss, Text("")) for strip in strips]
        part.add_row(
            StyledText(name), *(StyledText(cell.text, _STYLES[cell.mark]) for cell in cells)
        )
    return part
