"""A user's function that returns the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.sources.base import ReadRequest, Source

if TYPE_CHECKING:
    import pandas as pd


class CallableSource(Source):
    """The DataFrame that a function returns; ``load_args`` are its arguments."""

    name = "callable"
    help = "function that returns a DataFrame"
    needs = ("callable",)

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Call the function and return its rows."""
        import pandas as pd

        from airflow_mlops.user_code.loading import call_user_function, load_object

        path = str(request.source.callable)
        function = load_object(path, request.base)
        frame = call_user_function(function, path, **request.source.load_args)
        if not isinstance(frame, pd.DataFrame):
            raise ConfigError(f"{path} returned {type(frame).__name__}, it must return a DataFrame")
        return frame.reset_index(drop=True)
