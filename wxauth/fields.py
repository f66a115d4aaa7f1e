"""The one column type of our own."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ByteExactField(models.CharField):  # type: ignore[type-arg]  # not subscriptable at runtime
    """Text that is compared byte by byte on every database: ids, digests, sealed values.

    MySQL and MariaDB compare text without regard to case, and mostly without regard to trailing
    blanks, so that one person's openid could open another person's account. The collation that
    prevents it has another name on each of them (``utf8mb4_bin`` ignores trailing blanks), and
    neither name exists on PostgreSQL or SQLite, whose default comparison is exact. Therefore it is
    chosen here, at the connection, and a migration names this class only.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "mysql":
            parameters["collation"] = (
                "utf8mb4_nopad_bin"
                if getattr(connection, "mysql_is_mariadb", False)
                else "utf8mb4_0900_bin"
            )
        return parameters
