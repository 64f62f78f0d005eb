"""Versions: Python, every package that this one needs, and its extras."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from airflow_mlops.cli.doctor.finding import Finding, failed, not_needed, ok, warning

PACKAGE: Final = "airflow-mlops"
Installed = Callable[[str], str | None]


def versions() -> list[Finding]:
    """Compare what is installed with what the package's own description asks for."""
    try:
        described = distribution(PACKAGE)
    except PackageNotFoundError:
        text = "not installed as a package: Airflow does not find its provider, and no version is known"
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
        "python", f"{found}, but it needs {needed}", "make a new environment: python3.12 -m venv .venv"
    )


def check_packages(requirements: Iterable[Requirement], installed: Installed) -> Iterator[Finding]:
    """Yield one finding for each package that is needed without an extra on this interpreter."""
    for requirement in sorted(requirements, key=lambda item: item.name):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement, installed(requirement.name))


def check_extras(
    extras: Iterable[str], requirements: Iterable[Requirement], installed: Installed
) -> Iterator[Finding]:
    """Yield one finding for each extra: complete, in part, or not there, which is fine."""
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
            yield warning(check, f"in part: {', '.join(there)}; not as needed: {', '.join(lacking)}", fix)
        else:
            yield not_needed(check, f"not installed: {', '.join(lacking)}", fix)


def _package(requirement: Requirement, found: str | None) -> Finding:
    name, needed = requirement.name, str(requirement.specifier) or "any version"
    fix = f"pip install '{name}{requirement.specifier}'"
    if found is None:
        return failed(name, f"not installed (needs {needed})", fix)
    if not _fits(requirement, found):
        return failed(name, f"{found}, but it needs {needed}", fix)
    return ok(name, f"{found} (needs {needed})")


def _fits(requirement: Requirement, found: str | None) -> bool:
    return found is not None and requirement.specifier.contains(found, prereleases=True)
