"""A database as a released version left it: its tables, and a few rows of everything in them.

``tests/fixtures/schema-0001`` holds what ``freeze.py`` made when that migration landed, and nobody
changes it afterwards: every later version has to find the same rows, and to leave the same behind
where somebody goes back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.apps.registry import Apps
from django.core.management.color import no_style
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader

FIXTURES = Path(__file__).with_name("fixtures")
#: The user model's own migrations are not what is tried here.
USERS = ("users", "0001_initial")


def numbers() -> list[str]:
    """The numbers of all migrations, oldest first."""
    return sorted(name[:4] for app, name in _loader().disk_migrations if app == "wxauth")


def get_name(number: str) -> str:
    """The migration with this number."""
    (name,) = (
        name
        for app, name in _loader().disk_migrations
        if app == "wxauth" and name.startswith(number)
    )
    return name


def apps_at(number: str) -> Apps:
    """The models as they were then."""
    return _loader().project_state([USERS, ("wxauth", get_name(number))]).apps


def _loader() -> MigrationLoader:
    return MigrationLoader(None)


def tables(apps: Apps) -> list[Any]:
    """Every model of wxauth, those that others refer to first."""
    models = apps.get_app_config("wxauth").get_models()
    left = [model for model in models if not model._meta.proxy]
    ordered: list[Any] = []
    while left:
        for model in left:
            needs = {f.related_model for f in model._meta.local_fields if f.is_relation} - {model}
            if not needs & set(left):
                ordered.append(model)
                left.remove(model)
                break
        else:
            raise AssertionError(f"{left} refer to one another in a circle.")
    return ordered


# -- rows --------------------------------------------------------------------------------------


def dump(apps: Apps) -> dict[str, list[dict[str, Any]]]:
    """Every row of wxauth, as it can be written down."""
    found = {
        model.__name__: list(model._base_manager.order_by("pk").values()) for model in tables(apps)
    }
    return dict(json.loads(json.dumps(found, default=str)))


def load(apps: Apps, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write these rows, and the users that they refer to."""
    user_model = apps.get_model(USERS[0], "User")
    for row in rows["Person"]:
        user_model(pk=row["user_id"], username=f"user-{row['user_id']}").save(force_insert=True)
    for model in tables(apps):
        names = {field.attname: field for field in model._meta.local_concrete_fields}
        model._base_manager.bulk_create(
            model(**{name: _read(names[name], value) for name, value in row.items()})
            for row in rows[model.__name__]
        )
    for statement in connection.ops.sequence_reset_sql(no_style(), [user_model, *tables(apps)]):
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _read(field: models.Field[Any, Any], value: Any) -> Any:
    return value if isinstance(field, models.JSONField) else field.to_python(value)


# -- tables ------------------------------------------------------------------------------------


def describe(apps: Apps) -> dict[str, list[str]]:
    """Columns, keys and indexes of every table, as this database tells them."""
    return {model._meta.db_table: sorted(_describe(model._meta.db_table)) for model in tables(apps)}


def _describe(table: str) -> list[str]:
    introspection = connection.introspection
    with connection.cursor() as cursor:
        columns = introspection.get_table_description(cursor, table)
        constraints = introspection.get_constraints(cursor, table)
    lines = []
    for column in columns:
        kind: Any = introspection.get_field_type(column.type_code, column)
        kind = kind[0] if isinstance(kind, tuple) else kind
        null = "null" if column.null_ok else "not null"
        lines.append(
            f"column {column.name}: {kind} {column.display_size} {null} {column.collation}"
        )
    for name, found in constraints.items():
        # Names that Django or the database made up differ from one version to the next.
        named = (
            f" {name}" if name.startswith("wxauth_") and name.endswith(("_uniq", "_idx")) else ""
        )
        what = [key for key in ("primary_key", "unique", "check", "index") if found[key]]
        lines.append(
            f"{'+'.join(what) or 'constraint'}{named}: {found['columns']} {found.get('orders')}"
            f" → {found['foreign_key']}"
        )
    return lines
