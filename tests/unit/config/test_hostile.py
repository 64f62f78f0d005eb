"""Whatever stands in a file: it loads or is refused in one clear line, and nothing of it is run."""

import json
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_mlops.config.document import parse
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries
from airflow_mlops.config.loader import FileFaults, load_pipeline, pipeline_files
from airflow_mlops.config.queries import query_text
from airflow_mlops.core.errors import ConfigError
from tests.support.project import ENVIRONMENT

GOOD = """\
name: iris
data: {source: {type: csv, filepath: iris.csv}, target: species}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
"""


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "iris.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def _merges(*, wide: int, deep: int) -> bytes:
    """Mappings that each take in the one before, ``wide`` times."""
    lines = ["m0: &m0 {a: 1}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * wide)}]}}" for n in range(1, deep)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name: \xe9t\xe9\n", r":1:7: is not UTF-8 text \(byte 6\): save the file as UTF-8"),
        (GOOD.encode("utf-16"), "not UTF-8 text"),
        (b"\x00\x01\x02\x03" * 50, "not valid YAML: the control character"),
        (b"\x7fELF\x02\x01\x01\xff" * 20, "not UTF-8 text"),
        (b"x" * 10_000_000, "not be larger than 1,000,000 bytes"),
        (b"[" * 100_000, "must not be nested deeper than 100 levels"),
        (b"{a: " * 100_000, "must not be nested deeper than 100 levels"),
        (
            b"a:\n" + b"".join(b" " * n + b"- \n" for n in range(1, 300)),
            "not valid YAML|nested|must be|not a known",
        ),
        (b"a: [" + b"1," * 400_000 + b"]", "must not have more than 20,000 values"),
        (b"? [a]\n: b\n", "a key must be plain text"),
        (b"&a [*a]", "a mapping|nested deeper"),
        (b"a: &a {b: *a}", "nested deeper than 100"),
        (b"a: &a {<<: *a}", "must be another mapping"),
        (_merges(wide=10, deep=12), "must not have more than 20,000 values"),
        (_merges(wide=1, deep=900), "nested deeper than 100"),
        (b"a: " + b"9" * 5_000, "a number must not have 5,000 characters"),
        (b"k" * 900_000 + b": 1\n", "is not a known key|not valid YAML|could not find"),
        ("\n".join(f"key{n}: 1" for n in range(9_000)).encode(), "… and .* more"),
        ("a: 1\n" * 9_000, "duplicate key"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:20].replace("\n", " "),
)
def test_a_hostile_file_is_refused_without_harm(tmp_path: Path, content: bytes, expected: str) -> None:
    file = write(tmp_path, content)
    tracemalloc.start()
    with pytest.raises(ConfigError, match=expected) as caught:
        load_pipeline(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000
    assert max(map(len, str(caught.value).splitlines())) < 1_000
    assert len(str(caught.value).splitlines()) <= 101


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    for name, expected in {
        "pipe.yaml": "not a regular file",
        "folder.yaml": "is a folder",
        "loop.yaml": "cannot be read: Too many levels of symbolic links",
        "zero.yaml": "not a regular file",
        "gone.yaml": "file does not exist",
        "nul\0.yaml": "cannot be read",
    }.items():
        with pytest.raises(ConfigError, match=expected):
            load_pipeline(tmp_path / name)
    assert len(lint_files([(file, tmp_path) for file in sorted(tmp_path.iterdir())])) == 5


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_any_line_ending_and_a_byte_order_mark_are_read(tmp_path: Path, ending: str) -> None:
    content = b"\xef\xbb\xbf" + GOOD.replace("\n", ending).encode()
    assert load_pipeline(write(tmp_path, content)).name == "iris"
    with pytest.raises(FileFaults, match=r"iris\.yaml:5:1: scheduel: is not a known key"):
        load_pipeline(write(tmp_path, content + f"scheduel: x{ending}".encode()))


def test_a_number_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    file = write(
        tmp_path, GOOD.replace("Classifier}", "Classifier, params: {ccp_alpha: 1e-3, note: '1e-3'}}")
    )
    assert load_pipeline(file).train.params == {"ccp_alpha": 0.001, "note": "1e-3"}


def test_environment_variables_are_never_put_in(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.replace("iris.csv", "'$HOME/{{ ds }}.csv'"))
    assert load_pipeline(file).data.source.filepath == "$HOME/{{ ds }}.csv"


ANYWHERE = """\
x-note: %0
name: iris
description: %1
tags: [a, %2]
data: {source: {type: csv, filepath: %3, load_args: {sep: %4}}, target: %5, keys: [%6]}
validate: {expect: [{column: %7, in: [%8]}, {expect_column_to_exist: {column: %9}}]}
train: {estimator: sklearn.tree.DecisionTreeClassifier, params: {class_weight: {%10: 1}}}
evaluate: {metrics: [accuracy], slices: {%11: {accuracy: ">= 0.5"}}}
callbacks: {on_failure: [{notifier: airflow.sdk.BaseNotifier, args: {to: %12}}]}
profiles: {dev: {data.source.filepath: %13}}
"""


@pytest.mark.parametrize("place", range(14))
@pytest.mark.parametrize("name", ["${HOME}", "${HOME:-x}", "a ${env:HOME} b"])
def test_the_name_of_an_environment_variable_is_refused_wherever_it_stands(
    tmp_path: Path, place: int, name: str
) -> None:
    text = re.sub(r"%(\d+)", lambda found: json.dumps(name if int(found[1]) == place else "a"), ANYWHERE)
    with pytest.raises(FileFaults) as caught:
        load_pipeline(write(tmp_path, text))
    shown = name.strip("ab ")
    assert f"{shown} is not replaced: a pipeline file does not read environment variables" in str(
        caught.value
    )
    assert all("is not replaced" in fault.message for fault in caught.value.faults)


def test_the_name_of_an_environment_variable_is_refused_in_defaults_and_in_a_query_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "defaults.yaml").write_text('owner: "${USER}"\n')
    with pytest.raises(FileFaults, match=r"defaults.yaml:1:8: owner: \$\{USER\} is not replaced"):
        load_pipeline(write(tmp_path, GOOD))
    (tmp_path / "rows.sql").write_text("SELECT * FROM ${SCHEMA}.rows")
    with pytest.raises(ConfigError, match=r"rows.sql: \$\{SCHEMA\} is not replaced"):
        query_text("rows.sql", tmp_path)


def test_a_tag_runs_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for tag in ("!!python/object/apply:os.mkdir", "!!python/object/new:os.mkdir", "!!python/name:os.mkdir"):
        with pytest.raises(FileFaults, match="the tag"):
            load_pipeline(write(tmp_path, GOOD + f"description: {tag} ['{made}']\n"))
    assert not made.exists()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
names = st.sampled_from(
    ["name", "data", "source", "type", "train", "tune", "space", "evaluate", "metrics", "require", "deploy",
     "canary", "steps", "monitor", "schedule", "drift", "for", "profiles", "dev", "validate", "expect"]
) | st.text(max_size=5)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)
sections = st.dictionaries(
    st.sampled_from(
        ["data", "train", "evaluate", "deploy", "monitor", "validate", "profiles", "approve", "tags"]
    ),
    trees,
    max_size=4,
)


@given(sections)
@settings(max_examples=150, deadline=None)
@example({"profiles": {"dev": {"a..b": 1, "": None}}})
@example({"profiles": {"dev": {"profiles.dev": {}}}})
@example({"evaluate": {"metrics": ["accuracy"], "require": {"accuracy": None}}})
def test_any_tree_loads_or_every_line_of_the_refusal_has_its_place(
    tmp_path_factory: pytest.TempPathFactory, libraries: Libraries, tree: dict[str, object]
) -> None:
    good = yaml.safe_load(GOOD)
    file = tmp_path_factory.mktemp("fuzz") / "iris.yaml"
    file.write_text(yaml.safe_dump(good | tree, allow_unicode=True), encoding="utf-8")
    lines = len(file.read_text(encoding="utf-8").splitlines())
    for fault in lint_files([(file, file.parent)], libraries=libraries):
        assert fault.file == str(file)
        assert 1 <= fault.line <= lines
        assert fault.message


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, libraries: Libraries, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "iris.yaml"
    file.write_bytes(GOOD.encode()[: len(content)] + content)
    for fault in lint_files([(file, file.parent)], libraries=libraries):
        assert fault.line >= 1


@given(st.text(alphabet="ab:-?[]{}!&*|>%@`'\"#, \n\t0123", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_punctuation_is_parsed_or_refused(text: str) -> None:
    try:
        faults = parse(text, "x.yaml").faults
    except FileFaults as error:
        faults = list(error.faults)
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults)


HOSTILE_CODE = {
    "deep.py": "x = " + "(" * 50_000,
    "long.py": "x = " + "-" * 100_000 + "1\n",
    "wide.py": "x = [" + "1," * 100_000 + "]\n",
    "nul.py": "x = 1\0\n",
    "coded.py": "# coding: rot13\n",
}
HOSTILE_VALUES = {
    "uri": ("description", "a" * 900_000),
    "uris": ("description", "a://:" * 150_000),
    "tokens": ("description", "eyJ" * 250_000),
    "queries": ("description", "?token" * 120_000),
    "template": ("description", "{{ " + "(" * 90_000),
    "templates": ("description", "{{ x }}" * 5_000),
    "expression": ("description", "{{ 1" + "+1" * 50_000 + " }}"),
    "cron": ("schedule", "*," * 200_000 + "* * * * *"),
    "size": ("pool", "9" * 900_000),
    "image": ("tasks", {"train": {"resources": {"image": "a/" * 300_000, "memory": "9" * 200_000}}}),
    "notifier": ("callbacks", {"on_failure": [{"notifier": "a." * 200_000 + "b"}]}),
    "regex": ("validate", {"expect": [{"column": "a", "regex": "(" * 100_000}]}),
    "repeats": ("validate", {"expect": [{"column": "a", "regex": "((a{1,9999}){1,9999}){1,9999}"}]}),
}


def test_no_file_takes_long_or_much_memory_whatever_stands_in_it(tmp_path: Path) -> None:
    for name, code in HOSTILE_CODE.items():
        (tmp_path / name).write_text(code)
        write(tmp_path, GOOD + f"features: {name[:-3]}:build\n").rename(tmp_path / f"{name}.yaml")
    for name, (key, value) in HOSTILE_VALUES.items():
        whole = {**yaml.safe_load(GOOD), key: value}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(whole, width=10_000_000))
    laughs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    (tmp_path / "laughs.yaml").write_text(f"{GOOD}a0: &a0 [ha]\n{laughs}")
    (tmp_path / "bytes.yaml").write_bytes(b"\x00" * 900_000)
    (tmp_path / "rows.csv").write_text("a," * 2_000_000)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1" + b"\xff" * 1_000 + b"PAR1")
    for kind in ("csv", "parquet"):
        (tmp_path / f"header_{kind}.yaml").write_text(
            GOOD.replace("type: csv, filepath: iris.csv", f"type: {kind}, filepath: rows.{kind}")
        )
    limits = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9,) * 2)"
    limits += "; resource.setrlimit(resource.RLIMIT_CPU, (20, 20))"
    code = f"import sys; {limits}; from airflow_mlops.__main__ import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "lint", "--format", "json", str(tmp_path)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr[-2_000:]
    assert "Traceback" not in done.stderr
    faults = json.loads(done.stdout)
    told = {Path(fault["file"]).stem for fault in faults}
    assert told >= {"deep.py", "long.py", "template", "cron", "size", "image", "notifier", "regex", "laughs"}
    assert max(len(fault["message"]) for fault in faults) < 2_000


def test_links_are_read_as_what_they_lead_to_and_loops_end(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "pipelines"
    for place in (outside, folder):
        place.mkdir()
    write(outside, GOOD)
    (folder / "linked.yaml").symlink_to(outside / "iris.yaml")
    (folder / "again").symlink_to(folder)
    (folder / "elsewhere").symlink_to(outside)
    found = pipeline_files(folder)
    assert [file.name for file in found] == ["linked.yaml"]
    assert load_pipeline(found[0]).name == "iris"


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    file.chmod(0)
    code = f"""
import os
from pathlib import Path
from airflow_mlops.config.text_files import read_text
os.chdir({str(tmp_path)!r})
os.getuid() or os.setuid(65534)  # root may read everything
try:
    read_text(Path("iris.yaml"))
except Exception as error:
    print(error)
"""
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout == "iris.yaml: cannot be read: Permission denied\n", done.stderr


def written() -> list[str]:
    found = sorted((Path(__file__).parents[2] / "corpus").rglob("*.yaml"))
    return [file.read_bytes().decode("utf-8") for file in found]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A file of the corpus with some lines doubled, lost, swapped or cut, and some characters changed."""
    lines = draw(st.sampled_from(written())).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(lines) - 1, 0)))
        line = lines[at] if lines else ""
        cut = draw(st.integers(0, len(line)))
        other = draw(
            st.sampled_from(["", line, f"  {line}", line[:cut], line[cut:], line.replace(" ", "", 1)])
        )
        odd = draw(
            st.sampled_from(["", "off", "{{", "}}", "*a", "&a", "!!", "[", "]", ": ", "~", "1e999", "é"])
        )
        lines[at : at + draw(st.integers(0, 1))] = [other[:cut] + odd + other[cut:]]
    return "\n".join(lines)


@given(mutated())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_file_is_read_or_refused_and_nothing_of_it_runs(
    tmp_path_factory: pytest.TempPathFactory, libraries: Libraries, text: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "corpus_rows.py").write_text("raise SystemExit('lint must not run this')\n")
    file = folder / "mutated.yaml"
    file.write_text(text, encoding="utf-8")
    for fault in lint_files([(file, folder)], libraries=libraries):
        assert fault.line >= 1
        assert fault.message
