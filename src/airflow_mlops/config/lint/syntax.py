"""Questions about one syntax tree, answered without looking at any other file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under if, try and with included."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__ =="):
            continue  # not so when it is imported
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for inner in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, inner, ()))
            for handler in getattr(node, "handlers", ()):
                yield from statements(handler.body)


def bound_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom | ast.Import):
        return [item.asname or item.name.partition(".")[0] for item in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def as_function(name: str, node: ast.Lambda) -> ast.FunctionDef:
    """Return the function that ``name = lambda …`` defines."""
    body: list[ast.stmt] = [ast.Return(value=node.body)]
    return ast.FunctionDef(name=name, args=node.args, body=body, decorator_list=[])


def own_nodes(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a function, not those of functions and classes in it."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from own_nodes(list(ast.iter_child_nodes(node)))


def original_name(node: ast.ImportFrom, name: str) -> str:
    """Return what ``name`` is called in the module that it is imported from."""
    return next(item.name for item in node.names if (item.asname or item.name) == name)


def absolute_module(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module that an import in ``package`` reads from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parent = parts[: len(parts) - node.level + 1]
    return ".".join([*parent, *([node.module] if node.module else [])])
