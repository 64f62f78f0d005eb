"""Python code that is read and never run: what a dotted path leads to."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from airflow_mlops.config.lint.libraries import Installed, Libraries, NotChecked, NotThere, is_installed
from airflow_mlops.config.lint.syntax import (
    absolute_module,
    as_function,
    bound_names,
    original_name,
    own_nodes,
    statements,
)
from airflow_mlops.core.extras import how_to_install
from airflow_mlops.core.suggestions import did_you_mean

_MAX_BYTES: Final = 5_000_000
_MAX_STEPS: Final = 30
_MAX_PATH: Final = 500
_VALUES: Final = (ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.JoinedStr)
_COMMON_PACKAGES: Final = {"sklearn", "xgboost", "lightgbm", "catboost", "pandas", "airflow"}
"""Names for a misspelt first part, however they are installed."""


@dataclass(frozen=True)
class Module:
    """A module's syntax tree; ``stars`` are the modules that it takes everything from."""

    name: str
    package: str
    names: dict[str, ast.stmt]
    stars: tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """A class or function, and the module that defines it."""

    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    module: Module

    @property
    def path(self) -> str:
        """The place of its definition, as ``module:name``."""
        return f"{self.module.name}:{self.node.name}"

    @property
    def members(self) -> dict[str, ast.stmt]:
        """What the body of a class defines, by name."""
        found: dict[str, ast.stmt] = {}
        for node in self.node.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign):
                found.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = node
        return found

    def has(self, attribute: str) -> bool:
        """Whether the body of a class defines ``attribute``; bases are not looked at."""
        return attribute in self.members

    @property
    def yields(self) -> bool:
        """Whether it is a generator."""
        return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(self.node.body))

    @property
    def returns(self) -> bool:
        """Whether a function gives a value back, or is only a sketch: nothing in it, or an error."""
        sketch = all(isinstance(node, ast.Pass | ast.Expr | ast.Raise) for node in self.node.body)
        return sketch or any(
            isinstance(node, ast.Raise) or (isinstance(node, ast.Return) and node.value is not None)
            for node in own_nodes(self.node.body)
        )


@dataclass
class Sources:
    """Finds modules in ``folders`` first, then where Python looks; remembers what it has read.

    ``libraries`` answer for installed packages, which may be imported in a child process.
    """

    folders: Sequence[Path]
    libraries: Libraries
    _modules: dict[str, Module] = field(default_factory=dict)

    def find(self, path: str) -> Definition:
        """Return what ``module:name`` or ``module.name`` names.

        Raises NotThere when it leads nowhere, NotChecked when reading alone cannot tell.
        """
        module, name = _split(path)
        try:
            return self.named(self.module(module), name)
        except (NotChecked, NotThere):
            if ":" not in path and self._is_module(path):
                raise NotThere(f"{path} is a module: add a class or function of it") from None
            raise

    def installed(self, path: str) -> Installed | None:
        """Return what ``path`` names when that is in an installed package, and not in the user's modules.

        Raises NotThere when there is no such module.
        """
        module, name = _split(path)
        package = module.partition(".")[0]
        spec = self._spec(package)
        if package in sys.builtin_module_names or not self._spec(module):
            return None
        whole = next(iter(spec.submodule_search_locations or ()), spec.origin)
        if whole is None or not is_installed(Path(whole).parent.resolve(), package):
            return None
        return Installed(module, name, self.libraries)

    def named(self, module: Module, name: str, steps: int = 0) -> Definition:
        """Return what ``name`` means inside a module, imports followed."""
        if steps > _MAX_STEPS:
            raise NotChecked("its imports go in circles")
        if name in module.names:
            return self._follow(module, name, module.names[name], steps)
        for star in module.stars:
            try:
                return self.named(self.module(star), name, steps + 1)
            except NotThere:
                continue
        if "__getattr__" in module.names:
            raise NotChecked(f"{module.name} creates its names on demand")
        known = [key for key in module.names if not key.startswith("_")]
        raise NotThere(f"no {name!r} in {module.name}{did_you_mean(name, known)}")

    def meaning(self, node: ast.expr, module: Module) -> Definition:
        """Return what the expression ``Name`` or ``package.Name`` means inside a module, imports followed."""
        if isinstance(node, ast.Name):
            return self.named(module, node.id)
        if not isinstance(node, ast.Attribute):
            raise NotChecked("it is computed")
        first, _, rest = ast.unparse(node).partition(".")
        origin = module.names.get(first)
        if isinstance(origin, ast.Import):
            aliases = {item.asname: item.name for item in origin.names}
            return self.find(f"{aliases.get(first, first)}.{rest}")
        if isinstance(origin, ast.ImportFrom):
            return self.find(
                f"{absolute_module(origin, module.package)}.{original_name(origin, first)}.{rest}"
            )
        raise NotChecked(f"{first} is not an import")

    def module(self, name: str) -> Module:
        """Return the module ``name``; raises NotThere or NotChecked."""
        if name not in self._modules:
            spec = self._spec(name)
            self._modules[name] = _parsed(name, spec)
        return self._modules[name]

    def _follow(self, module: Module, name: str, node: ast.stmt, steps: int) -> Definition:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return Definition(node, module)
        if isinstance(node, ast.ImportFrom):
            origin = self.module(absolute_module(node, module.package))
            return self.named(origin, original_name(node, name), steps + 1)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id != name:
            return self.named(module, node.value.id, steps + 1)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            return Definition(as_function(name, node.value), module)
        if isinstance(node, ast.Assign) and isinstance(node.value, _VALUES):
            raise NotThere(f"{name} in {module.name} is a value: write the path of a class or function")
        raise NotChecked(f"{name} in {module.name} is neither a class nor a function in its source")

    def _spec(self, name: str) -> ModuleSpec:
        """Find a module part by part; unlike importlib's own way this runs no package's code."""
        parts, path = name.split("."), [*map(str, self.folders), *sys.path]
        spec: ModuleSpec | None = None
        for number, part in enumerate(parts):
            whole = ".".join(parts[: number + 1])
            if not part.isidentifier():
                raise NotThere(f"{name!r} is not the name of a module: write it as package.module")
            # by its last part: a namespace package would look for its parent among the loaded ones
            found = PathFinder.find_spec(part, path) or (_other_finders(whole) if number == 0 else None)
            if found is None:
                beside = _beside(path if number else [str(folder) for folder in self.folders])
                near = did_you_mean(part, beside - {part} | (set() if number else _COMMON_PACKAGES - {part}))
                raise NotThere(f"no module {whole!r}{near}; {self._searched()}{how_to_install(whole)}")
            spec, path = found, list(found.submodule_search_locations or ())
        assert spec is not None
        return spec

    def _is_module(self, name: str) -> bool:
        try:
            return self._spec(name) is not None
        except NotThere:
            return False

    def _searched(self) -> str:
        folders = ", ".join(dict.fromkeys(str(folder) for folder in self.folders))
        return f"looked in {folders} and among the installed packages"


def _split(path: str) -> tuple[str, str]:
    """Return module and name of ``module:name`` or ``module.name``; raises NotThere for anything else."""
    module, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    if not module or not name or len(path) > _MAX_PATH:
        raise NotThere("write it as module:function or package.module.Name")
    return module, name


def _other_finders(name: str) -> ModuleSpec | None:
    """Ask the finders of editable installs; they look for files as well."""
    for finder in sys.meta_path:
        if finder is not PathFinder and (find := getattr(finder, "find_spec", None)):
            spec: ModuleSpec | None = find(name, None)
            if spec is not None:
                return spec
    return None


def _beside(folders: Sequence[str]) -> set[str]:
    found = set()
    for folder in map(Path, folders):
        if folder.is_dir():
            found |= {item.stem for item in folder.iterdir() if item.suffix == ".py" or item.is_dir()}
    return found


def _parsed(name: str, spec: ModuleSpec) -> Module:
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise NotChecked(f"{name} has no Python source to read")
    file = Path(spec.origin)
    try:
        found = file.stat()
        if found.st_size > _MAX_BYTES:
            raise NotChecked(f"{file} is larger than {_MAX_BYTES:,} bytes")
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        return _read(name, package, file, (found.st_mtime_ns, found.st_size))
    except OSError as error:
        raise NotChecked(f"{file} cannot be read: {error.strerror}") from None
    except SyntaxError as error:
        raise NotThere(f"{file.name}:{error.lineno}: not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # the parser's words for too deep
        raise NotChecked(f"{file.name} cannot be read: {error or 'nested too deeply'}") from None


@lru_cache(maxsize=512)
def _read(name: str, package: str, file: Path, _version: tuple[int, int]) -> Module:
    """Read a module; ``_version`` (time and size) is different for an edited file, which is read again."""
    tree = ast.parse(file.read_bytes(), filename=str(file))
    names: dict[str, ast.stmt] = {}
    stars: list[str] = []
    for node in statements(tree.body):
        for key in bound_names(node):
            if key == "*" and isinstance(node, ast.ImportFrom):
                stars.append(absolute_module(node, package))
            elif key not in names or not isinstance(node, ast.Assign):
                names[key] = node
    return Module(name, package, names, tuple(stars))
