"""A comparison's table as Markdown, LaTeX or CSV: the same cells with the same marks. Light."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

from search_service.comparisons.results import HEADING, Mark, Table, Text
from search_service.pages.csv_cells import shown

Form = Literal["markdown", "latex", "csv"]

_MARKED: Final[Mapping[Mark | None, str]] = {"best": "**{}**", "tied": "*{}*", None: "{}"}
_IN_LATEX: Final[Mapping[Mark | None, str]] = {
    "best": r"\textbf{{{}}}",
    "tied": r"\underline{{{}}}",
    None: "{}",
}
_SPECIAL: Final = re.compile(r"([&%$#_{}])")


def markdown_rows(table: Table) -> Iterator[str]:
    """Lines of a Markdown table: best in bold, what cannot be told from it in italics."""
    titles, rows = cells_of(table)
    yield f"| {' | '.join(title.replace('|', chr(92) + '|') for title in titles)} |"
    yield "|---" * len(titles) + "|"
    for row in rows:
        yield f"| {' | '.join(_MARKED[cell.mark].format(cell.text) for cell in row)} |"


def markdown(table: Table) -> str:
    """The table with its legend."""
    legend = f"{HEADING}. **Best**; *not told from it* (paired t-test, Holm, 5%)."
    return "\n".join([legend, "", *markdown_rows(table)]) + "\n"


def latex(table: Table) -> str:
    """A ``tabular`` for the package booktabs: best in bold, what is not told from it underlined."""
    titles, rows = cells_of(table)
    lines = [
        f"% {HEADING}. Bold: best; underlined: not told from it (paired t-test, Holm, 5%).",
        r"\begin{tabular}{l" + "r" * (len(titles) - 1) + "}",
        r"\toprule",
        " & ".join(map(_escaped, titles)) + r" \\",
        r"\midrule",
        *(
            " & ".join(_IN_LATEX[cell.mark].format(_escaped(cell.text)) for cell in row) + r" \\"
            for row in rows
        ),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def comma_separated(table: Table) -> str:
    """The table with a mark beside every score: ``best``, ``tied`` or nothing."""
    titles, rows = cells_of(table)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([titles[0], *(part for title in titles[1:] for part in (title, "mark"))])
    for loss, *others in rows:
        told = [part for cell in others for part in (shown(cell.text), cell.mark or "")]
        writer.writerow([shown(loss.text), *told])
    return file.getvalue()


FORMS: Final[Mapping[Form, tuple[Callable[[Table], str], str, str]]] = {
    "markdown": (markdown, "text/markdown", "md"),
    "latex": (latex, "application/x-tex", "tex"),
    "csv": (comma_separated, "text/csv", "csv"),
}
"""Form -> what writes it, its media type, the ending of its files."""


def cells_of(table: Table) -> tuple[list[str], list[Sequence[Text]]]:
    """Titles and rows of the short table: loss, rank, then its columns."""
    columns = table.short
    texts = [table.texts(column) for column in columns]
    rows: list[Sequence[Text]] = []
    for row in table.shown:
        rank = table.ranks.get(row.name)
        name = row.name if not row.failures else f"{row.name} ({len(row.failures)} failed)"
        of_columns = [of_column.get(row.name, Text("")) for of_column in texts]
        rows.append([Text(name), Text("" if rank is None else f"{rank:.1f}"), *of_columns])
    return ["loss", "rank", *(column.title for column in columns)], rows


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("±", r"$\pm$").replace("·", r"$\cdot$")
