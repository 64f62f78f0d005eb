"""The JSON Schema of a pipeline file, made from the models, and the reference page made from it.

``python -m airflow_mlops.config.schema`` prints the schema, with ``--markdown`` the page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from airflow_mlops.config.models import Pipeline

FILE: Final = "airflow_mlops.schema.json"
_PROFILES: Final = {
    "description": "Settings by profile name; dotted keys such as `train.tune.n_trials` override the file.",
    "type": "object",
    "additionalProperties": {"type": "object"},
}
_ANCHORS: Final = {"^x-": {"description": "Values for YAML anchors; nothing else reads them."}}
_SHOWN: Final = 13
"""Names of a long list in the reference page."""


class _FileSchema(GenerateJsonSchema):
    """A schema without the titles that pydantic makes of names, in which ``off`` stands for null."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        section = super().model_schema(schema)
        del section["title"]
        return section

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return {"anyOf": [*super().nullable_schema(schema)["anyOf"], {"const": False}]}


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that editors and other tools check a pipeline file with.

    It holds the shape of a file; limits that join several keys are checked by ``airflow-mlops lint``. So are
    missing keys: all but ``name`` may stand in a ``defaults.yaml`` or a profile, which an editor does not
    see. For ``defaults.yaml`` itself there is the definition ``#/$defs/Defaults``.
    """
    schema = model_schema()
    listed = {
        _name(value["items"])
        for section in (schema, *schema["$defs"].values())
        for value in section["properties"].values()
        if "$ref" in (value.get("items") or ())
    }
    for name, section in schema["$defs"].items():
        if name not in listed:  # the items of a list are replaced as a whole, never joined
            section.pop("required", None)
    schema["required"] = ["name"]
    schema["$defs"]["Defaults"] = {
        "description": "Defaults of the pipeline files in this folder and below: any section, but no name.",
        "type": "object",
        "additionalProperties": False,
        "patternProperties": _ANCHORS,
        "properties": {
            key: {"$ref": f"#/properties/{key}", "description": value["description"]}
            for key, value in schema["properties"].items()
            if key != "name"
        },
    }
    return schema


def model_schema() -> dict[str, Any]:
    """Return the schema of a whole configuration, with every key that it must have."""
    schema = Pipeline.model_json_schema(by_alias=True, schema_generator=_FileSchema)
    schema["properties"]["profiles"] = _PROFILES
    schema["patternProperties"] = _ANCHORS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "airflow-mlops pipeline",
        **schema,
    }


def packaged_schema() -> str:
    """Return the schema that is shipped with this package, as text."""
    return files("airflow_mlops.config").joinpath(FILE).read_text(encoding="utf-8")


def as_text(schema: Mapping[str, Any]) -> str:
    """Return a schema as it is shipped."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def reference(schema: Mapping[str, Any]) -> str:
    """Return the reference page: every key with its type, its default and what it does."""
    lines = [
        "# The pipeline file",
        "",
        "Made from the schema by `python -m airflow_mlops.config.schema --markdown`; do not edit.",
        "",
        "Durations are written as `90s`, `30m`, `24h`, `14d`, `2w` or in ISO-8601 (`PT30M`). A limit is a",
        "sign and a number in quotes, such as `'>= 0.8'`. `off` switches off a section that may be left out.",
    ]
    for path, section in _sections(schema, schema, ""):
        lines += ["", f"## {f'`{path}`' if path else 'Top level'}", ""]
        if path and section.get("description"):
            lines += [section["description"], ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        needed = section.get("required", [])
        for key, value in section["properties"].items():
            default = "required" if key in needed else _default(value)
            what = str(value.get("description", "")).replace("|", "\\|")
            lines.append(f"| `{key}` | {_type(value, schema)} | {default} | {what} |")
    return "\n".join(lines) + "\n"


def _sections(
    schema: Mapping[str, Any], node: Mapping[str, Any], path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every section with its path; one that is the item of several lists only once."""
    listed: set[str] = set()
    yield path, node
    for key, value in node["properties"].items():
        here = f"{path}.{key}".lstrip(".")
        for inner, item in (
            (value, ""),
            (value.get("additionalProperties"), ".*"),
            (value.get("items"), "[]"),
        ):
            found = _resolved(inner, schema) if isinstance(inner, dict) else None
            if found is not None and (not item or _name(inner) not in listed):
                listed |= {_name(inner)} if item else set()
                yield from _sections(schema, found, f"{here}{item}")


def _resolved(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the section that a key holds, or None when it holds plain values."""
    for option in (value, *value.get("anyOf", ())):
        if "$ref" in option:
            found: Mapping[str, Any] = schema["$defs"][_name(option)]
            return found
    return None


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference.get("$ref", "")).rpartition("/")[2]


def _type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if _resolved(value, schema) is not None:
        return "section"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        names = [f"`{item}`" for item in value["enum"]]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + more
    options = [item for item in value.get("anyOf", ()) if item not in ({"type": "null"}, {"const": False})]
    if options:
        return _type(options[0], schema)
    if value.get("type") == "array":
        return f"list of {_type(value.get('items') or {}, schema)}"
    return {"object": "mapping", "string": "text", None: "any"}.get(value.get("type"), str(value.get("type")))


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default is None or default == "":
        return "–"
    if isinstance(default, dict):
        return "its defaults" if default else "`{}`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


if __name__ == "__main__":
    sys.stdout.write(reference(model_schema()) if "--markdown" in sys.argv else as_text(build_schema()))
