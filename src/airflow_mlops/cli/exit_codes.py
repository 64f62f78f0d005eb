"""How each command ends; the reference page shows it, and tests hold the commands to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MEANING: Final[Mapping[int, str]] = {
    0: "done, nothing is wrong; a warning is no failure",
    1: "an honest no: faults in a file, data or gate rejected, a check that failed",
    2: "the call is wrong: an unknown command, option or value, a file that is not there or is in the way",
    3: "something outside failed: MLflow, storage, a server",
    4: "waiting for a person",
}

EXITS: Final[Mapping[str, Mapping[int, str]]] = {
    "init": {
        0: "written",
        2: "a file is there already, or no pipeline can have this name",
        130: "interrupted",
    },
    "run": {
        0: "done",
        1: "data, gate, approval or canary said no",
        2: "the file or the call is wrong",
        3: "something outside failed",
        4: "waits for an approval: say how with --yes, or at a terminal",
        130: "interrupted (128 and the number of the signal); the next run goes on from there",
    },
    "lint": {0: "no fault", 1: "at least one fault", 2: "no file to check"},
    "render": {0: "printed", 1: "the file has faults", 2: "no such file"},
    "list": {0: "printed", 1: "a pipeline has faults", 2: "no such folder"},
    "graph": {0: "printed", 1: "the file has faults", 2: "no such file"},
    "eject": {0: "written", 1: "the pipeline file has faults", 2: "no such file, or OUT is there already"},
    "doctor": {0: "fine, or only warnings", 1: "a check failed", 2: "no such file, or no pipeline in it"},
    "migrate": {0: "migrated, whatever the report says", 2: "no recipe that can be read, or a file is there"},
    "completion": {0: "printed"},
    "schema": {0: "printed"},
    "canary": {
        0: "printed",
        1: "a step cannot be judged (plan), or file or fault are wrong",
        2: "no such file",
    },
    "serve": {0: "stopped by a signal", 1: "no token, or a wrong setting", 3: "the port, or MLflow"},
}
