"""A notifier of a pipeline file, loaded only when it is called."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_mlops.config.models import Callback

if TYPE_CHECKING:
    from airflow.sdk import Context


class ConfiguredNotifier:
    """An Airflow callback that calls the notifier which a pipeline file names.

    A DAG file is parsed without it, and one that cannot be loaded spoils neither the parsing nor the task:
    Airflow logs what a callback raises.

    :param callback: dotted path and arguments of a notifier class, or of a function of the context.
    :param base: folder of the pipeline file, else of the DAG file; modules there count.
    """

    def __init__(self, callback: Callback, base: str | Path | None = None) -> None:
        self.callback = callback
        self.base = base

    def __call__(self, context: Context) -> None:
        """Call the notifier.

        Raises ConfigError when the notifier cannot be loaded, and whatever it raises itself.
        """
        from airflow_mlops.user_code.loading import load_object

        folder = Path(self.base) if self.base else Path(context["dag"].fileloc).absolute().parent
        found: Any = load_object(self.callback.notifier, folder)
        arguments = dict(self.callback.args)
        if inspect.isclass(found):
            notify: Any = found(**arguments)
            notify(context)
        else:
            found(context, **arguments)

    def __repr__(self) -> str:
        return f"ConfiguredNotifier({self.callback.notifier})"
