"""The user's own Python: imported by dotted path, and called with its errors in one line."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from airflow_mlops.core.errors import BackendError, ConfigError, MlopsError
from airflow_mlops.core.extras import how_to_install
from airflow_mlops.core.suggestions import did_you_mean

_COMPILED: Final = (".pyx", ".pxi", ".pxd")
_PACKAGE: Final = f"{Path(__file__).parents[1]}/"


def load_object(path: str, base: Path) -> Callable[..., Any]:
    """Import ``module:name`` or ``module.name``, where modules beside the pipeline file count.

    Raises ConfigError naming what is missing, or the error of a module that fails to import.
    """
    name, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    if not name or not attribute:
        raise ConfigError(f"cannot import {path!r}: write it as module:function")
    module = _import(name, path, base)
    found = getattr(module, attribute, None)
    if not callable(found):
        known = [key for key in vars(module) if not key.startswith("_")]
        what = "is not callable" if found is not None else f"does not exist{did_you_mean(attribute, known)}"
        raise ConfigError(f"cannot import {path!r}: {attribute} {what} in {name}")
    loaded: Callable[..., Any] = found
    return loaded


def call_user_function(function: Callable[..., Any], path: str, *args: Any, **kwargs: Any) -> Any:
    """Call a user's function; whatever it raises becomes an error naming function, error and line.

    A BackendError, which is retried, when something outside did not answer (a connection, a time-out);
    otherwise a ConfigError.
    """
    try:
        return function(*args, **kwargs)
    except MlopsError:
        raise
    except Exception as error:
        kind = BackendError if _from_outside(error) else ConfigError
        raise kind(f"{path} failed{users_line(error)}: {type(error).__name__}: {error}") from error


def _from_outside(error: Exception) -> bool:
    """Whether a second try may go better; a path that is wrong stays wrong."""
    wrong_path = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
    return isinstance(error, OSError) and not isinstance(error, wrong_path)


def users_line(error: BaseException) -> str:
    """Return `` at file:line: code`` of the last line of a user's that an error went through, or nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        item
        for item in frames
        if not item.filename.startswith(_PACKAGE)
        and not item.filename.endswith(_COMPILED)  # of a library; such a name has no folder
        and not is_installed(item.filename)
    ]
    return f" at {Path(own[-1].filename).name}:{own[-1].lineno}: {own[-1].line}" if own else ""


def _import(name: str, path: str, base: Path) -> ModuleType:
    folder = str(base.absolute())
    _forget_namesake(name.partition(".")[0], Path(folder))
    _forget_other_folders(Path(folder))
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            beside = [item.stem for item in Path(folder).glob("*.py")] if Path(folder).is_dir() else []
            raise ConfigError(
                f"cannot import {path!r}: no module {error.name!r}{did_you_mean(name, beside)}; "
                f"looked beside the pipeline file ({folder}) and among the installed packages"
                f"{how_to_install(error.name)}"
            ) from error
        raise ConfigError(
            f"cannot import {path!r}: it needs {error.name!r}, which is not installed"
        ) from error
    except Exception as error:
        raise ConfigError(f"cannot import {path!r}: {type(error).__name__}: {error}") from error
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _forget_namesake(top: str, folder: Path) -> None:
    """Two pipelines may each have a ``features.py``: drop the other folder's module."""
    loaded = sys.modules.get(top)
    own = next((item for item in (folder / f"{top}.py", folder / top / "__init__.py") if item.exists()), None)
    if (
        loaded is None
        or own is None
        or (loaded.__file__ and Path(loaded.__file__).resolve() == own.resolve())
    ):
        return
    for name in [key for key in sys.modules if key == top or key.startswith(f"{top}.")]:
        del sys.modules[name]


def _forget_other_folders(folder: Path) -> None:
    """Drop modules of another pipeline's folder that have the name of one here, which may import it.

    Two recipes of MLflow, for example, each have a package ``steps``. An installed package stays.
    """
    here = {item.stem for item in folder.glob("*.py")} | {item.parent.name for item in folder.glob("*/*.py")}
    for top in (here & sys.modules.keys()) - {"__main__", __name__.partition(".")[0]}:
        loaded = sys.modules[top]
        places = [*getattr(loaded, "__path__", ()), *filter(None, [getattr(loaded, "__file__", None)])]
        foreign = [place for place in places if not Path(place).resolve().is_relative_to(folder.resolve())]
        if foreign and len(foreign) == len(places) and not any(map(is_installed, places)):
            for name in [key for key in sys.modules if key == top or key.startswith(f"{top}.")]:
                del sys.modules[name]


def is_installed(filename: str) -> bool:
    """Whether a file belongs to Python itself or to an installed package, wherever that lies on the path."""
    paths = sysconfig.get_paths()
    return (
        filename.startswith("<")
        or any(filename.startswith(paths[key]) for key in ("purelib", "platlib", "stdlib"))
        or any(f"{filename}/".startswith(f"{root}/") for root in _installed_roots(tuple(sys.path)))
    )


@functools.cache
def _installed_roots(path: tuple[str, ...]) -> frozenset[str]:
    """Return the top-level packages outside of site-packages that an installer recorded there.

    As ``pip install --target`` leaves them. An editable project has no record beside its source: it is the
    user's own.
    """
    standard = {str(Path(entry).resolve()) for entry in sysconfig.get_paths().values()}
    roots = set()
    for entry in path:
        if not entry or str(Path(entry).resolve()) in standard or not Path(entry).is_dir():
            continue
        for found in importlib.metadata.distributions(path=[entry]):
            names = (found.read_text("RECORD") or "").splitlines()
            tops = {name.partition(",")[0].partition("/")[0] for name in names}
            roots |= {f"{entry.rstrip('/')}/{top}" for top in tops if top and not top.endswith(".dist-info")}
    return frozenset(roots)
