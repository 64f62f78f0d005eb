"""Versions of Python, of every required package and of the extras."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from airflow_mlops.cli.doctor.finding import Finding, failed, not_needed, ok, warning

PACKAGE: Final = "airflow-mlops"
AIRFLOW: Final = "apache-airflow"
Installed = Callable[[str], str | None]


def versions() -> list[Finding]:
    """Compare the installed versions with the requirements in this package's metadata."""
    try:
        described = distribution(PACKAGE)
    except PackageNotFoundError:
        text = "the package is not installed: Airflow cannot find the provider, and no version is known"
        return [failed(PACKAGE, text, "pip install airflow-mlops")]
    requirements = [Requirement(text) for text in described.requires or ()]
    extras = described.metadata.get_all("Provides-Extra") or []
    return [
        ok(PACKAGE, described.version),
        check_python(platform.python_version(), described.metadata["Requires-Python"]),
        *check_packages(requirements, installed),
        *check_extras(extras, requirements, installed),
    ]


def installed(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_python(found: str, needed: str) -> Finding:
    """Compare the interpreter with a version specifier such as ``>=3.11,<3.14``."""
    if SpecifierSet(needed).contains(found, prereleases=True):
        return ok("python", f"{found} (needs {needed})")
    return failed(
        "python", f"{found}, but it needs {needed}", "create a new environment: python3.12 -m venv .venv"
    )


def check_packages(requirements: Iterable[Requirement], installed: Installed) -> Iterator[Finding]:
    """Yield one finding for each package that this interpreter needs without an extra."""
    for requirement in sorted(requirements, key=lambda item: item.name):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement, installed(requirement.name))


def check_extras(
    extras: Iterable[str], requirements: Iterable[Requirement], installed: Installed
) -> Iterator[Finding]:
    """Yield one finding for each extra: complete, incomplete, or not installed, which is fine."""
    known = list(requirements)
    for extra in extras:
        own = [
            item
            for item in known
            if item.marker is not None
            and item.marker.evaluate({"extra": extra})
            and not item.marker.evaluate({"extra": ""})
        ]
        check, fix = f"extra {extra}", f"pip install 'airflow-mlops[{extra}]'"
        versions = {item.name: installed(item.name) for item in own}
        lacking = [item.name for item in own if not _fits(item, versions[item.name])]
        there = [f"{name} {found}" for name, found in versions.items() if found is not None]
        if not lacking:
            yield ok(check, ", ".join(there) or "nothing to install")
        elif there:
            text = f"incomplete: {', '.join(there)} installed; missing or wrong: {', '.join(lacking)}"
            yield warning(check, text, fix)
        else:
            yield not_needed(check, f"not installed: {', '.join(lacking)}", fix)


def _package(requirement: Requirement, found: str | None) -> Finding:
    name, needed = requirement.name, str(requirement.specifier) or "any version"
    fix = f"pip install '{name}{requirement.specifier}'"
    if found is None:
        return failed(name, f"not installed (needs {needed})", fix)
    if _fits(requirement, found):
        return ok(name, f"{found} (needs {needed})")
    if name == AIRFLOW and _is_newer(requirement, found):
        text = f"{found} is newer than the versions that airflow-mlops was tested with ({needed})"
        return warning(name, text, f"pip install --upgrade {PACKAGE}, or {fix}")
    return failed(name, f"{found}, but it needs {needed}", fix)


def _fits(requirement: Requirement, found: str | None) -> bool:
    return found is not None and requirement.specifier.contains(found, prereleases=True)


def _is_newer(requirement: Requirement, found: str) -> bool:
    """Return whether only an upper bound excludes a version."""
    lower = SpecifierSet(
        ",".join(str(item) for item in requirement.specifier if item.operator not in ("<", "<="))
    )
    return lower.contains(found, prereleases=True)
