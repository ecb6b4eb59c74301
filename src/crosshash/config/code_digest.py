"""The code that a stage can reach, as one digest: comments, docstrings and layout have no part in it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from crosshash.config.code_reach import PACKAGE, Module, module_file, parse, reach


def code_digest(stage: str, stages: Path, root: Path, chosen: Mapping[str, str]) -> str:
    """Hash all code that decides what a stage does, in hex: its script, what it reaches, package data.

    stages: the folder of scripts. root: the folder of the package. chosen: the module that counts, by
    package, where modules are found by name. Equal under every version of Python that can run the code.
    """
    reached = reach(stages / f"{stage}.py", root, chosen)
    digest = hashlib.sha256()
    for script in (stages / "__init__.py", stages / f"{stage}.py"):
        module = parse(script)
        digest.update(_text(module, list(module.bound)))
    for name, bound in sorted(reached.modules.items()):
        file = module_file(root, name)
        if file and name != PACKAGE:
            digest.update(name.encode() + b"\0" + _text(parse(file), sorted(bound)))
    for path in reached.data:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _text(module: Module, names: Iterable[str]) -> bytes:
    """Write down a module's loose statements and those that bind some names."""
    loose = ", ".join(map(_quoted, module.loose))
    bound = ", ".join(f"[{', '.join([repr(name), *map(_quoted, module.bound[name])])}]" for name in names)
    return f"[[{loose}], [{bound}]]".encode()


@cache
def _quoted(statement: ast.stmt) -> str:
    return repr(written(statement))


@cache
def written(statement: ast.stmt) -> str:
    """Write down a statement without comments, layout and texts that stand alone."""
    parts = list[str]()
    _write(statement, parts)
    return "".join(parts)


def _write(node: object, parts: list[str]) -> None:
    """Write code as nested brackets, without texts that stand alone and without empty fields.

    Python's own `ast.dump` writes empty fields in some versions and leaves them out in others.
    """
    if isinstance(node, ast.AST):
        parts.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                value = [one for one in value if not _is_text(one)]
            if value is None or value == [] or name in ("ctx", "kind", "type_comment"):
                continue
            parts.append(f" {name}=")
            _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for one in node:
            _write(one, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(repr(node))


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
