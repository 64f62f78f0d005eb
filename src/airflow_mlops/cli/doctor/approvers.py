"""Whether the people in ``approve.by`` are users of this Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from airflow_mlops.cli.doctor.databases import rows_of
from airflow_mlops.cli.doctor.finding import Finding, failed, ok, warning
from airflow_mlops.config.models import Pipeline

_CHECK: Final = "approvers"


def check_approvers(
    pipelines: Iterable[Pipeline], users: Mapping[str, Any], database: str
) -> Iterator[Finding]:
    """Compare the people of all pipelines with what is known about Airflow's users, see ``known_users``.

    ``database`` is Airflow's, which holds the users of FabAuthManager.
    """
    people = {name: item.name for item in pipelines if item.approve for name in item.approve.by}
    if not people:
        return
    manager = users.get("manager") or "the auth manager"
    if users.get("anonymous"):
        text = "Airflow lets everybody in as one user, so who approves is not checked"
        yield warning(_CHECK, text, "turn off [core] simple_auth_manager_all_admins")
    elif users.get("numbers"):
        yield from _of_fab(people, database)
    elif users.get("names") is None:
        text = f"{manager} cannot be asked for its users: {', '.join(people)} not checked"
        yield warning(_CHECK, text, "compare approve.by with the ids of the users there")
    else:
        yield from _of_list(people, users)


def _of_list(people: Mapping[str, str], users: Mapping[str, Any]) -> Iterator[Finding]:
    unknown = [name for name in people if name not in users["names"]]
    for name in unknown:
        report = failed if users.get("sure") else warning
        text = f"{name}, whom {people[name]} names, is not a user of this Airflow and cannot answer"
        yield report(_CHECK, text, str(users["hint"]))
    if not unknown:
        yield ok(_CHECK, f"{', '.join(people)}: users of this Airflow")


def _of_fab(people: Mapping[str, str], database: str) -> Iterator[Finding]:
    rows = rows_of(database, "ab_user", "id", "username")
    if rows is None:
        text = f"the table of users cannot be read: {', '.join(people)} not checked"
        yield warning(_CHECK, text, "airflow db migrate")
        return
    ids = {str(id_): str(name) for id_, name in rows}
    by_name = {name: id_ for id_, name in ids.items()}
    wrong = [name for name in people if name not in ids]
    for name in wrong:
        if name in by_name:
            text = f"{name} in {people[name]}: FabAuthManager lets users answer by the number of their id"
            yield failed(_CHECK, text, f'write "{by_name[name]}" in approve.by')
        else:
            text = f"{name}, whom {people[name]} names, is not a user of this Airflow and cannot answer"
            yield failed(_CHECK, text, "airflow users list")
    if not wrong:
        yield ok(_CHECK, f"{', '.join(f'{id_} ({ids[id_]})' for id_ in people)}: users of this Airflow")
