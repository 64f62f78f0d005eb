"""Models, and requests for them, that MLflow's scoring server and the model server are asked alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

_ECHO = '''
import mlflow, numpy as np, pandas as pd

def told(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype.kind}{value.tolist()}"
    if isinstance(value, dict):
        return str({k: told(v) for k, v in value.items()})
    if isinstance(value, list):
        return str([told(v) for v in value])
    if isinstance(value, np.generic):
        value = value.item()
    return "gap" if value is None or value is pd.NaT or value != value else repr(value)

class Model(mlflow.pyfunc.PythonModel):
    """Answers what it was given, so that a value that was changed on its way is seen."""

    def predict(self, context, model_input, params=None):
        shape = (params or {}).get("shape")
        if shape:
            return SHAPES[shape]
        extra = f" {params}" if params else ""
        if isinstance(model_input, pd.DataFrame):
            return [f"{i} " + " ".join(f"{c}={told(v)}" for c, v in zip(model_input.columns, row)) + extra
                    for i, row in zip(model_input.index, model_input.itertuples(index=False, name=None))]
        return [told(model_input) + extra]

SHAPES = {
    "frame": pd.DataFrame({"low": [1, 2], "high": [1.5, 2.5]}),
    "series": pd.Series([1, 2], name="y"),
    "unnamed series": pd.Series([0.5]),
    "mapping": {"low": np.array([1, 2]), "high": [1.5, "x"]},
    "number": 3,
    "text": "yes",
    "nested": np.array([[[1, 2], [3, 4]]]),
    "longer": [1, 2, 3],
    "shorter": [],
    "mixed": [1, "x", None, 2.5, True],
    "times": pd.DataFrame({"t": pd.to_datetime(["2024-02-29"])}),
    "numpy": [np.int64(1), np.float32(0.5), np.bool_(True)],
    "nan": [float("nan"), float("inf"), 1.0],
    "bytes": [b"ab", bytes(range(90))],
}
mlflow.models.set_model(Model())
'''

COLUMNS = Schema([
    ColSpec("double", "x"), ColSpec("long", "n"), ColSpec("string", "s"), ColSpec("datetime", "t"),
    ColSpec("boolean", "b", required=False), ColSpec("float", "f", required=False),
])  # fmt: skip
SIGNATURES: dict[str, ModelSignature | None] = {
    "columns": ModelSignature(COLUMNS),
    "table": ModelSignature(
        Schema([ColSpec("double", "x"), ColSpec("long", "n"), ColSpec("string", "s")]),
        params=ParamSchema([ParamSpec("k", "long", 3), ParamSpec("w", "double", [1.0], (-1,))]),
    ),
    "one": ModelSignature(
        Schema([ColSpec("double", "x")]), params=ParamSchema([ParamSpec("shape", "string", "")])
    ),
    "unnamed": ModelSignature(Schema([ColSpec("double"), ColSpec("long")])),
    "nested": ModelSignature(
        Schema([
            ColSpec(Array(DataType.double), "v"),
            ColSpec(Object([Property("a", DataType.long), Property("b", DataType.double, False)]), "o"),
            ColSpec(Map(DataType.double), "m", required=False),
            ColSpec(AnyType(), "z", required=False),
        ])
    ),
    "tensor": ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 3))])),
    "whole tensor": ModelSignature(Schema([TensorSpec(np.dtype("int32"), (-1, 2))])),
    "tensors": ModelSignature(
        Schema([TensorSpec(np.dtype("float32"), (-1, 2), "p"), TensorSpec(np.dtype("str"), (-1,), "q")])
    ),
    "free": None,
}  # fmt: skip


def log_models(folder: Path, name: str, experiment: str) -> dict[str, int]:
    """Register a version for each signature and return their numbers; MLflow's tracking URI is set."""
    code = folder / "echo.py"
    code.write_text(_ECHO)
    versions = {}
    for kind, signature in SIGNATURES.items():
        with mlflow.start_run(experiment_id=experiment):
            info = mlflow.pyfunc.log_model(
                name="model", python_model=str(code), signature=signature, pip_requirements=["numpy"],
                registered_model_name=name,
            )  # fmt: skip
        versions[kind] = int(info.registered_model_version)
    return versions


@dataclass(frozen=True)
class Case:
    """A request for one of the models; ``difference`` names the row of the table that is about it."""

    model: str
    body: Any
    difference: str = ""
    type: str | None = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


DAY = "2024-02-29"
ROW = {"x": 1.5, "n": 3, "s": "k", "t": DAY}


def split(*rows: list[Any], columns: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a body of dataframe_split."""
    return {"dataframe_split": {"columns": columns or list(ROW), "data": list(rows), **more}}


def changed(**values: Any) -> dict[str, Any]:
    """Return a body of dataframe_records with one row that differs from ROW."""
    return {"dataframe_records": [{**ROW, **values}]}


def shape(kind: str) -> dict[str, Any]:
    """Return a request that is answered in a certain shape."""
    return {**split([1.0], columns=["x"]), "params": {"shape": kind}}


def params(**values: Any) -> dict[str, Any]:
    """Return a request with params."""
    return {**split([1.0, 2, "k"], columns=["x", "n", "s"]), "params": values}


CSV = "text/csv"
CASES = [
    # Formats
    Case("columns", split([1.5, 3, "k", DAY])),
    Case("columns", split([1.5, 3, "k", DAY], [2, 4, "l", DAY], index=["a", "b"])),
    Case("columns", {"dataframe_records": [ROW, ROW]}),
    Case("columns", {"inputs": {name: [value, value] for name, value in ROW.items()}}),
    Case("columns", {"inputs": ROW}),
    Case("columns", {"inputs": {**ROW, "x": [1.5, 2.5]}}),
    Case("columns", {"inputs": [ROW, ROW]}),
    Case("columns", {"instances": [ROW, ROW]}),
    Case("columns", {"instances": {name: [value] for name, value in ROW.items()}}),
    Case("columns", {**changed(zz=1), "unknown": 1}),
    Case("one", {"inputs": [1, 2.5]}),
    Case("one", split(1.0, 2, columns=["x"])),
    Case("unnamed", {"dataframe_split": {"data": [[1, 2]]}}),
    Case("unnamed", split([1, 2, 9], columns=["p", "q", "r"])),
    Case("unnamed", {"inputs": [[1, 2], [3, 4]]}, "unnamed inputs"),
    Case("unnamed", split([1], columns=["p"])),
    # Values
    Case("columns", changed(x=1, n=3.0)),
    Case("columns", changed(x=None, s=None, t=None)),
    Case("columns", changed(n=None)),
    Case("columns", changed(n=3.5), "cut off"),
    Case("columns", changed(n=2.0**53), "large float"),
    Case("columns", changed(x="1.5"), "text as number"),
    Case("columns", changed(x="far")),
    Case("columns", changed(b=True)),
    Case("columns", changed(b="no"), "flag"),
    Case("columns", changed(b=None), "flag gap"),
    Case("columns", changed(f=1e39), "out of range"),
    Case("columns", changed(t=f"{DAY}T10:00:00.5")),
    Case("columns", changed(t=f"{DAY}T10:00:00.123456789")),
    Case("columns", changed(t="1600-01-01")),
    Case("columns", changed(t="9999-12-31")),
    Case("columns", changed(t=1709164800000), "date as number"),
    Case("columns", changed(t="02/03/2024"), "ambiguous date"),
    Case("columns", changed(t="2024-03"), "month"),
    Case("columns", changed(t=""), "text as gap"),
    Case("columns", changed(t="NaT"), "text as gap"),
    Case("columns", changed(t=f"{DAY}T10:00:00Z"), "zone"),
    Case("columns", {"dataframe_records": [ROW, {**ROW, "t": f"{DAY} 10:00"}]}, "mixed dates"),
    Case("columns", split([1.5, 3, "k"])),
    Case("columns", split([1.5, 3, "k", DAY], [1.5, 3]), "ragged"),
    Case("columns", split([1.5, 3, "k", DAY], index=[1, 2]), "broadcast"),
    Case("columns", split([1.5, 3, "\ud800", DAY])),
    Case("columns", {"dataframe_records": [{**ROW, f"z{i}": 1} for i in range(1600)]}, "sparse records"),
    Case("columns", b'{"dataframe_records": [{"x": 1e999, "n": 3, "s": "k", "t": null}]}', "out of range"),
    Case("columns", split(), "empty"),
    Case("columns", split([1.5], columns=["x"])),
    Case("columns", b'{"dataframe_records": [{"x": NaN, "n": 3, "s": "k", "t": null}]}'),
    # Bodies
    Case("columns", "{"),
    Case("columns", [1]),
    Case("columns", {"rows": 1}),
    Case("columns", {**changed(), "inputs": [1]}),
    Case("columns", {"dataframe_split": {"data": [[1]], "rows": 1}}),
    Case("columns", {"dataframe_records": ROW}),
    Case("free", {"messages": [{"role": "user", "content": "hi"}]}, "llm"),
    Case("columns", "<a/>", type="application/xml"),
    Case("columns", changed(), type="application/json; charset=utf-8"),
    Case("columns", changed(), type="application/json; charset=latin-1"),
    # Arrays, objects, mappings
    Case("nested", {"dataframe_records": [{"v": [1.5, 2], "o": {"a": 1}, "z": [1, {"q": None}]}]}),
    Case(
        "nested", {"dataframe_records": [{"v": [1, 2], "o": {"a": 1, "b": 2}, "m": {"k": 1}}]},
        "whole in arrays",
    ),
    Case("nested", {"inputs": {"v": [1.5, 2.5], "o": {"a": 1}}}),
    Case("nested", {"dataframe_records": [{"v": ["far"], "o": {"a": 1}}]}),
    Case("nested", {"dataframe_records": [{"v": [1.5], "o": {"q": 1}}]}),
    # Tensors
    Case("tensor", {"inputs": [[1, 2, 3], [4, 5, 6.5]]}),
    Case("tensor", {"instances": [[1, 2, 3]]}),
    Case("tensor", {"inputs": [[None, 1, 2]]}),
    Case("tensor", {"inputs": [[1, 2]]}),
    Case("tensor", {"inputs": [[1, 2, 3], [1]]}),
    Case("tensor", {"inputs": [["far", 1, 2]]}),
    Case("tensor", {"inputs": [["1", 1, 2]]}, "text as number"),
    Case("tensor", split([1, 2, 3], columns=["a", "b", "c"])),
    Case("whole tensor", {"inputs": [[1, 2.0]]}),
    Case("whole tensor", {"inputs": [[1, 2.5]]}, "cut off"),
    Case("whole tensor", {"inputs": [[1, None]]}),
    Case("tensors", {"inputs": {"p": [[1, 2]], "q": ["x"]}}),
    Case("tensors", {"instances": [{"p": [1, 2], "q": "x"}, {"p": [3, 4], "q": "y"}]}),
    Case("tensors", split([[1, 2], "x"], columns=["p", "q"])),
    Case("tensors", {"inputs": {"p": [[1, 2]]}}),
    Case("tensors", {"inputs": [{"p": [1, 2], "q": "x"}]}, "records for tensors"),
    # No signature
    Case("free", {"inputs": {"a": [1, 2], "b": ["x", "y"]}}),
    Case("free", {"inputs": [[1, 2], [3, 4]]}),
    Case("free", {"inputs": "text"}),
    Case("free", {"instances": [{"a": 1}, {"a": 2.5}]}),
    Case("free", {"instances": [[1], [2, 3]]}),
    Case("free", split([1, 2], columns=[0, 1])),
    Case("free", {"dataframe_split": {"data": [[1, 2]]}}),
    # Parameters
    Case("table", params()),
    Case("table", params(k=9)),
    Case("table", params(k=9, w=[1, 2.5])),
    Case("table", params(k=9.5)),
    Case("table", params(k="x")),
    Case("table", params(w=1)),
    Case("table", {**split([1.0, 2, "k"], columns=["x", "n", "s"]), "params": [1]}),
    Case("table", params(kk=9), "params"),
    Case("columns", {**changed(), "params": {"k": 9}}, "params"),
    # CSV
    Case("table", "x,n,s\n1.5,3,007\n2,4,k\n", type=CSV),
    Case("table", 'x,n,s\n1.5,3,"a, ""b"""\n', type=CSV),
    Case("table", "x,n,s\n,3,NA\n", type=CSV),
    Case("table", "x,n,s\n1.5,,k\n", type=CSV),
    Case("table", "x,n,s\nfar,3,k\n", type=CSV),
    Case("table", "x,n,s\ninf,3,k\n", type=CSV),
    Case("table", "x,n,s\n1e400,3,k\n", "out of range", type=CSV),
    Case("table", "x,n\n1.5,3\n", type=CSV),
    Case("table", "", type=CSV),
    Case("table", "x,n,s\n1.5,3\n", "csv ragged", type=CSV),
    Case("table", "x,n,s\n1,2,3,4\n", "csv ragged", type=CSV),
    Case("columns", f"x,n,s,t\n1.5,3,k,{DAY}\n", "csv dates", type=CSV),
    Case("tensor", "a,b,c\n1,2,3\n", "csv tensors", type=CSV),
    Case("free", "a,b\n1,x\n2.5,y\n", type=CSV),
    # Answers
    *(Case("one", shape(kind)) for kind in (
        "frame", "series", "unnamed series", "mapping", "number", "text", "nested", "longer", "shorter",
        "mixed", "times", "numpy",
    )),
    Case("one", shape("nan"), "nan"),
    Case("one", shape("bytes"), "bytes"),
]  # fmt: skip
