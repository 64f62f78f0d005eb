"""Two kinds of import contract that import-linter does not have; pyproject.toml registers them.

``allow_list``: some modules may import nothing but what is listed. A `forbidden` contract would have to name
every library that a pure decision must not use, and would miss the next one.

``independent_variants``: the variants in a package (targets, sources, drift tests) do not import each other.
An `independence` contract needs their names, so that a new variant would be free of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Import = tuple[str, str]


class AllowListContract(Contract):
    """Some modules, with their submodules, import only each other, the standard library and listed modules.

    Options:
        modules: Names or patterns such as ``package.*.core`` of the modules that are held to it.
        allowed: Further packages, internal or external, that they may import.
    """

    modules = fields.ListField(subfield=fields.ModuleExpressionField())
    allowed = fields.ListField(subfield=fields.ModuleExpressionField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find the direct imports that are not on the list; what they import is held to its own contracts."""
        held = _packages(graph, self.modules)
        if not held:
            raise ValueError(f"{self.name!r} matches no module: {_written(self.modules)}")
        allowed = held | _packages(graph, self.allowed)
        illegal = [
            (module, imported)
            for module in sorted(held)
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if imported not in allowed and imported.partition(".")[0] not in sys.stdlib_module_names
        ]
        return _result(graph, illegal)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each illegal import with its lines."""
        _render(check, f"may import only the standard library and {_written(self.allowed)}")


class IndependentVariantsContract(Contract):
    """No variant of a family imports another one, and what they share does not import a variant.

    Options:
        packages: The packages that hold a family: each module or package in it is a variant.
        shared: The modules in them that are not variants. The package itself may import all of them.
    """

    packages = fields.ListField(subfield=fields.ModuleField())
    shared = fields.ListField(subfield=fields.ModuleField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find the imports between the members of each family."""
        shared = {module.name for module in _listed(self.shared)}
        unknown = sorted(shared - graph.modules)
        if unknown:
            raise ValueError(f"{self.name!r} names modules that do not exist: {', '.join(unknown)}")
        illegal: list[Import] = []
        for package in _listed(self.packages):
            for member in sorted(graph.find_children(package.name)):
                illegal += _imports_of_variants(graph, package.name, member, shared)
        return _result(graph, illegal)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each illegal import with its lines."""
        _render(check, "may not import another variant")


def _imports_of_variants(graph: ImportGraph, package: str, member: str, shared: set[str]) -> Iterable[Import]:
    """Yield the imports that lead from one member of a family to another one that is a variant."""
    for module in sorted({member} | graph.find_descendants(member)):
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            other = ".".join(imported.split(".")[: package.count(".") + 2])
            inside = imported.startswith(f"{package}.")
            if inside and other != member and other not in shared:
                yield module, imported


def _packages(graph: ImportGraph, expressions: Any) -> set[str]:
    """Return the modules that expressions match, with everything below them."""
    found: set[str] = set()
    for expression in expressions:
        name = expression.expression
        found |= graph.find_matching_modules(name) if "*" in name else {name} & graph.modules
    return found | {
        inner
        for name in found
        if not graph.is_module_squashed(name)
        for inner in graph.find_descendants(name)
    }


def _listed(modules: Any) -> list[Any]:
    return list(modules)


def _written(expressions: Any) -> str:
    return ", ".join(str(expression) for expression in expressions)


def _result(graph: ImportGraph, illegal: list[Import]) -> ContractCheck:
    lines = [
        (importer, imported, sorted(str(detail["line_number"]) for detail in details))
        for importer, imported in illegal
        if (details := graph.get_import_details(importer=importer, imported=imported)) is not None
    ]
    return ContractCheck(kept=not illegal, metadata={"illegal": lines})


def _render(check: ContractCheck, rule: str) -> None:
    for importer, imported, lines in check.metadata["illegal"]:
        output.print_error(f"{importer} {rule}, and imports {imported} (line {', '.join(lines)})")
    output.new_line()
