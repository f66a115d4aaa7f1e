"""The disk is full, of the database or of the pictures; then somebody makes room."""

from __future__ import annotations

import io
import os
import subprocess
from contextlib import contextmanager, suppress

import pytest
from PIL import Image

from .stack import APPID, Postgres, SQLite, wait_for
from .traffic import Connection, SignUps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.getuid() != 0, reason="Only root may mount a small disk."),
]


@pytest.fixture
def disk(folder):
    """Make a disk of so many megabytes, in memory."""
    mounted = []

    def disk(megabytes, name):
        path = folder / name
        path.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"No disk may be mounted here: {done.stderr.strip()}")
        mounted.append(path)
        return path

    yield disk
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def full(path):
    """To the last byte."""
    ballast = path / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    yield
    ballast.unlink()


def sign_up_while_it_is_full(stack, path, again=lambda: None):
    with SignUps(stack, connections=4) as people:
        people.wait(10)
        with full(path):
            # What has been laid out beforehand is used up first.
            wait_for(lambda: sum(people.refused.values()) >= 20, 120)
        again()
        people.wait(10)
    print(f"\nfull: {len(people.let_in)} let in, refused: {dict(people.refused)}")
    assert set(people.refused) == {(503, "database_unavailable")}
    people.check()


def test_sqlite_goes_on_when_there_is_room_again(stack, disk):
    path = disk(4, "small-sqlite")
    with stack.moved_to(SQLite(path)):
        sign_up_while_it_is_full(stack, path)


def test_postgresql_goes_on_when_there_is_room_again(stack, disk, on_postgres):
    path = disk(200, "small-postgres")
    server = Postgres(path, min_wal_size="32MB", max_wal_size="32MB", wal_recycle="off")
    server.start()

    def again():
        # Where it could not even write its log, it has ended: systemd starts it again.
        if server.process.poll() is not None:
            server.start()

    try:
        with stack.moved_to(server):
            sign_up_while_it_is_full(stack, path, again)
    finally:
        server.end()


def test_a_picture_that_finds_no_room_changes_nothing(stack, disk):
    path = disk(1, "small-media")
    former = stack.project.settings["MEDIA_ROOT"]
    stack.project.configure(MEDIA_ROOT=str(path))
    stack.gunicorn.reload()
    connection = Connection(stack)
    body = {"code": stack.wechat.fake.login_code("phone-1", APPID)}
    token = connection.ask("POST", "/api/wxauth/login/", body)[2]["token"]

    def upload():
        picture = io.BytesIO()
        Image.effect_noise((256, 256), 90).save(picture, "PNG")
        part = b'Content-Disposition: form-data; name="avatar"; filename="a.png"'
        body = b"--b\r\n" + part + b"\r\n\r\n" + picture.getvalue() + b"\r\n--b--\r\n"
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "multipart/form-data; boundary=b",
        }
        connection.request("POST", "/api/wxauth/me/avatar/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def shown():
        bearer = {"Authorization": f"Bearer {token}"}
        return connection.ask("GET", "/api/wxauth/me/", None, bearer)[2]["avatar"]

    def files():
        return [each for each in path.rglob("*.jpg") if each.is_file()]

    try:
        assert upload()[0] == 200
        before, (picture,) = shown(), files()
        with full(path):
            assert upload()[0] == 503
            assert shown() == before
            assert files() == [picture]
        assert upload()[0] == 200
        assert len(files()) == 1
    finally:
        connection.close()
        stack.project.configure(MEDIA_ROOT=former)
        stack.gunicorn.reload()
