"""The commands, one row each.

Both parsers (``airflow-mlops`` and ``airflow mlops``), shell completion, the reference page and the exit
codes are derived from these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_mlops.cli.command import Argument as Argument
from airflow_mlops.cli.command import Command as Command
from airflow_mlops.cli.command import argument, output_format

EXIT_CODES: Final[Mapping[int, str]] = {
    0: "success; warnings do not change it",
    1: "rejected: data, gate, approval or canary; or a file has faults, or a check failed",
    2: "the call is wrong: an unknown command, option or value, a file that is missing or already exists",
    3: "an external system failed: MLflow, storage, a server",
    4: "waiting for a person",
}


def command_named(name: str) -> Command:
    """Return the row of a command; raises StopIteration for an unknown name."""
    return next(command for command in COMMANDS if command.name == name)


_FILE: Final = argument("file", help="pipeline file")
_PROFILE: Final = argument("--profile", metavar="P", help="profile to apply over the file")
_MISSING_FILE: Final = "the file does not exist"
_PRINTED: Final = {0: "printed", 1: "the file has faults", 2: _MISSING_FILE}

COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "init",
        "create a working pipeline with its data, the DAG file and a test; never overwrites a file",
        "airflow_mlops.cli.init:init",
        "init my-models --name tumours --schedule @weekly",
        {
            0: "created",
            2: "a file exists already, or a value is not valid",
            130: "interrupted; nothing was written",
        },
        (
            argument("folder", nargs="?", default=".", help="folder (default: the working folder)"),
            argument(
                "--name", metavar="NAME", help="pipeline name (default: asked at a terminal, else tumours)"
            ),
            argument(
                "--schedule",
                metavar="WHEN",
                help="training schedule, as @weekly or a cron expression (default: asked, else by hand)",
            ),
            argument("--deploy", action="store_true", help="add a canary deployment with an approval"),
            argument("--approver", metavar="USER", help="who approves it (default: this system user)"),
        ),
    ),
    Command(
        "run",
        "run a pipeline on this machine, to the champion and through its canary, without Airflow",
        "airflow_mlops.cli.run:run",
        "run pipelines/churn.yaml --profile dev --until evaluate",
        {
            0: "done",
            1: "rejected: data, gate, approval or canary",
            2: "the file or the call is wrong",
            3: "an external system failed",
            4: "waiting for an approval: answer with --yes, or at a terminal",
            130: "interrupted (128 and the number of the signal); the next run resumes it",
        },
        (
            argument("path", nargs="?", help="pipeline file or folder (default: the only file in pipelines)"),
            _PROFILE,
            argument("--until", metavar="TASK", help="stop after this task, such as evaluate (see graph)"),
            argument("--yes", action="store_true", help="approve the deployment"),
            argument("--as-of", metavar="TIME", help="ISO time at which the data ends (default: now)"),
            argument(
                "--restart", action="store_true", help="start a new run instead of resuming the last one"
            ),
            output_format("text", "json"),
            argument(
                "--verbose", "-v", action="store_true", help="print the whole log on standard error too"
            ),
        ),
    ),
    Command(
        "status",
        "show versions, the running rollout, the last monitored windows and what waits for a person",
        "airflow_mlops.cli.status:status",
        "status pipelines/ --format json",
        {
            0: "printed",
            1: "a pipeline file has faults",
            2: "the path does not exist, or has no pipeline file",
            3: "MLflow or the rollout store does not answer",
        },
        (
            argument(
                "path", nargs="?", help="pipeline file or folder (default: pipelines, else this folder)"
            ),
            _PROFILE,
            output_format("text", "json"),
        ),
    ),
    Command(
        "rollout",
        "show where the rollout of a pipeline stands, resume it, or take it back from any phase",
        "airflow_mlops.cli.rollout:rollout",
        "rollout churn abort pipelines/",
        {
            0: "printed; resumed or promoted; taken back",
            1: "no rollout is running, or it ended without a promotion (resume)",
            2: "the path does not exist, or has no pipeline of that name with a `deploy` section",
            3: "the model server, MLflow or the rollout store does not answer",
            4: "paused again: waiting for a person (resume)",
            130: "interrupted (resume); the rollout stays as it is",
        },
        (
            argument("name", metavar="NAME", help="pipeline"),
            argument(
                "action",
                choices=("status", "resume", "abort"),
                help="show it; continue a paused one, and drive it when no task does; "
                "give the traffic back to the champion",
            ),
            argument(
                "path", nargs="?", help="pipeline file or folder (default: pipelines, else this folder)"
            ),
            _PROFILE,
            argument(
                "--force",
                action="store_true",
                help="abort: end the record although server or MLflow do not answer, or another store "
                "moves the traffic",
            ),
            output_format("text", "json"),
        ),
    ),
    Command(
        "card",
        "write the training card of a registered version to an HTML file, or open it in the browser",
        "airflow_mlops.cli.card:card",
        "card churn@champion --open",
        {
            0: "written",
            1: "the version does not exist, or has no card",
            2: "the call is wrong, or this folder has no MLflow store",
            3: "MLflow does not answer, or the file cannot be written",
        },
        (
            argument(
                "version",
                metavar="NAME[@VERSION]",
                help="pipeline with a version or an alias, such as churn@3 (default: the champion)",
            ),
            argument("--open", action="store_true", help="open the card in the browser"),
            argument(
                "--output",
                "-o",
                metavar="FILE",
                help="file to write, - for standard output (default: NAME-VERSION.card.html here; "
                "with --open in a temporary folder)",
            ),
        ),
    ),
    Command(
        "lint",
        "check pipeline files without running anything; reports every fault at once",
        "airflow_mlops.cli.lint:lint",
        "lint pipelines/ --format github",
        {0: "no fault", 1: "at least one fault", 2: "a path does not exist, or has no file to check"},
        (
            argument("files", nargs="+", help="pipeline files or folders"),
            argument("--profile", metavar="P", help="run the deep checks with this profile only"),
            output_format("text", "json", "github", "sarif"),
        ),
    ),
    Command(
        "render",
        "print the effective configuration of a pipeline file, defaults included",
        "airflow_mlops.cli.render:render",
        "render pipelines/churn.yaml --diff dev",
        _PRINTED,
        (
            _FILE,
            _PROFILE,
            argument("--diff", metavar="OTHER", help="print the difference to another profile or file"),
        ),
    ),
    Command(
        "list",
        "list the pipelines of a folder with their schedules",
        "airflow_mlops.cli.list:list_pipelines",
        "list pipelines/",
        {0: "printed", 1: "a pipeline file has faults", 2: "the folder does not exist"},
        (
            argument("folder", nargs="?", help="folder (default: pipelines, else the working folder)"),
            _PROFILE,
        ),
    ),
    Command(
        "graph",
        "show the DAGs of a pipeline file: tasks, order, assets",
        "airflow_mlops.cli.graph:graph",
        "graph pipelines/churn.yaml --format mermaid",
        _PRINTED,
        (_FILE, _PROFILE, output_format("text", "mermaid")),
    ),
    Command(
        "eject",
        "write the DAGs of a pipeline file as one Python file that does not need the YAML",
        "airflow_mlops.cli.eject:eject",
        "eject pipelines/churn.yaml -o churn.py",
        {0: "written", 1: "the pipeline file has faults", 2: f"{_MISSING_FILE}, or OUT exists already"},
        (
            _FILE,
            _PROFILE,
            argument("-o", "--output", metavar="OUT", help="new Python file (default: standard output)"),
        ),
    ),
    Command(
        "doctor",
        "check this installation: versions, Airflow, connections, servers, storage, pipelines",
        "airflow_mlops.cli.doctor.command:doctor",
        "doctor pipelines/",
        {0: "no check failed", 1: "a check failed", 2: "the path does not exist, or has no pipeline file"},
        (
            argument(
                "path", nargs="?", help="pipeline file or folder (default: the files that DAG files load)"
            ),
            _PROFILE,
            output_format("text", "json"),
        ),
    ),
    Command(
        "migrate",
        "convert an MLflow recipe into a pipeline file, with a report on every value",
        "airflow_mlops.cli.migrate.command:migrate",
        "migrate recipe.yaml -o pipelines/taxi/taxi.yaml",
        {0: "migrated, whatever the report says", 2: "the recipe cannot be read, or a file exists already"},
        (
            argument("recipe", help="recipe.yaml, or the folder that holds it"),
            argument("-o", "--output", metavar="FILE", help="new pipeline file (default: standard output)"),
            argument("--profile", metavar="P", help="main profile of the recipe (default: local)"),
        ),
    ),
    Command(
        "completion",
        "print shell code that completes commands, options, pipeline files, profiles and tasks",
        "airflow_mlops.cli.completion:completion",
        "completion bash >> ~/.bashrc",
        {0: "printed"},
        (argument("shell", choices=("bash", "zsh", "fish"), help="shell that reads the code"),),
    ),
    Command(
        "schema",
        "print the JSON Schema of pipeline files, for editors",
        "airflow_mlops.cli.schema:schema",
        "schema > airflow_mlops.schema.json",
        {0: "printed"},
    ),
    Command(
        "canary",
        "forecast how long a canary takes to see harm (plan), or simulate one with a fault (simulate)",
        "airflow_mlops.cli.canary:canary",
        "canary plan pipelines/churn.yaml --rps 50",
        {
            0: "printed",
            1: "a step cannot be judged (plan), or the file or the fault is wrong",
            2: _MISSING_FILE,
        },
        parser="airflow_mlops.cli.canary:build_parser",
    ),
    Command(
        "serve",
        "start the model server; `airflow-mlops serve --help` lists its settings",
        "airflow_mlops.serving.__main__:main",
        "serve --name churn --tracking-uri http://127.0.0.1:5000 --state-dir /var/lib/churn",
        {
            0: "stopped by a signal",
            1: "the token is missing, or a setting is wrong",
            3: "the port cannot be opened, or MLflow does not answer",
        },
        parser="airflow_mlops.serving.settings:parser",
        in_airflow=False,
    ),
)
