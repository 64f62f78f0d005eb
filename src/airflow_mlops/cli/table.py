"""The commands as one table; the ``airflow-mlops`` and the ``airflow mlops`` parsers are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Argument:
    """One argument: its flags, and what argparse is told about it."""

    flags: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Command:
    """One command; ``function`` is ``module:name``, imported only when the command runs."""

    name: str
    help: str
    function: str
    example: str
    arguments: tuple[Argument, ...] = field(default=())

    @property
    def epilog(self) -> str:
        """What ``--help`` ends with."""
        return f"example: airflow-mlops {self.example}"


def _argument(*flags: str, **options: Any) -> Argument:
    return Argument(flags, options)


_FILE: Final = _argument("file", help="pipeline file")
_PROFILE: Final = _argument("--profile", metavar="P", help="profile that lies over the file")

COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "init",
        "write a working pipeline with its data, the DAG file and a test; overwrites nothing",
        "airflow_mlops.cli.init:init",
        "init my-models --name tumours --schedule @weekly",
        (
            _argument("folder", nargs="?", default=".", help="folder; the working folder by default"),
            _argument("--name", metavar="NAME", help="pipeline; asked at a terminal, else tumours"),
            _argument(
                "--schedule",
                metavar="WHEN",
                help="when it trains, as @weekly or a cron expression; else by hand",
            ),
        ),
    ),
    Command(
        "run",
        "run a pipeline on this machine, to the champion and through its canary, without Airflow",
        "airflow_mlops.cli.run:run",
        "run pipelines/churn.yaml --profile dev --until evaluate",
        (
            _argument(
                "path", nargs="?", help="pipeline file or folder; the only one in pipelines by default"
            ),
            _PROFILE,
            _argument("--until", metavar="TASK", help="stop after this task, such as evaluate (see graph)"),
            _argument("--yes", action="store_true", help="answer an approval with yes"),
            _argument("--as-of", metavar="MOMENT", help="ISO time that the data ends at; now by default"),
            _argument("--restart", action="store_true", help="begin anew where an earlier run could go on"),
            _argument(
                "--format", choices=("text", "json"), default="text", help="how it is told; text by default"
            ),
            _argument("--verbose", "-v", action="store_true", help="the whole log on standard error as well"),
        ),
    ),
    Command(
        "lint",
        "check pipeline files as deeply as possible, running nothing; every fault in one go",
        "airflow_mlops.cli.lint:lint",
        "lint pipelines/ --format github",
        (
            _argument("files", nargs="+", help="pipeline files or folders"),
            _argument("--profile", metavar="P", help="check deeply with this profile only"),
            _argument(
                "--format",
                choices=("text", "json", "github", "sarif"),
                default="text",
                help="how faults are printed; text by default",
            ),
        ),
    ),
    Command(
        "render",
        "print the effective configuration of a pipeline file, defaults included",
        "airflow_mlops.cli.commands:render",
        "render pipelines/churn.yaml --diff dev",
        (
            _FILE,
            _PROFILE,
            _argument("--diff", metavar="OTHER", help="print what another profile or file changes"),
        ),
    ),
    Command(
        "list",
        "list the pipelines of a folder with their schedules",
        "airflow_mlops.cli.commands:list_pipelines",
        "list pipelines/",
        (
            _argument("folder", nargs="?", help="folder; pipelines by default, else the working folder"),
            _PROFILE,
        ),
    ),
    Command(
        "graph",
        "show the DAGs of a pipeline file: tasks, order, assets",
        "airflow_mlops.cli.commands:graph",
        "graph pipelines/churn.yaml --format mermaid",
        (
            _FILE,
            _PROFILE,
            _argument(
                "--format",
                choices=("text", "mermaid"),
                default="text",
                help="how it is drawn; text by default",
            ),
        ),
    ),
    Command(
        "eject",
        "write the DAGs of a pipeline file as one Python file that needs no YAML",
        "airflow_mlops.cli.eject:eject",
        "eject pipelines/churn.yaml -o churn.py",
        (
            _FILE,
            _PROFILE,
            _argument("-o", "--output", metavar="OUT", help="new Python file; printed by default"),
        ),
    ),
    Command(
        "doctor",
        "check this installation: versions, Airflow, connections, servers, storage, pipelines",
        "airflow_mlops.cli.doctor.command:doctor",
        "doctor pipelines/",
        (
            _argument("path", nargs="?", help="pipeline file or folder; what the DAG files load by default"),
            _PROFILE,
            _argument(
                "--format",
                choices=("text", "json"),
                default="text",
                help="how it is printed; text by default",
            ),
        ),
    ),
    Command(
        "migrate",
        "turn an MLflow recipe into a pipeline file, with a report of every value",
        "airflow_mlops.cli.migrate.command:migrate",
        "migrate recipe.yaml -o pipelines/taxi/taxi.yaml",
        (
            _argument("recipe", help="recipe.yaml, or the folder that holds it"),
            _argument(
                "-o",
                "--output",
                metavar="FILE",
                help="pipeline file to write; standard output by default",
            ),
            _argument("--profile", metavar="P", help="the recipe's main profile; local by default"),
        ),
    ),
    Command(
        "completion",
        "print what makes a shell complete commands, options, pipeline files, profiles and tasks",
        "airflow_mlops.cli.completion:completion",
        "completion bash >> ~/.bashrc",
        (_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads it"),),
    ),
    Command(
        "schema",
        "print the JSON Schema of pipeline files, for editors",
        "airflow_mlops.cli.commands:schema",
        "schema > airflow_mlops.schema.json",
    ),
    Command(
        "canary",
        "what a canary will see (plan), and how it would end (simulate)",
        "airflow_mlops.cli.canary:canary",
        "canary plan pipelines/churn.yaml --rps 50",
        (_argument("words", nargs="...", help="plan or simulate; --help after either says more"),),
    ),
)
