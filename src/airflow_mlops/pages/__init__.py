"""What the pages that this package writes share: a style sheet, the icons of states, and escaping."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any


@cache
def page_css() -> str:
    """Return the style sheet, which a page holds inside so that it loads nothing."""
    return resources.files(__name__).joinpath("page.css").read_text(encoding="utf-8")


def page_template(package: str, name: str) -> Any:
    """Return the Jinja template ``name`` of a package; it escapes every value that it is given."""
    import jinja2

    folder, _, file = name.rpartition("/")
    places = [jinja2.PackageLoader(package, folder), jinja2.PackageLoader("airflow_mlops", "pages")]
    return jinja2.Environment(loader=jinja2.ChoiceLoader(places), autoescape=True).get_template(file)
