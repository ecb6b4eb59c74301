"""Which code a stage's script can reach: names are followed from definition to definition, nothing is run.

A function that a stage never names is not among its code, though its file is; what runs when a file is
imported is. Where a name cannot be followed (a module handed on as a value), all of its file counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path

PACKAGE = "crosshash"
DATA = (".html", ".css", ".csv")
"""Endings of package data: templates and tables, which count as code of the modules beside them."""

Names = tuple[str, ...]
"""A name and the attributes read from it: `a.b.c` is ("a", "b", "c")."""


@dataclass(frozen=True)
class Module:
    """A file of code: statements by the name they bind, those that run on import and bind none, and imports,
    which are among the former.
    """

    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)
    imports: list[ast.stmt] = field(default_factory=list)


@dataclass(frozen=True)
class Reached:
    """What a script can reach: `modules`, the bound names used by dotted name of the module; `data` files."""

    modules: dict[str, set[str]]
    data: tuple[Path, ...]


def reach(script: Path, root: Path, chosen: Mapping[str, str]) -> Reached:
    """Follow the names of a script through the package.

    root: folder of the package. chosen: for packages whose modules are found by name, such as
    `crosshash.methods`, the one module that counts.
    """
    code = Code(root, chosen)
    module = parse(script)
    for statement in [*module.loose, *chain.from_iterable(module.bound.values())]:
        code.follow(statement, script.stem, module)
    code.settle()
    folders = sorted({file.parent for name in code.reached if (file := module_file(root, name))})
    data = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in DATA]
    return Reached(code.reached, tuple(data))


@cache
def module_file(root: Path, module: str) -> Path | None:
    """Say where a module of the package lies; None for a dotted name that is none of its modules."""
    package, *inside = module.split(".")
    path = root.joinpath(*inside)
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file if package == PACKAGE and file.is_file() else None


class Code:
    """The package as far as it has been followed."""

    def __init__(self, root: Path, chosen: Mapping[str, str]) -> None:
        self.root, self.chosen = root, chosen
        self.reached: dict[str, set[str]] = {}
        self.modules: dict[str, Module | None] = {}
        self.used: set[tuple[str, Names]] = set()
        self.waiting: list[tuple[str, str]] = []

    def parsed(self, module: str) -> Module | None:
        """Give a module of the package; None for any other name."""
        if module not in self.modules:
            file = module_file(self.root, module)
            self.modules[module] = parse(file) if file else None
        return self.modules[module]

    def settle(self) -> None:
        """Follow all that waits, and what it names in turn."""
        settled = set()
        while self.waiting:
            name, bound = place = self.waiting.pop()
            self.import_module(name)
            module = self.parsed(name)
            if module is None or place in settled or bound not in module.bound:
                continue
            settled.add(place)
            self.reached[name].add(bound)
            for statement in module.bound[bound]:
                for target in _imported(statement):  # a name that the module passes on
                    self.use_dotted(target, ())
                self.follow(statement, name, module)

    def import_module(self, name: str) -> None:
        """Count what importing a module runs: its loose statements, and the same of what it imports."""
        module = self.parsed(name)
        if module is None or name in self.reached:
            return
        self.reached[name] = set()
        if name == PACKAGE:  # its one import is lazy and serves users of the package, no stage
            return
        self.import_module(name.rpartition(".")[0])
        for statement in module.loose:
            self.follow(statement, name, module)
        for statement in module.imports:
            self.follow(statement, name, module)

    def follow(self, statement: ast.stmt, name: str, module: Module) -> None:
        """Put everything that a statement names on the list; an import by itself only runs the module."""
        if imported := _imported(statement):
            for target in imported:
                self.import_module(target)
                self.import_module(target.rpartition(".")[0])
            return
        mentions = _mentions(statement)
        for names in mentions.chains:
            self.use(names, name, module)
        for beginning in mentions.beginnings:
            self.use_by_name(beginning)

    def use(self, names: Names, name: str, module: Module) -> None:
        """Resolve what is read in a module; what is no name of the package is left alone."""
        if (name, names) in self.used:
            return
        if name in self.reached:  # else it has to be counted once more when it is
            self.used.add((name, names))
        for statement in module.bound.get(names[0], ()):
            if not (imported := _imported(statement)):
                self.waiting.append((name, names[0]))
            elif name in self.reached:
                self.reached[name].add(names[0])
            for target in imported:
                package = isinstance(statement, ast.Import) and target.startswith(f"{names[0]}.")
                self.use_dotted(names[0] if package else target, names[1:])
        if names[0] == PACKAGE:  # also an import inside a function, given as its dotted name
            self.use_dotted(PACKAGE, names[1:])

    def use_dotted(self, target: str, attributes: Names) -> None:
        """Resolve a dotted name: a module and a name in it, or a module as a whole."""
        while attributes and self.parsed(f"{target}.{attributes[0]}"):
            target, attributes = f"{target}.{attributes[0]}", attributes[1:]
        if self.parsed(target):
            self.waiting += [(target, attributes[0])] if attributes else self.whole(target)
        else:
            module, _, bound = target.rpartition(".")
            self.waiting.append((module, bound))

    def use_by_name(self, beginning: str) -> None:
        """Follow a module chosen by name, as in f"crosshash.methods.{name}"; given is the beginning."""
        package = beginning.rstrip(".")
        file = module_file(self.root, package)
        if package in self.chosen:
            self.waiting += self.whole(f"{package}.{self.chosen[package]}")
        elif file:
            for path in sorted(file.parent.glob("[!_]*.py")):
                self.waiting += self.whole(f"{package}.{path.stem}")

    def whole(self, name: str) -> list[tuple[str, str]]:
        """List all names of a module."""
        self.import_module(name)
        module = self.parsed(name)
        return [(name, bound) for bound in module.bound] if module else []


@cache
def parse(path: Path) -> Module:
    """Read a file of code and sort its statements; texts that stand alone (docstrings) are left out."""
    return _sorted(path.read_text(encoding="utf-8"))


@cache
def _sorted(code: str) -> Module:
    module = Module()
    for statement in ast.parse(code).body:
        if _is_text(statement) or _for_type_checkers(statement):
            continue
        for single in _singly(statement):
            names = _bound_names(single)
            for name in names:
                module.bound.setdefault(name, []).append(single)
            if not names:
                module.loose.append(single)
            if _imported(single):
                module.imports.append(single)
    return module


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _for_type_checkers(statement: ast.stmt) -> bool:
    test = statement.test if isinstance(statement, ast.If) else None
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _singly(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Split an import of several names, so that each stands for itself."""
    if isinstance(statement, ast.Import):
        yield from (ast.Import([alias]) for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        yield from (ast.ImportFrom(statement.module, [one], statement.level) for one in statement.names)
    else:
        yield statement


def _bound_names(statement: ast.stmt) -> list[str]:
    """Give the names that a statement binds where it stands; none for those that do more than bind."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.AnnAssign):
        return [statement.target.id] if isinstance(statement.target, ast.Name) else []
    if isinstance(statement, ast.Assign):
        places = [
            place
            for target in statement.targets
            for place in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        names = [place.id for place in places if isinstance(place, ast.Name)]
        return names if len(names) == len(places) else []
    return []


def _imported(statement: ast.AST) -> list[str]:
    """Give the dotted names that an import statement stands for; none for any other statement."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [f"{statement.module}.{alias.name}" for alias in statement.names]
    return []


@dataclass(frozen=True)
class Mentions:
    """What a statement names: `chains` that it reads, imports inside it as such; `beginnings` of texts that
    name a module of the package, as in f"crosshash.methods.{name}".
    """

    chains: tuple[Names, ...]
    beginnings: tuple[str, ...]


@cache
def _mentions(statement: ast.stmt) -> Mentions:
    """Walk a statement once; a plain loop, as a plan walks all of the package while its user waits."""
    chains, beginnings = dict[Names, None](), list[str]()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        attributes: Names = ()
        while isinstance(node, ast.Attribute):
            attributes, node = (node.attr, *attributes), node.value
        if isinstance(node, ast.Name):
            chains[node.id, *attributes] = None
            continue
        if imported := _imported(node):
            chains |= dict.fromkeys(tuple(target.split(".")) for target in imported)
            continue
        if isinstance(node, ast.JoinedStr) and isinstance(start := node.values[0], ast.Constant):
            text = str(start.value)
            beginnings += [text] if text.startswith(f"{PACKAGE}.") else []
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return Mentions(tuple(chains), tuple(beginnings))
