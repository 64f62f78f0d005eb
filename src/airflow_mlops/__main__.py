"""The ``airflow-mlops`` command: light, and without Airflow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_mlops import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 1 an honest no, 2 a wrong call, 3 an outside fault."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["serve"]:
        from airflow_mlops.serving.__main__ import main as serve

        return serve(words[1:])
    if words[:1] == ["canary"]:
        from airflow_mlops.cli.canary import main as canary

        return canary(words[1:])
    arguments = _parser().parse_args(words)
    from airflow_mlops.cli import commands

    code: int = getattr(commands, arguments.command)(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airflow-mlops", description="Machine-learning pipelines on Airflow."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lint = commands.add_parser("lint", help="check pipeline files; every fault in one go")
    lint.add_argument("files", nargs="+", help="pipeline files or folders")
    render = commands.add_parser("render", help="print the effective configuration of a pipeline file")
    render.add_argument("file", help="pipeline file")
    commands.add_parser("canary", help="what a canary will see, and how it would end (canary --help)")
    commands.add_parser("serve", help="start the embedded model server (serve --help)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
