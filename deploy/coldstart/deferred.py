"""Moves imports of libraries that are never used from the start to their first use, in a module's syntax tree.

`import aiohttp` at the top of a module becomes a branch of the module's `__getattr__` (PEP 562), and each function that
says `aiohttp` calls that instead. So the same statement runs, only later: what it yields is the real thing, and what it
raises is raised where the name is used. An import stays where it is if the module needs the name while it is imported,
such as for a base class, or binds the name elsewhere, too.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# What libraries import, and the function never uses. Those with a package of their own are left out of the package.
LEFT_OUT = ("aiofiles", "aiohttp", "apscheduler", "cryptography", "websocket")
DEFERRED = (
    *LEFT_OUT,
    "alibabacloud_credentials.provider",
    "alibabacloud_gateway_spi",
    "alibabacloud_tea_openapi.models",
    "alibabacloud_tea_openapi.sm3",
    "alibabacloud_tea_openapi.websocket_utils",
    "asyncio",
    "charset_normalizer.api",
    "charset_normalizer.legacy",
    "charset_normalizer.models",
    "charset_normalizer.utils",
    "darabonba.event",
    "darabonba.utils.form",
    "darabonba.websocket",
    "importlib.metadata",
    "pydantic._internal._discriminated_union",
    "redis._parsers.commands",
    "redis._parsers.hiredis",
    "redis._parsers.resp3",
    "redis.asyncio",
    "redis.auth",
    "redis.cache",
    "redis.client",
    "redis.cluster",
    "redis.keyspace_notifications",
    "redis.observability",
    "redis.sentinel",
    "urllib3.fields",
    "urllib3.filepost",
    "urllib3.response",
    "urllib3.util.proxy",
    "urllib3.util.response",
    "urllib3.util.ssl_",
    "xml",
)

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


def defer(tree: ast.Module, package: str, modules: Iterable[str]) -> None:
    """Defer the imports of these modules and their submodules in a module of this package."""
    _Slimmer().visit(tree)
    deferrable = {
        name: statement for statement in tree.body for name, statement in _bindings(statement, package, set(modules))
    }
    bound = [name for node in ast.walk(tree) for name in _bound(node)]
    moved = {
        name: statement
        for name, statement in deferrable.items()
        if bound.count(name) == 1 and "__getattr__" not in bound and name not in _used_at_once(tree)
    }
    ast.fix_missing_locations(tree)
    if moved:
        tree.body = list(_without(tree.body, moved))
        _Uses(moved).visit(tree)
        tree.body.insert(_start(tree.body), _getattr(moved))
        ast.fix_missing_locations(tree)


def _bindings(statement: ast.stmt, package: str, modules: set[str]) -> Iterator[tuple[str, ast.stmt]]:
    """The names that an import binds to parts of these modules, each with a statement of its own."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if _is_in(alias.name, modules):
                yield alias.asname or alias.name.partition(".")[0], ast.Import([alias])
    elif isinstance(statement, ast.ImportFrom):
        module = _absolute(statement, package)
        for alias in statement.names:
            name, submodule = alias.asname or alias.name, f"{module}.{alias.name}"
            if submodule in modules:
                # `from package import submodule`, in the package itself, would ask its __getattr__ again.
                yield name, ast.Import([ast.alias(submodule, name)])
            elif _is_in(module, modules) and alias.name != "*":
                yield name, ast.ImportFrom(statement.module, [alias], statement.level)


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    above = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
    return ".".join([*above, *filter(None, [statement.module])])


def _is_in(module: str, modules: set[str]) -> bool:
    return any(f"{module}.".startswith(f"{one}.") for one in modules)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node binds, in whatever scope."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, _NAMED) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def _used_at_once(node: ast.AST) -> set[str]:
    """The names that are used while the module is imported."""
    used = {node.id} if isinstance(node, ast.Name) else set()
    for child in _parts_at_once(node):
        used |= _used_at_once(child)
    return used


def _parts_at_once(node: ast.AST) -> Sequence[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return [node.args, *getattr(node, "decorator_list", [])]
    return list(ast.iter_child_nodes(node))


def _without(body: Iterable[ast.stmt], moved: Iterable[str]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            kept = [alias for alias in statement.names if (alias.asname or alias.name.partition(".")[0]) not in moved]
            if not kept:
                continue
            statement.names = kept
        yield statement


class _Slimmer(ast.NodeTransformer):
    """Removes what only people and type checkers read of functions: docstrings; annotations, which use names at once.

    Those of a class go, too, if nothing may look at them: it has neither bases nor decorators, or is a TypedDict other
    than pydantic's ConfigDict.
    """

    def visit_FunctionDef(self, node: Any) -> Any:
        node.returns = None
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        is_dict = node.name != "ConfigDict" and any(getattr(base, "id", None) == "TypedDict" for base in node.bases)
        if is_dict or not (node.bases or node.keywords or node.decorator_list):
            node.body = [plain for part in node.body if (plain := _without_annotation(part))] or [ast.Pass()]
        return self.generic_visit(node)


def _without_annotation(part: ast.stmt) -> ast.stmt | None:
    if not isinstance(part, ast.AnnAssign):
        return part
    return ast.copy_location(ast.Assign([part.target], part.value), part) if part.value else None


class _Uses(ast.NodeTransformer):
    def __init__(self, moved: Iterable[str]) -> None:
        self._moved = moved

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._moved:
            return node
        call = ast.Call(ast.Name("__getattr__", ast.Load()), [ast.Constant(node.id)], [])
        return ast.copy_location(call, node)


def _start(body: Sequence[ast.stmt]) -> int:
    """Where statements may begin: after the docstring and imports from `__future__`."""
    for place, statement in enumerate(body):
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_future and not isinstance(statement, ast.Expr):
            return place
    return len(body)


def _getattr(moved: dict[str, ast.stmt]) -> ast.stmt:
    lines = ["def __getattr__(name):"]
    for name, statement in moved.items():
        lines += [f"    if name == {name!r}:", f"        {ast.unparse(statement)}", f"        return {name}"]
    lines.append("    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')")
    return ast.parse("\n".join(lines)).body[0]
