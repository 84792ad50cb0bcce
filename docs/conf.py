"""How the documentation is built: ``make docs``. Needs no network, and its pages load nothing from one."""

import inspect
import json
import logging
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# The theme's colours of code (accessible-pygments) set the root logger up for INFO where nobody has, and
# libraries that autodoc imports then tell what they set up.
logging.basicConfig(level=logging.WARNING)

project = "lossfit"
author = "the lossfit developers"
language = "en"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.openapi",
    "sphinxcontrib.typer",
]
root_doc = "docs/index"
# The sources are the checkout's pages, so that links to all of them hold here as on disk.
include_patterns = [
    "CONTRIBUTING.md",
    "docs/**.md",
    "docs/**/*.md",
    "benchmarks/results/**.md",
    "examples/*/README.md",
]
exclude_patterns = ["docs/_build"]

html_theme = "furo"
html_title = "lossfit"
html_copy_source = False

myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes and members of a class would be described twice
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "__init__,__new__,model_config"}
python_maximum_signature_line_length = 80


def without_signature(
    _app: Sphinx, what: str, _name: str, target: object, *_rest: object
) -> tuple[str, str] | None:
    """A model's fields are told one by one; its signature would repeat them on ten lines."""
    is_model = what == "class" and inspect.isclass(target) and issubclass(target, BaseModel)
    return ("", "") if is_model else None


def with_defaults(
    _app: Sphinx, what: str, _name: str, target: Any, _options: object, lines: list[str]
) -> None:
    """Add a table of a model's fields and defaults, those of its bases included."""
    if what != "class" or not issubclass(target, BaseModel) or not target.model_fields:
        return
    lines += ["", ".. list-table::", "   :header-rows: 1", "", "   * - field", "     - default"]
    for name, field in target.model_fields.items():
        default = field.get_default(call_default_factory=True)
        text = "required" if field.is_required() else f"``{shown(default)}``"
        lines += [f"   * - ``{name}``", f"     - {text}"]


def shown(default: object) -> str:
    """A default as a request would have it, nested models by the name of their class."""
    return json.dumps(default, default=lambda model: f"{type(model).__name__}()")


def write_openapi(_app: Sphinx) -> None:
    """Write the description of the REST interface as the reference reads it."""
    description = json.loads((HERE / "reference" / "openapi.json").read_text(encoding="utf-8"))
    for operation in (op for path in description["paths"].values() for op in path.values()):
        # Ranges of codes are no codes to Sphinx; that every error is a problem is told once.
        for code in [code for code in operation["responses"] if code.endswith("XX")]:
            del operation["responses"][code]
    target = HERE / "_build" / "openapi.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(description))


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("builder-inited", write_openapi)
    app.connect("autodoc-process-signature", without_signature)
    app.connect("autodoc-process-docstring", with_defaults)
