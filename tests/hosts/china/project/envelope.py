from __future__ import annotations


def envelope(status, body):
    """wxauth's answers in the shape of the framework's own."""
    if status < 400:
        return 200, {"code": 2000, "msg": "success", "data": body}
    return 200, {"code": status, "msg": body["detail"], "data": body}
