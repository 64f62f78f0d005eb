"""The reference page of the command line: ``python -m airflow_mlops.cli.reference`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from airflow_mlops.cli.table import COMMANDS, EXIT_CODES, Argument, Command


def reference() -> str:
    """Return the page: the exit codes, then each command with its arguments, exit codes and an example."""
    lines = [
        "# The command line",
        "",
        "Generated from the table of commands by `python -m airflow_mlops.cli.reference`; do not edit.",
        "",
        "`airflow mlops` has the same commands inside Airflow's own, except `serve`. For an unknown word the",
        "nearest known one is suggested. `airflow-mlops completion` prints the completion code of a shell.",
        "",
        *_codes(EXIT_CODES),
        "",
        "The tables below say what each code means for one command; a wrong call always ends with 2.",
    ]
    for command in COMMANDS:
        lines += _command(command)
    return "\n".join(lines) + "\n"


def _command(command: Command) -> Iterator[str]:
    yield from ("", f"## {command.name}", "", f"{command.help[0].upper()}{command.help[1:]}.", "")
    if command.arguments:
        yield from ("| argument | |", "|---|---|")
        yield from (f"| `{_written(argument)}` | {_meaning(argument)} |" for argument in command.arguments)
        yield ""
    yield from (*_codes(command.exits), "", "```", f"airflow-mlops {command.example}", "```")


def _codes(codes: Mapping[int, str]) -> list[str]:
    return ["| exit code | |", "|---|---|", *(f"| {code} | {meaning} |" for code, meaning in codes.items())]


def _written(argument: Argument) -> str:
    """Return an argument as a usage line writes it."""
    name, options = argument.flags[-1 if len(argument.flags[0]) < 3 else 0], argument.options
    if not name.startswith("-"):
        shown = name.upper()
        return {"?": f"[{shown}]", "+": f"{shown} …"}.get(options.get("nargs", ""), shown)
    flags = ", ".join(argument.flags)
    if options.get("action") == "store_true":
        return flags
    choices = "\\|".join(options.get("choices", ()))
    return f"{flags} {choices or options.get('metavar', name.strip('-').upper())}"


def _meaning(argument: Argument) -> str:
    text = str(argument.options.get("help", "")).replace("|", "\\|")
    choices = argument.options.get("choices")
    listed = ", ".join(f"`{choice}`" for choice in choices) if choices else ""
    return f"{text}: {listed}" if listed and not argument.flags[0].startswith("-") else text


if __name__ == "__main__":
    sys.stdout.write(reference())
