"""Where the CPU of the project goes, by group: py-spy looks 500 times a second."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.deploy.stack import BIN

from . import phone
from .target import TARGETS, serve
from .world import World

#: Group → what the path of a function's file holds. The innermost function that is in a group
#: counts: what the ORM has psycopg do is the driver's.
GROUPS = {
    "driver of PostgreSQL": ("/psycopg/", "/psycopg_binary/", "/psycopg_pool/"),
    "ORM": ("/django/db/", "wxauth/models.py", "wxauth/managers.py"),
    "cache": ("/redis/", "/django/core/cache/", "services/cache.py"),
    "HTTP to WeChat": ("/requests/", "/urllib3/", "wxauth/wechat/", "/http/client.py", "/ssl.py"),
    "cryptography": ("/Crypto/", "wxauth/crypto/"),
    "serializers": (
        "/rest_framework/serializers.py",
        "/rest_framework/fields.py",
        "/rest_framework/relations.py",
        "api/serializers.py",
    ),
    "REST framework": ("/rest_framework/", "wxauth/api/"),
    "services": ("wxauth/",),
    "logging": ("/logging/", "/pythonjsonlogger/"),
    "Django, its middleware": ("/django/",),
    "gunicorn": ("/gunicorn/",),
    "threads": ("/threading.py", "/concurrent/", "/selectors.py"),
}
SECONDS = 6


def group(stack: str) -> str:
    for function in reversed(stack.split(";")):
        for name, parts in GROUPS.items():
            if any(part in function for part in parts):
                return name
    return "the rest"


async def run(world: World, say: Callable[[str], None]) -> dict[str, Any]:
    """Shares of the samples by operation and group."""
    project = TARGETS[0]
    found: dict[str, Any] = {}
    with serve(project, world, workers=1) as served:
        await phone.prepare(served)
        (worker,) = served.workers
        for operation in project.operations:
            say(f"profile of {operation}")
            await phone.repeat(served, operation, 20)
            output = world.folder / f"{operation}.txt"
            command = [
                str(BIN / "py-spy"), "record", "--pid", str(worker.pid), "--format", "raw",
                "--full-filenames", "--rate", "500", "--duration", str(SECONDS), "--output",
                str(output), "--gil",
            ]  # fmt: skip
            recording = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            while recording.poll() is None:
                await phone.repeat(served, operation, 20)
            assert recording.stderr is not None
            if recording.returncode:
                raise SystemExit(f"py-spy may not look: {recording.stderr.read()}")
            samples: Counter[str] = Counter()
            for line in output.read_text().splitlines():
                stack, _, count = line.rpartition(" ")
                samples[group(stack)] += int(count)
            found[operation] = {
                name: count / samples.total() for name, count in samples.most_common()
            }
    return found
