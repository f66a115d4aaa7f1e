from __future__ import annotations

from django.db import connection

from wxauth.adapter import Adapter as BaseAdapter


class Adapter(BaseAdapter):
    def login_payload(self, *, user, login, created):
        return {"in_transaction": connection.in_atomic_block}
