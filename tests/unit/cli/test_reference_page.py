"""The page of the command line is that of the table, and commands end as it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main
from airflow_mlops.cli.reference import reference
from airflow_mlops.cli.table import COMMANDS, EXIT_CODES
from tests.support.project import ENVIRONMENT

ROOT = Path(__file__).parents[3]
FILES = ("file", "files", "path", "recipe")
NAMES = [command.name for command in COMMANDS]
READING = [
    *([command.name] for command in COMMANDS if command.arguments and command.arguments[0].flags[0] in FILES),
    ["list"],
    ["canary", "plan", "--rps", "1"],
    ["canary", "simulate"],
]


def test_the_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "cli.md"
    assert page.read_text() == reference(), (
        "run python -m airflow_mlops.cli.reference > docs/reference/cli.md"
    )


def test_every_command_says_how_it_ends() -> None:
    assert all(set(command.exits) <= {*EXIT_CODES, 130} and 0 in command.exits for command in COMMANDS)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_file_that_is_not_there_ends_with_2(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, str(tmp_path / "nowhere")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "nowhere" in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("name", [command.name for command in COMMANDS if not command.parser])
def test_an_unknown_option_ends_with_2_and_the_usage(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = next(command.arguments for command in COMMANDS if command.name == name)
    needed = [a for a in arguments if not a.flags[0].startswith("-") and "nargs" not in a.options]
    given = [str(argument.options.get("choices", ["x"])[0]) for argument in needed]
    words = [*given, "x"] if name == "lint" else given
    with pytest.raises(SystemExit) as ended:
        main([name, *words, "--nonsense"])
    assert ended.value.code == 2
    assert f"airflow-mlops {name}: error: unknown argument --nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lnt", "x"], "unknown command 'lnt' (did you mean lint?); known commands: init, "),
        (["simulate"], "unknown command 'simulate'"),
        (["lint", "x", "--fromat", "json"], "unknown argument --fromat (did you mean --format?)"),
        (["--odd", "serve"], "unknown argument --odd"),
        ([], "required: COMMAND"),
    ],
)
def test_a_wrong_word_is_told_with_the_nearest(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


MADE_UP = """
import sys
import airflow_mlops.cli.table as table
row = table.Command(
    "hello", "greet somebody", "made_up:hello", "hello --name Ada", {0: "greeted", 2: "nobody"},
    (table.Argument(("--name",), {"help": "whom"}),),
)
table.COMMANDS = (*table.COMMANDS, row)
from airflow_mlops.__main__ import main
from airflow_mlops.cli.airflow import get_cli_commands
from airflow_mlops.cli.parser import build_parser
from airflow_mlops.cli.reference import reference
assert main(["hello", "--name", "Ada"]) == 0
assert main(["hello"]) == 2
assert "## hello" in reference() and "| 2 | nobody |" in reference()
assert "hello" in build_parser()[1]
assert "hello" in [command.name for command in get_cli_commands()[0].subcommands]
"""


def test_a_command_is_a_module_and_a_row(tmp_path: Path) -> None:
    (tmp_path / "made_up.py").write_text(
        "from airflow_mlops.cli.dispatch import WrongCall\n\n\n"
        "def hello(arguments):\n"
        "    if not arguments.name:\n"
        "        raise WrongCall('--name is required')\n"
        "    print('hello', arguments.name)\n"
        "    return 0\n"
    )
    path = os.pathsep.join((str(tmp_path), ENVIRONMENT["PYTHONPATH"]))
    run = subprocess.run(
        [sys.executable, "-c", MADE_UP],
        env={**ENVIRONMENT, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (0, "hello Ada\n"), run.stderr
    assert "error: --name is required" in run.stderr
