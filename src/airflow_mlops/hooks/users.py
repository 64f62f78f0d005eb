"""What can be known about Airflow's users where a task runs: its configuration, never its database."""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk import conf

ANONYMOUS: Final = "Anonymous"
"""The one user of a simple auth manager that lets everybody in as admin."""
_USERS: Final = ("core", "simple_auth_manager_users")


def known_users() -> dict[str, Any]:
    """Return what this process knows about the users who may answer a request.

    ``manager`` is the class of the auth manager. ``names`` are the ids of its users, None where only the
    manager knows them; ``sure``: the configuration sets them, so that others do not exist; ``numbers``: ids
    are numbers; ``anonymous`` is the one user that everybody is, where nobody logs in; ``hint`` is where to
    look.
    """
    manager = str(conf.get("core", "auth_manager", fallback="")).rpartition(".")[2]
    if manager == "SimpleAuthManager":
        return _simple()
    if manager == "FabAuthManager":
        hint = "FabAuthManager knows users by the number of their id, not by their name"
        return {"manager": manager, "names": None, "numbers": True, "hint": hint}
    return {"manager": manager, "names": None}


def _simple() -> dict[str, Any]:
    if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
        return {"names": None, "anonymous": ANONYMOUS}
    text = conf.get(*_USERS, fallback="")
    names = [item.split(":")[0] for item in conf.getlist(*_USERS, fallback=[])]
    return {
        "names": names,
        "sure": text != conf.get_default_value(*_USERS),
        "hint": f"[core] simple_auth_manager_users has {', '.join(names) or 'nobody'}; correct approve.by, "
        "or add the user there",
    }
