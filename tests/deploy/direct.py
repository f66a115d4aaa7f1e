"""Another machine that serves the project, asked without nginx in front."""

from __future__ import annotations

import http.client
import json
import socket

from .stack import HOST, Gunicorn


class Machine(Gunicorn):
    def ask(self, method, path, body=None, token=None):
        """status, body."""
        connection = http.client.HTTPConnection(HOST, timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(str(self.socket))
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Content-Type": "application/json"} if body else {}
        content = json.dumps(body) if body else None
        try:
            connection.request(method, f"/api/wxauth/{path}", content, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(content) if content else {}
