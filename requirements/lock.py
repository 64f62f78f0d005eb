"""Pins every dependency with hashes, for Python 3.11 to 3.13, and without a word about where it came from."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = [
    "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header",
    "--no-emit-index-url", "--no-emit-find-links", "--upgrade",
]  # fmt: skip


def compile_(*sources: str, output: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", *FLAGS, *sources, "--output-file", str(HERE / output)],
        check=True,
        cwd=HERE.parent,
    )


compile_("requirements/bootstrap.in", output="bootstrap.txt")
compile_("pyproject.toml", "--group", "dev", "--group", "demo", output="all.txt")
