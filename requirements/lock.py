"""Pins every dependency with hashes, for Python 3.11 to 3.13, and without a word about where it came from.

``all.txt`` is everything, for development and CI; ``server.txt`` is what the model server needs of it, in the
same versions; ``dag-factory.txt`` is a peer that one test installs in a folder of its own, since its plugin
would be loaded by every Airflow process; ``catboost.txt`` is a library of 270 MB that one test installs in the
same way; ``bootstrap.txt`` is what installs all of them. Versions that are pinned stay as they are;
``--upgrade`` takes the newest of each.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = [
    "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header",
    "--no-emit-index-url", "--no-emit-find-links",
]  # fmt: skip


def compile_(*sources: str, output: str) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile"),
            *FLAGS,
            *sys.argv[1:],
            *sources,
            *("--output-file", str(HERE / output)),
        ],  # fmt: skip
        check=True,
        cwd=HERE.parent,
    )


compile_("requirements/bootstrap.in", output="bootstrap.txt")
compile_("pyproject.toml", "--extra", "testing", "--group", "dev", "--group", "demo", output="all.txt")
compile_("--group", "server", "--constraint", "requirements/all.txt", output="server.txt")
