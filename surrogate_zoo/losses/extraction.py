"""One text that stands alone: code, and of this package's own source all that it uses and nothing else.

Definitions are followed by the names in them. Of a class, those methods are kept whose name is asked for
anywhere in what is kept, and those that Python and torch call by themselves. Of a table (a registry, or
a mapping) those entries are kept that the caller names. Imports of other packages are gathered, each once.
Needs no torch.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Final, NamedTuple

from surrogate_zoo.losses.sources import (
    Function,
    Import,
    Source,
    is_module,
    methods_of,
    module_of,
    source_of,
    text_of,
)

_CALLED_FROM_OUTSIDE: Final = (
    *("forward", "backward", "setup_context", "vmap", "extra_repr", "train", "_apply"),
    *("check_values", "process_group"),  # whoever trains sets them
)


class Definition(NamedTuple):
    """What a module defines on its own level."""

    module: str
    name: str


@dataclass
class Extraction:
    """What is kept, as it is found.

    Attributes:
        tables: Name of a table -> keys of the entries that are kept.
        uncalled: Class and name of methods that nobody calls here, though others of their name are.
        kept: The definitions, in the order in which they were found.
        outside: Imports of other packages.
        asked: Names of attributes that are asked for.
        methods: Class and name of the methods that are kept.
    """

    tables: Mapping[str, Collection[str]]
    uncalled: Collection[tuple[str, str]] = ()
    kept: dict[Definition, ast.stmt] = field(default_factory=dict)
    outside: set[Import] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    methods: set[tuple[Definition, str]] = field(default_factory=set)

    def follow(self, code: str) -> None:
        """Keep all that a program uses, which imports it by name."""
        program = Source(code)
        self._scan(program, program.tree)
        while any(self._keep_asked_methods(each) for each in list(self.kept)):
            pass

    def _want(self, source: Source, module: str, name: str) -> None:
        if name in source.definitions and module:
            self._keep(Definition(module, name))
        elif (found := source.imports.get(name)) is not None:
            self._want_import(found)

    def _want_import(self, found: Import) -> None:
        if not found.is_own:
            self.outside.add(found)
        elif module_of(found) == found.module:  # else it is a module, whose attributes are followed
            self._want(source_of(found.module), found.module, found.attribute)

    def _keep(self, definition: Definition) -> None:
        source = source_of(definition.module)
        node = source.definitions[definition.name]
        if definition in self.kept:
            return
        self.kept[definition] = node
        if definition.name in self.tables:
            for part in _entries(source, definition.module, node, self.tables[definition.name]):
                self._scan(source, part, definition.module)
        elif isinstance(node, ast.ClassDef):
            parts: tuple[ast.AST, ...] = (
                *node.decorator_list,
                *node.bases,
                *node.keywords,
                *node.body,
            )
            for each in parts:
                if not isinstance(each, Function):
                    self._scan(source, each, definition.module)
        else:
            self._scan(source, node, definition.module)

    def _keep_asked_methods(self, definition: Definition) -> bool:
        """Keep the methods of a class that are asked for by now; whether there were more."""
        node, more = self.kept[definition], False
        for method in methods_of(node):
            key = (definition, method.name)
            uncalled = (definition.name, method.name) in self.uncalled
            if key not in self.methods and not uncalled and self._is_asked(method.name):
                self.methods.add(key)
                source = source_of(definition.module)
                for each in methods_of(node):
                    if each.name == method.name:  # a property and its setter
                        self._scan(source, each, definition.module)
                more = True
        return more

    def _is_asked(self, method: str) -> bool:
        dunder = method.startswith("__") and method.endswith("__")
        return dunder or method in _CALLED_FROM_OUTSIDE or method in self.asked

    def _scan(self, source: Source, node: ast.AST, module: str = "") -> None:
        """Follow the names in a piece of code; those that a function binds itself are its own."""
        uses = source.uses(node)
        self.asked |= uses.attributes
        for name in sorted(uses.names):
            self._want(source, module, name)
        for name, attribute in sorted(uses.parts):
            found = source.imports.get(name)
            if found is not None and found.is_own and is_module(found):
                home = module_of(found)  # ``declarations.DICE``
                self._want(source_of(home), home, attribute)

    def text(self) -> str:
        """All that is kept, in an order in which it can be executed."""
        graph: dict[str, list[str]] = {}
        waiting = sorted({each.module for each in self.kept})
        while waiting:
            module = waiting.pop()
            graph[module] = source_of(module).needs
            waiting += sorted(set(graph[module]) - graph.keys())
        text, before = "", ""
        for module in TopologicalSorter(graph).static_order():
            for piece in self._pieces(module):
                close = bool(before) and not _is_block(before) and not _is_block(piece)
                text += ("\n" if close else "\n\n\n" if text else "") + piece
                before = piece
        return text

    def _pieces(self, module: str) -> Iterator[str]:
        source = source_of(module)
        names = {id(node): each for each, node in self.kept.items() if each.module == module}
        aliases = [each.name for each in source.imports.values() if each.is_own and is_module(each)]
        for node in source.tree.body:
            if id(node) not in names:
                continue
            definition = names[id(node)]
            text = self._piece(source, definition, node)
            for alias in aliases:
                text = text.replace(f"{alias}.", "")
            yield text

    def _piece(self, source: Source, definition: Definition, node: ast.stmt) -> str:
        if definition.name in self.tables:
            return _table(source, definition, node, self.tables[definition.name])
        gone = [each for each in methods_of(node) if (definition, each.name) not in self.methods]
        return source.cut(node, gone)


def _is_block(piece: str) -> bool:
    """Whether a piece is a class or a function."""
    code = [line for line in piece.splitlines() if line and not line.startswith("#")]
    return code[0].startswith(("class ", "def ", "@"))


def _entries(source: Source, module: str, node: ast.stmt, keys: Collection[str]) -> list[ast.expr]:
    """The entries of a table that are kept, of a mapping with their keys."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        kept = [pair for pair in pairs if pair[0] is not None and text_of(source, pair[0]) in keys]
        return [part for pair in kept for part in pair if part is not None]
    listed = value.args[1] if isinstance(value, ast.Call) else None
    if not isinstance(listed, ast.Tuple | ast.List):
        raise TypeError(f"{module} has no table {ast.unparse(node)[:40]!r}")
    return [
        each
        for each in listed.elts
        if isinstance(each, ast.Call) and text_of(source, each.args[0]) in keys
    ]


def _table(source: Source, definition: Definition, node: ast.stmt, keys: Collection[str]) -> str:
    """A table with the entries that are kept, as a mapping."""
    parts = _entries(source, definition.module, node, keys)
    texts = [ast.get_source_segment(source.text, part) or "" for part in parts]
    if not texts:
        return f"{definition.name} = {{}}"
    if isinstance(getattr(node, "value", None), ast.Dict):
        pairs = zip(texts[::2], texts[1::2], strict=True)
        inside = "".join(f"    {key}: {value},\n" for key, value in pairs)
        return f"{definition.name} = {{\n{inside}}}"
    inside = "".join(f"        {text},\n" for text in texts)
    return f"{definition.name} = {{\n    entry.name: entry\n    for entry in (\n{inside}    )\n}}"
