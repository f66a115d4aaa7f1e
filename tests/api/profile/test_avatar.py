"""me/avatar/: the picture that the person chose."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, ROOT, Phone, bearer
from tests.together import together
from wxauth.models import Person
from wxauth.services.profile import pictures

pytestmark = pytest.mark.django_db
#: Files are deleted on commit, which the transaction around a test never reaches.
commits = pytest.mark.django_db(transaction=True)

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.MEDIA_URL = "/media/"
    return tmp_path


def draw(size=(100, 100), colour=(200, 30, 30), kind="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, kind)
    return stream.getvalue()


def upload(phone, content, *, name="avatar", filename="tmp_1.jpg", method="POST", **fields):
    """What ``wx.uploadFile`` sends."""
    file = SimpleUploadedFile(filename, content, "application/octet-stream")
    send = getattr(Client(raise_request_exception=False), method.lower())
    if method == "POST":
        return send(f"{ROOT}me/avatar/", {name: file, **fields}, headers=bearer(phone.token))
    encoded, content_type = form([(name, filename, content)])
    return send(f"{ROOT}me/avatar/", encoded, content_type, headers=bearer(phone.token))


def form(parts, boundary="----wx"):
    """multipart/form-data by hand; a part without a file name is a field."""
    body = b""
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n'
        body += head.encode() + b"\r\n" + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def send(phone, parts, **kwargs) -> HttpResponse:
    body, content_type = form(parts, **kwargs)
    return phone.post("me/avatar/", body, content_type=content_type)


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def stored(media: Path, url: str) -> Image.Image:
    """The picture at this address, opened and looked at."""
    picture = Image.open(media / urlsplit(url).path.removeprefix("/media/"))
    picture.load()
    assert picture.format == "JPEG"
    return picture


# -- uploading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_picture_is_stored_small_and_shown(alice, media, method):
    answer = upload(alice, draw((1000, 500)), method=method)
    assert answer.status_code == 200, answer.content
    url = answer.json()["avatar"]
    assert re.fullmatch(r"http://testserver/media/wxauth/avatars/[0-9a-f]{32}\.jpg", url)
    assert stored(media, url).size == (512, 256)
    assert alice.me()["avatar"] == url
    assert alice.row.avatar_appid == APP_ONE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_content_counts_and_not_the_name(alice, media, kind):
    url = upload(alice, draw(kind=kind), filename="../../evil.html").json()["avatar"]
    assert stored(media, url).size == (100, 100)
    assert [path.suffix for path in files(media)] == [".jpg"]


@commits
def test_a_new_picture_takes_the_place_of_the_former_one(alice, media):
    first = upload(alice, draw()).json()["avatar"]
    second = upload(alice, draw(colour=(30, 200, 30))).json()["avatar"]
    assert first != second
    assert len(files(media)) == 1
    assert stored(media, second).getpixel((50, 50))[1] > 150


def test_the_pictures_of_two_people_are_two(alice, bob, media):
    upload(alice, draw())
    upload(bob, draw())
    assert len(files(media)) == 2
    assert alice.me()["avatar"] != bob.me()["avatar"]


def test_an_uploaded_picture_goes_before_wechats(alice):
    alice.fake.add_person("alice", avatar_url="https://thirdwx.qlogo.cn/a")
    alice.post("me/userinfo/", alice.user_info(real=True))
    assert alice.me()["avatar"] == "https://thirdwx.qlogo.cn/a"
    assert "/media/" in upload(alice, draw()).json()["avatar"]


@commits
def test_deleting_leaves_no_picture_and_no_file(alice, media):
    alice.fake.add_person("alice", avatar_url="https://thirdwx.qlogo.cn/a")
    alice.post("me/userinfo/", alice.user_info(real=True))
    upload(alice, draw())
    answer = alice.delete("me/avatar/")
    assert (answer.status_code, answer.json()["avatar"]) == (200, None)
    assert alice.me()["avatar"] is None
    assert files(media) == []


def test_deleting_what_is_not_there_is_no_fault(alice):
    assert alice.delete("me/avatar/").json()["avatar"] is None


def test_other_fields_of_the_form_do_not_matter(alice, media):
    answer = upload(alice, draw(), user_id="1", avatarUrl="https://evil.example/x.png")
    assert answer.status_code == 200
    assert "evil" not in answer.json()["avatar"]


def test_base64_within_the_form_is_read(alice, media):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="avatar"; filename="a"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(draw()) + b"\r\n--x--\r\n"
    )
    answer = alice.post("me/avatar/", body, content_type="Multipart/Form-Data; boundary=x")
    assert stored(media, answer.json()["avatar"]).size == (100, 100)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_picture_needs_a_token(client, fake_wechat, method):
    assert_error(getattr(client, method)(f"{ROOT}me/avatar/"), "not_authenticated")


def test_a_picture_is_not_to_be_had_here(alice):
    assert_error(alice.get("me/avatar/"), "method_not_allowed")


# -- what is refused -----------------------------------------------------------------------------


@pytest.fixture
def _nothing_changes(alice, media):
    upload(alice, draw())
    before, kept = alice.me(), files(media)
    yield
    assert alice.me() == before
    assert files(media) == kept


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", draw(kind="JPEG")[:-30], draw((4097, 1))],
    ids=["empty", "SVG", "truncated", "too many pixels"],
)
def test_what_is_no_acceptable_picture_is_an_invalid_request(alice, content):
    assert_error(upload(alice, content), "invalid_request", field="avatar")


PATHS = ["wxfile://tmp_1d3a.jpg", "http://tmp/abc.jpeg", "http://tmp_1d3a.jpg"]


def assert_names_the_path(answer, field):
    assert "wx.uploadFile" in assert_error(answer, "invalid_request", field=field)["detail"]


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", ["avatar", "avatarUrl"])
def test_a_path_on_the_phone_is_named_for_what_it_is(alice, path, field):
    assert_names_the_path(alice.post("me/avatar/", {field: path}), field)
    assert_names_the_path(send(alice, [(field, None, path.encode())]), field)
    assert_names_the_path(alice.post("me/", {"nickname": "Alice", field: path}), field)


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize("body", [{}, {"avatar": "data:image/png;base64,AAAA"}, {"avatar": 5}])
def test_json_is_told_how_to_upload(alice, body):
    assert_names_the_path(alice.post("me/avatar/", body), "avatar")


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("avatar", None, b"text")],
        [("file", "a.jpg", draw())],
        [("avatar", "", draw())],
        [("avatar", "a.jpg", draw()), ("avatar", "b.jpg", draw())],
        [("avatar", "a.jpg", draw()), ("other", "b.jpg", draw())],
    ],
    ids=["empty", "a text", "another name", "no file name", "two", "another file beside it"],
)
def test_a_form_holds_one_file_of_the_name(alice, parts):
    assert_error(send(alice, parts), "invalid_request", field="avatar")


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\xff",
        f"multipart/form-data; boundary={'x' * 300}",
    ],
)
def test_a_form_without_its_boundary_cannot_be_read(alice, content_type):
    answer = alice.post("me/avatar/", form([])[0], content_type=content_type)
    assert_error(answer, "invalid_request")


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize("cut", [10, 60, 100, 200])
def test_a_form_that_ends_too_early_is_an_invalid_request(alice, cut):
    body, content_type = form([("avatar", "a.png", draw())])
    assert_error(alice.post("me/avatar/", body[:cut], content_type=content_type), "invalid_request")


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize("size", [5 * MEGABYTE + 1, 6 * MEGABYTE, 12 * MEGABYTE])
def test_more_than_5_mb_are_too_large(alice, size):
    content = draw(kind="JPEG")
    answer = upload(alice, content + b"\0" * (size - len(content)))
    assert_error(answer, "payload_too_large")


def test_5_mb_are_not(alice, media):
    content = draw(kind="JPEG")
    answer = upload(alice, content + b"\0" * (5 * MEGABYTE - len(content)))
    assert answer.status_code == 200, answer.content


def test_the_projects_limits_and_upload_handlers_have_no_say(alice, settings, media):
    settings.FILE_UPLOAD_HANDLERS = []
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1
    assert upload(alice, draw((300, 300))).status_code == 200


@pytest.mark.usefixtures("_nothing_changes")
@pytest.mark.parametrize(
    "content_type", ["image/png", "application/octet-stream", "text/plain", ""]
)
def test_what_is_no_form_is_of_an_unsupported_type(alice, content_type):
    answer = alice.post("me/avatar/", draw(), content_type=content_type)
    assert_error(answer, "unsupported_media_type")


def test_where_pillow_is_missing_the_operator_is_told(alice, monkeypatch, caplog, media):
    monkeypatch.setattr(pictures, "HAS_PILLOW", False)
    assert_error(upload(alice, draw()), "misconfigured")
    assert "django-wxauth[avatars]" in caplog.text
    assert files(media) == []


# -- the files -----------------------------------------------------------------------------------


@commits
def test_a_picture_that_cannot_be_written_down_leaves_no_file(alice, media, monkeypatch):
    first = upload(alice, draw()).json()["avatar"]

    def refuse(*args):
        assert len(files(media)) == 2
        raise DatabaseError("no")

    with monkeypatch.context() as patch:
        patch.setattr(pictures, "_write", refuse)
        assert upload(alice, draw()).status_code >= 500
    assert len(files(media)) == 1
    assert stored(media, first)
    assert alice.me()["avatar"] == first


@commits
def test_the_former_file_stays_until_the_new_one_is_committed(alice, media, monkeypatch):
    upload(alice, draw())
    (former,) = files(media)
    seen = []
    delete = FileSystemStorage.delete

    def look(self, name):
        assert not connection.in_atomic_block
        seen.append((name, Person.objects.get(pk=alice.row.pk).avatar.name))
        delete(self, name)

    monkeypatch.setattr(FileSystemStorage, "delete", look)
    upload(alice, draw())
    ((deleted, referred),) = seen
    assert deleted == f"wxauth/avatars/{former.name}"
    assert referred != deleted


@commits
def test_a_file_that_cannot_be_deleted_does_not_fail_the_upload(alice, media, monkeypatch, caplog):
    upload(alice, draw())

    def refuse(self, name):
        raise OSError("read-only")

    monkeypatch.setattr(FileSystemStorage, "delete", refuse)
    assert upload(alice, draw()).status_code == 200
    assert "cannot be deleted" in caplog.text


@commits
def test_the_picture_goes_with_its_user_and_not_before_the_commit(alice, bob, media):
    for phone in (alice, bob):
        upload(phone, draw())
    kept, gone = (media / bob.row.avatar.name), (media / alice.row.avatar.name)
    with transaction.atomic():
        alice.row.user.delete()
        transaction.set_rollback(True)
    assert gone.exists()
    alice.row.user.delete()
    assert not gone.exists()
    assert kept.exists()


def test_a_storage_that_fails_is_told_apart_from_a_bug(alice, monkeypatch, caplog):
    def fail(self, name, content):
        raise OSError(28, "No space left on device", "https://key:secret@storage.example/")

    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    assert_error(upload(alice, draw()), "storage_unavailable", retry_after=60)
    assert "secret" not in caplog.text
    assert "OSError" in caplog.text
    monkeypatch.undo()
    assert upload(alice, draw()).status_code == 200


@commits
def test_the_person_in_two_apps_has_one_picture(alice, alice_in_two, media):
    url = upload(alice, draw()).json()["avatar"]
    assert alice_in_two.me()["avatar"] == url
    assert upload(alice_in_two, draw()).status_code == 200
    assert len(files(media)) == 1


def test_somebody_who_left_meanwhile_leaves_no_file(fake_wechat, alice, media, monkeypatch):
    shrink = pictures.shrink

    def leave(content):
        alice.row.user.delete()
        return shrink(content)

    monkeypatch.setattr(pictures, "shrink", leave)
    assert_error(upload(alice, draw()), "not_found")
    assert files(media) == []
    assert Phone(fake_wechat, "alice").me()["avatar"] is None


@commits
def test_of_pictures_that_come_together_one_is_left(alice, media):
    def send():
        return upload(alice, draw()).status_code

    answers = together([send] * 6)
    # One at a time is unpacked and two wait: whoever comes on top is told to come back.
    assert set(answers) <= {200, 429}
    assert answers.count(200) >= 1 + pictures.WAITING
    (left,) = files(media)
    assert alice.me()["avatar"].endswith(left.name)
