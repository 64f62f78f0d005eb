"""The JSON Schema and the reference page are those of the models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airflow_mlops.config.schema import as_text, build_schema, model_schema, packaged_schema, reference

ROOT = Path(__file__).parents[3]
REFRESH = "run python -m airflow_mlops.config.schema"


def keys(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, section in {"": node, **node.get("$defs", {})}.items():
        for key, value in section.get("properties", {}).items():
            yield f"{path}{name}.{key}", value


def test_the_shipped_schema_is_current() -> None:
    assert packaged_schema() == as_text(build_schema()), REFRESH


def test_the_reference_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "pipeline.md"
    assert page.read_text() == reference(model_schema()), f"{REFRESH} --markdown"


def test_every_key_says_what_it_does() -> None:
    found = dict(keys(build_schema()))
    assert len(found) > 50
    assert [name for name, value in found.items() if not value.get("description")] == []


def test_it_is_a_valid_schema_that_refuses_unknown_keys() -> None:
    schema = build_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    sections = [node for node in (schema, *schema["$defs"].values()) if "properties" in node]
    assert all(node["additionalProperties"] is False for node in sections)


def test_an_editor_flags_no_key_that_the_defaults_may_give() -> None:
    check = jsonschema.Draft202012Validator(build_schema()).validate
    check({"name": "iris", "data": {"target": "species"}, "monitor": {"catchup": True}})
    with pytest.raises(jsonschema.ValidationError, match="'name' is a required property"):
        check({"data": {"target": "species"}})
    with pytest.raises(jsonschema.ValidationError, match="'notifier' is a required property"):
        check({"name": "iris", "callbacks": {"on_failure": [{"args": {}}]}})


def test_defaults_have_a_definition_of_their_own() -> None:
    schema = build_schema()
    own = {"$schema": schema["$schema"], "$defs": schema["$defs"], "properties": schema["properties"]}
    check = jsonschema.Draft202012Validator({**own, "$ref": "#/$defs/Defaults"}).validate
    check({"owner": "growth", "retry": {"delay": "1m"}, "data": {"source": {"type": "csv"}}})
    for wrong in ({"name": "all"}, {"ownr": "growth"}, {"retry": {"delay": 5}}):
        with pytest.raises(jsonschema.ValidationError):
            check(wrong)
