"""Small faults to put into source code: another comparison, operator, constant or function of the same kind."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
"""Each with its neighbour, which differs at equality only, and its opposite."""
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
NAMES = {"min": "max", "minimum": "maximum", "argmin": "argmax", "any": "all", "floor": "ceil"}
NAMES |= {there: here for here, there in NAMES.items()}


@dataclass(frozen=True)
class Mutant:
    """One fault in one file."""

    function: str
    """Qualified name of the outermost function or method around it; empty outside of functions."""
    line: int
    becomes: str
    """The changed line, which with the function identifies the mutant; a later one like it has a number."""
    source: str
    """The whole file with the fault."""


def mutants_of(source: str) -> Iterator[Mutant]:
    """Find the mutants of a file, in the order of its lines.

    Left out are annotations, decorators, texts with the values in them, what is logged, and the `strict` of `zip`,
    which guards against faults of callers.
    """
    lines = source.encode().splitlines(keepends=True)
    seen: Counter[tuple[str, str]] = Counter()
    for function, node, new in _changes(ast.parse(source), (), within=False):
        text = f"({ast.unparse(new)})" if isinstance(new, ast.expr) else ast.unparse(new)
        start, end = lines[node.lineno - 1][: node.col_offset], lines[node.end_lineno - 1][node.end_col_offset :]
        changed = start + text.encode() + end
        becomes = " ".join(changed.decode().split())
        seen[function, becomes] += 1
        number = seen[function, becomes]
        whole = b"".join([*lines[: node.lineno - 1], changed, *lines[node.end_lineno :]]).decode()
        yield Mutant(function, node.lineno, becomes if number == 1 else f"{becomes} #{number}", whole)


def _changes(
    node: ast.AST, names: tuple[str, ...], *, within: bool
) -> Iterator[tuple[str, ast.expr | ast.stmt, ast.expr | ast.stmt]]:
    """Yield the function around each expression that can change, the expression and what it becomes.

    Args:
        node: Where to look, with everything below it.
        names: Names of the classes around the node, and of the outermost function.
        within: True inside of a function.
    """
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and not within:
        names, within = (*names, node.name), isinstance(node, ast.FunctionDef)
    if isinstance(node, ast.expr | ast.stmt):
        for new in _replacements(node):
            yield ".".join(names) if within else "", node, new
    for child in _children(node):
        yield from _changes(child, names, within=within)


def _children(node: ast.AST) -> Sequence[ast.AST]:
    if isinstance(node, ast.JoinedStr | ast.MatchValue) or _is_logging(node):
        return ()
    left_out = {"annotation", "returns", "decorator_list", "type_params"}
    fields = [value for name, value in ast.iter_fields(node) if name not in left_out]
    nodes = [item for value in fields for item in (value if isinstance(value, list) else [value])]
    return [
        item
        for item in nodes
        if isinstance(item, ast.AST) and not (isinstance(item, ast.keyword) and item.arg == "strict")
    ]


def _is_logging(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "logger"
    )


def _replacements(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:  # noqa: C901 - a table of kinds
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for place, operator in enumerate(ops):
                for other in COMPARISONS[type(operator)]:
                    yield ast.Compare(left, [*ops[:place], other(), *ops[place + 1 :]], comparators)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.AugAssign(target=target, op=operator, value=value) if type(operator) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(operator)](), value)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in NAMES:
            yield ast.Call(ast.Name(NAMES[name]), arguments, keywords)
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=arguments, keywords=keywords) if name in NAMES:
            yield ast.Call(ast.Attribute(value, NAMES[name]), arguments, keywords)
        case _:
            return
