"""Who may do what: predicting, labelling and administering each have tokens of their own."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.credentials import token_of

PREDICT_VARIABLE: Final = "AIRFLOW_MLOPS_SERVING_TOKEN"
LABEL_VARIABLE: Final = "AIRFLOW_MLOPS_LABEL_TOKEN"
ADMIN_VARIABLE: Final = "AIRFLOW_MLOPS_ADMIN_TOKEN"
OPEN_PATHS: Final = frozenset(
    {"/ping", "/v2/health/live", "/v2/health/ready", "/health/champion", "/health/traffic"}
)
"""What load balancers and container platforms ask: no token, and nothing in the answer but a status."""
_ADMIN: Final = "/admin/"
_PREDICT: Final = "/invocations"
_LABELS: Final = "/labels"
_FIGURES: Final = "/metrics"
_SEPARATORS: Final = re.compile(r"[,\s]+")


class Refusal(NamedTuple):
    """Why a request goes no further: an HTTP status, and the sentence for the caller."""

    status: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The tokens of each role; several are valid at once while they are being changed.

    Without tokens for labels those for predictions are taken; without tokens for administrators nobody
    administers. ``open_predictions``: predictions need no token. Raises ConfigError when a token has two
    roles of which one is the administrators', or when nobody could ask for a prediction.
    """

    predict: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()
    open_predictions: bool = False

    def __post_init__(self) -> None:
        if not self.predict and not self.open_predictions:
            raise ConfigError(
                f"the model server needs a token: set {PREDICT_VARIABLE} (callers send it as bearer token), "
                "or start it with --open-loopback for callers on this machine"
            )
        if set(self.admin) & {*self.predict, *self.label}:
            raise ConfigError(
                f"{ADMIN_VARIABLE} must differ from {PREDICT_VARIABLE} and {LABEL_VARIABLE}: whoever may ask "
                "for predictions could load models and move the traffic. Choose another token for "
                "administrators"
            )


def tokens_in(text: str) -> tuple[str, ...]:
    """Return the tokens of a list that commas or spaces separate.

    >>> tokens_in("new-token, old-token")
    ('new-token', 'old-token')
    """
    return tuple(filter(None, _SEPARATORS.split(text)))


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Gate:
    """Decides by path, port and token whether a request is accepted."""

    def __init__(self, tokens: Tokens) -> None:
        self._open = tokens.open_predictions
        self._predict = _encoded(tokens.predict)
        self._label = _encoded(tokens.label or tokens.predict)
        self._admin = _encoded(tokens.admin)
        self._usual = b"Bearer " + self._predict[0] if self._predict else None

    def callers(self, path: str, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Return why a request on the callers' port is refused; None when it is accepted."""
        header = headers.get(b"authorization", b"")
        if path == _PREDICT and self._usual is not None and hmac.compare_digest(header, self._usual):
            return None  # the short way of nearly all requests
        if path in OPEN_PATHS:
            return None
        token = token_of(header)
        if path == _LABELS or path.startswith(f"{_LABELS}/"):
            return None if _is_one_of(token, self._label) else self._refused(token, "labels", LABEL_VARIABLE)
        if path == _FIGURES and _is_one_of(token, self._admin):
            return None
        if path.startswith(_ADMIN) and (self._open or self._is_known(token)):
            return Refusal(
                404, "versions and traffic are administered on the port of --admin-port, with its own token"
            )
        if not self._open and not _is_one_of(token, self._predict):
            return self._refused(token, "predictions", PREDICT_VARIABLE)
        return None

    def administrators(self, path: str, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Return why a request on the administrators' port is refused; None when it is accepted."""
        if path in OPEN_PATHS:
            return None
        token = token_of(headers.get(b"authorization", b""))
        if _is_one_of(token, self._admin) or (path == _FIGURES and _is_one_of(token, self._predict)):
            return None
        return self._refused(token, "versions and traffic", ADMIN_VARIABLE)

    def _is_known(self, token: bytes) -> bool:
        return _is_one_of(token, (*self._predict, *self._label, *self._admin))

    def _refused(self, token: bytes, what: str, variable: str) -> Refusal:
        if self._is_known(token):
            return Refusal(403, f"this token is for something else: {what} need the server's {variable}")
        return Refusal(
            401,
            "the server's token is missing or wrong: send Authorization: Bearer TOKEN "
            f"with the server's {variable} for {what}",
        )


def _encoded(tokens: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(token.encode() for token in tokens)


def _is_one_of(token: bytes, known: Iterable[bytes]) -> bool:
    found = False
    for one in known:  # all of them: the time must not tell which one it is
        found |= hmac.compare_digest(token, one)
    return found
