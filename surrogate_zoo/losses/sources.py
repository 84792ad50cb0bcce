"""This package's own source, module by module: what is defined, what is imported, and pieces of its text.

Needs no torch.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeGuard

_ROOT = Path(__file__).parents[1]
_PACKAGE: Final = _ROOT.name
_WIDTH: Final = 88
"""Of a line, as tools have it that nobody configured."""
_MARK = re.compile(r" *# noqa.*$", re.MULTILINE)
_SET = re.compile(r'\bsetattr\(([\w.]+), "(\w+)", (\w+)\)')
_BY_NAME: Final = ("getattr", "setattr", "hasattr")
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """Where a name comes from: ``from module import attribute``, or ``import module`` without one."""

    module: str
    attribute: str
    name: str

    @property
    def is_own(self) -> bool:
        """Whether it is of this package."""
        return self.module.partition(".")[0] == _PACKAGE


class Uses(NamedTuple):
    """What a piece of code uses.

    Attributes:
        names: Names that it does not bind itself, those in types too.
        attributes: Attributes that it asks for.
        parts: Attributes of names, as ``declarations.DICE``.
    """

    names: frozenset[str]
    attributes: frozenset[str]
    parts: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Source:
    """One module, parsed."""

    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Name -> the statement that defines it."""
        return {name: node for node in self.tree.body for name in _defined(node)}

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Name -> where it comes from, those for types alone too."""
        tops = [node.body if isinstance(node, ast.If) else [node] for node in self.tree.body]
        return {each.name: each for nodes in tops for node in nodes for each in _imported(node)}

    @cached_property
    def needs(self) -> list[str]:
        """The modules of this package that are imported when it is."""
        found = [each for node in self.tree.body for each in _imported(node) if each.is_own]
        return [module_of(each) for each in found]

    @cached_property
    def _used(self) -> dict[ast.AST, Uses]:
        return {}

    def uses(self, node: ast.AST) -> Uses:
        """What a piece of its code uses; looked up once."""
        if node not in self._used:
            self._used[node] = _uses_of(node)
        return self._used[node]

    def cut(self, node: ast.stmt, left_out: Iterable[ast.stmt] = ()) -> str:
        """The text of a statement with the comments above it, and a constant's docstring, without some parts.

        Of docstrings the first line is kept. What loads more of this package when it gets there is left out.
        """
        first, last = self._span(node)
        parts = [*left_out, *(each for each in ast.walk(node) if _loads_more(each))]
        gone = {line for part in parts for line in range(*self._span(part))}
        told = [each for part in (node, self._told(node)) for each in _docstrings(part)]
        gone |= {line for each in told for line in range(each.lineno, each.end_lineno or 0)}
        ends = {each.lineno - 1 for each in told if each.end_lineno != each.lineno}
        kept = [
            self.lines[line].rstrip() + '"""' * (line in ends)
            for line in range(first, last)
            if line not in gone
        ]
        return _SET.sub(r"\1.\2 = \3", _MARK.sub("", "\n".join(_without_gaps(kept))))

    def _span(self, node: ast.stmt) -> tuple[int, int]:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)]) - 1
        while first and self.lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return first, self._told(node).end_lineno or node.lineno

    def _told(self, node: ast.stmt) -> ast.stmt:
        """The docstring of a constant, else the statement itself."""
        if isinstance(node, ast.Assign | ast.AnnAssign) and node in self.tree.body:
            following = self.tree.body[self.tree.body.index(node) + 1 :][:1]
            if following and _is_text(following[0]):
                return following[0]
        return node


@cache
def source_of(module: str) -> Source:
    """A module of this package."""
    path = _ROOT.joinpath(*module.split(".")[1:])
    return Source(path.with_suffix(".py").read_text(encoding="utf-8"))


def _imported(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, "", alias.asname or alias.name)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield Import(str(node.module), alias.name, alias.asname or alias.name)


def is_module(each: Import) -> bool:
    """Whether what is imported is a module of this package."""
    return _ROOT.joinpath(*each.module.split(".")[1:], f"{each.attribute}.py").is_file()


def module_of(each: Import) -> str:
    """The module that an import of this package loads."""
    return f"{each.module}.{each.attribute}" if is_module(each) else each.module


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for each in (name for target in targets for name in ast.walk(target)):
            if isinstance(each, ast.Name):
                yield each.id


def methods_of(node: ast.stmt) -> list[Function]:
    """The methods of a class; of another statement none."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    return [each for each in body if isinstance(each, Function)]


def _docstrings(node: ast.stmt) -> Iterator[ast.stmt]:
    """The docstrings in a class or function, or the one that a statement is."""
    if _is_text(node):
        yield node
    for each in ast.walk(node):
        if isinstance(each, Function | ast.ClassDef) and _is_text(each.body[0]):
            yield each.body[0]


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _loads_more(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether this is a branch that imports more of this package: what it does is done without it, too."""
    inside = node.body if isinstance(node, ast.If) else []
    return any(found.is_own for each in inside for found in _imported(each))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """A piece of code, but what loads more of this package when it gets there."""
    yield node
    for each in ast.iter_child_nodes(node):
        if not _loads_more(each):
            yield from _walk(each)


def _uses_of(node: ast.AST) -> Uses:
    own, names, attributes, parts = bound_by(node), set(), set(), set()
    for each in _walk(node):
        if isinstance(each, ast.Name) and each.id not in own:
            names.add(each.id)
        elif isinstance(each, ast.Attribute):
            attributes.add(each.attr)
            if isinstance(each.value, ast.Name):
                parts.add((each.value.id, each.attr))
        elif isinstance(each, ast.Call):
            attributes.update(named_attributes(each))
    for text in annotations_of(node):
        inner = _uses_of(text)
        names |= inner.names
        attributes |= inner.attributes
    return Uses(frozenset(names), frozenset(attributes), frozenset(parts))


def bound_by(node: ast.AST) -> set[str]:
    """Names that a function binds: arguments and what it assigns."""
    if not isinstance(node, Function | ast.Lambda):
        return set()
    found = [each.arg for each in ast.walk(node) if isinstance(each, ast.arg)]
    found += [
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]
    return set(found)


def named_attributes(call: ast.Call) -> Iterator[str]:
    """The attribute that ``getattr`` and its like name."""
    if isinstance(call.func, ast.Name) and call.func.id in _BY_NAME and len(call.args) > 1:
        name = call.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield name.value


def annotations_of(node: ast.AST) -> Iterator[ast.expr]:
    """Types that are written as text, parsed."""
    for each in ast.walk(node):
        found: list[ast.expr | None] = []
        if isinstance(each, ast.arg):
            found = [each.annotation]
        elif isinstance(each, Function):
            found = [each.returns]
        elif isinstance(each, ast.AnnAssign):
            is_alias = isinstance(each.annotation, ast.Name) and each.annotation.id == "TypeAlias"
            found = [each.annotation, each.value if is_alias else None]
        for expression in filter(None, found):
            for part in ast.walk(expression):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield ast.parse(part.value, mode="eval").body


def _without_gaps(lines: list[str]) -> Iterator[str]:
    """Lines without blank ones in a row, and without those at the end."""
    while lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        if line or (number and lines[number - 1]):
            yield line


def import_block(imports: Iterable[Import]) -> str:
    """Import statements, one a module, those of the standard library first, sorted as ruff does."""
    groups: dict[bool, list[Import]] = {}
    for each in imports:
        known = each.module.partition(".")[0] in sys.stdlib_module_names
        groups.setdefault(not known, []).append(each)
    return "\n\n".join("\n".join(_statements(groups[other])) for other in sorted(groups))


def _statements(imports: Iterable[Import]) -> Iterator[str]:
    by_module: dict[str, list[Import]] = {}
    for each in sorted(imports):
        if each.attribute:
            by_module.setdefault(each.module, []).append(each)
        else:
            yield f"import {each.module}" + (f" as {each.name}" if each.name != each.module else "")
    for module, named in sorted(by_module.items()):
        names = [
            each.attribute + (f" as {each.name}" if each.name != each.attribute else "")
            for each in sorted(named, key=_by_type)
        ]
        line = f"from {module} import {', '.join(names)}"
        inside = "".join(f"    {name},\n" for name in names)
        yield line if len(line) <= _WIDTH else f"from {module} import (\n{inside})"


def _by_type(each: Import) -> tuple[int, str]:
    """Constants before classes before functions."""
    name = each.attribute
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()


def packages_of(text: str) -> set[str]:
    """The packages that a program imports, wherever in it."""
    found = [each for node in ast.walk(ast.parse(text)) for each in _imported(node)]
    return {each.module.partition(".")[0] for each in found}


def text_of(source: Source, node: ast.expr) -> str:
    """A constant text, or that which a name stands for."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        if node.id in source.definitions:
            return text_of(source, getattr(source.definitions[node.id], "value"))  # noqa: B009
        found = source.imports[node.id]
        other = source_of(found.module)
        return text_of(other, getattr(other.definitions[found.attribute], "value"))  # noqa: B009
    raise TypeError(f"{ast.unparse(node)} is no text")
