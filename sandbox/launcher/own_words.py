"""Which expressions of a test are the test's own words: nothing in them comes from the program.

``unittest.mock.ANY`` or ``pytest.approx(2)`` may equal what they like where the test itself wrote them. Decided by the
test's source alone, and where it is in doubt, an expression is not the test's own.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict

_PROGRAM = frozenset({"solution", "main", "__main__"})
"""Modules that are the program."""
_MADE_OF = (
    ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.Attribute, ast.Subscript,
    ast.Slice, ast.Starred, ast.Call, ast.keyword, ast.JoinedStr, ast.FormattedValue,
    ast.expr_context, ast.operator, ast.unaryop,
)  # fmt: skip


class OwnWords:
    """What a test wrote itself."""

    def __init__(self, trees: list[ast.Module], program: str | None) -> None:
        """``program``: the one name that always is the program's, if there is one."""
        found = _Bindings()
        for tree in trees:
            found.visit(tree)
        self._names = (set(found.values) | found.declared | set(vars(builtins))) - found.unknown - {program}
        # A name is the test's own if all that it is bound to is. Names fall out until none does any more.
        while fallen := {
            name
            for name in self._names & set(found.values)
            if not all(self.include(value) for value in found.values[name])
        }:
            self._names -= fallen

    def include(self, node: ast.AST) -> bool:
        """True if nothing in ``node`` comes from the program."""
        if isinstance(node, ast.Name):
            return node.id in self._names
        return isinstance(node, _MADE_OF) and all(self.include(child) for child in ast.iter_child_nodes(node))


class _Bindings(ast.NodeVisitor):
    """Every name that a source binds, and to what."""

    def __init__(self) -> None:
        self.values: dict[str, list[ast.expr]] = defaultdict(list)
        """What is assigned to it, or what it is an item of."""
        self.declared: set[str] = set()
        """Imported, or a class of the test's."""
        self.unknown: set[str] = set()
        self._known_targets: set[int] = set()

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.values[node.id].append(value)
                self._known_targets.add(id(node))

    def visit_Assign(self, node: ast.Assign) -> None:  # the names of ast
        for target in node.targets:
            self._bind(target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._bind(node.target, node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, node.iter)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load) and id(node) not in self._known_targets:
            self.unknown.add(node.id)

    def visit_arg(self, node: ast.arg) -> None:
        self.unknown.add(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.unknown.add(node.name)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.declared.add(node.name)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.unknown.add(node.name or "")
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(alias.name, alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._import(node.module or "main", alias.asname or alias.name)

    def _import(self, module: str, name: str) -> None:
        (self.unknown if module.partition(".")[0] in _PROGRAM else self.declared).add(name)
