"""Small faults that a test should notice: each function of a module changed in one place at a time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.MatMult: ast.Mult,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
# What is never changed: types, names of what is public, decorators, and the words of a message.
_LEFT_ALONE: Final = {
    "annotation", "returns", "decorator_list", "bases", "type_params", "type_comment", "format_spec",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what stood there, what stands there now."""

    line: int
    before: str
    after: str
    code: Any

    def __str__(self) -> str:
        return f"{self.before}  ->  {self.after}"


def mutants(source: str, filename: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, compiled."""
    tree = ast.parse(source)
    for place in list(_places(tree, in_message=False)):
        for changed in _changes(place.node):
            before = _shown(place.node)
            place.put(changed)
            code = compile(ast.fix_missing_locations(tree), filename, "exec")
            place.put(place.node)
            yield Mutant(_line(place.node), before, _shown(changed), code)


def _line(node: Any) -> int:
    return int(node.target.lineno if isinstance(node, ast.comprehension) else node.lineno)


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0]


@dataclass(frozen=True)
class _Place:
    node: Any
    put: Callable[[ast.AST], None]


def _places(parent: ast.AST, *, in_message: bool) -> Iterator[_Place]:
    """Yield every statement and expression that may be changed, with the way to replace it."""
    if _is_declaration(parent):
        return
    message = in_message or isinstance(parent, ast.Raise | ast.JoinedStr)
    for field, value in ast.iter_fields(parent):
        if field in _LEFT_ALONE:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_docstring(child):
                continue
            if not (message and isinstance(child, ast.Constant)):
                yield _Place(child, _replacer(parent, field, index))
            yield from _places(child, in_message=message)


def _replacer(parent: ast.AST, field: str, index: int | None) -> Callable[[ast.AST], None]:
    def put(node: ast.AST) -> None:
        if index is None:
            setattr(parent, field, node)
        else:
            getattr(parent, field)[index] = node

    return put


def _is_declaration(node: ast.AST) -> bool:
    """Whether a node only tells types or names: ``__all__``, a protocol, a block for the type checker."""
    if isinstance(node, ast.ClassDef):
        return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "__all__"
    )


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    change = _CHANGES.get(type(node))
    if change is not None:
        for changed in change(node):
            yield ast.copy_location(changed, node)


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)


def _boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from (ast.Constant(value + 1), ast.Constant(value - 1))
    elif isinstance(value, float):
        yield from (ast.Constant(value * 1.25 or 1.0), ast.Constant(value * 0.8 or -1.0))
    elif isinstance(value, str):
        yield ast.Constant(value + "X")


def _call(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield ast.Call(ast.Name(_CALLS[node.func.id], ast.Load()), node.args, node.keywords)


def _if(node: ast.If) -> Iterator[ast.AST]:
    yield from (ast.If(ast.Constant(flag), node.body, node.orelse) for flag in (True, False))


def _choice(node: ast.IfExp) -> Iterator[ast.AST]:
    yield from (node.body, node.orelse)


def _comprehension(node: ast.comprehension) -> Iterator[ast.AST]:
    if node.ifs:
        yield ast.comprehension(node.target, node.iter, [], node.is_async)


def _return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _drop(_node: ast.stmt) -> Iterator[ast.AST]:
    yield ast.Pass()


_CHANGES: Final[dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.If: _if,
    ast.IfExp: _choice,
    ast.comprehension: _comprehension,
    ast.Return: _return,
    ast.Raise: _drop,
    ast.Expr: _drop,
    ast.AugAssign: _drop,
    ast.Break: _drop,
    ast.Continue: _drop,
}
