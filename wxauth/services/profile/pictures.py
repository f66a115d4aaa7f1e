"""The picture that a person chose: taken apart, and stored as a small JPEG of our own making.

What was uploaded is never stored. It may be a page that calls itself a picture, carry the place
where it was taken, or unpack to gigabytes; only its pixels survive.
"""

from __future__ import annotations

import io
import logging
import math
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.db import models, router, transaction
from django.utils.translation import gettext as _

from wxauth.exceptions import InvalidRequest, NotFound, RateLimited, StorageUnavailable
from wxauth.models import Login, Person
from wxauth.services import transactions

try:
    from PIL import Image, ImageOps
except ImportError:  # pragma: no cover - the wheel test runs without it
    HAS_PILLOW = False
else:
    HAS_PILLOW = True

logger = logging.getLogger("wxauth.pictures")

#: Bytes of an upload.
MAX_BYTES = 5 * 1024 * 1024
#: Pixels of a side: of what is taken, and of what is stored.
MAX_SIDE, SIDE = 4096, 512
#: Pixels that are unpacked. A JPEG can be unpacked at an eighth of its size, so that this bounds
#: the other formats: the screen of a 4K monitor passes. At worst, a WebP of 38 bytes, these cost
#: 0.3 s of a processor and 150 MB.
MAX_PIXELS = 8_400_000
QUALITY = 88
#: Found by content; every other decoder of Pillow's stays out of reach.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
#: A JPEG may be drawn in as many passes as it likes, a few bytes each: without a bound, 5 MB keep
#: a processor busy for minutes. Cameras and programs make ten.
SCANS, START_OF_SCAN = 100, b"\xff\xda"
#: One picture at a time is unpacked in a process, which bounds its memory; so many requests wait
#: for their turn, each a thread that answers nobody else, and so many seconds.
WAITING, PATIENCE = 2, 2.0
_turn = threading.Semaphore(1)
_queue = threading.Semaphore(1 + WAITING)


def set_avatar(*, login: Login, picture: bytes) -> None:
    """Keep this picture, in the place of the former one.

    Raises ``InvalidRequest`` for what is no JPEG, PNG, WebP or GIF of at most 4096 pixels a side
    (and 8.4 million pixels in all, unless it is a JPEG), ``RateLimited`` where too many pictures
    are under way, ``StorageUnavailable``, ``DatabaseUnavailable``, and ``ImproperlyConfigured``
    where Pillow is not installed.
    """
    name = _save(login.person, shrink(picture))
    try:
        _replace(login, avatar=name, avatar_appid=login.appid)
    except BaseException:
        _delete(name)
        raise


def clear_avatar(*, login: Login) -> None:
    """Show no picture of this person, neither an uploaded one nor WeChat's."""
    _replace(login, avatar="", avatar_url="", avatar_appid="")


def shrink(picture: bytes) -> bytes:
    """The first frame of a picture as a JPEG of at most 512 pixels a side, upright, and bare.

    Raises ``InvalidRequest`` and ``ImproperlyConfigured``.
    """
    if not HAS_PILLOW:
        raise ImproperlyConfigured(
            'Pictures need Pillow: install "django-wxauth[avatars]", or Pillow itself.'
        )
    try:
        # Reads the header only: what is refused by it waits for nobody, and nothing is unpacked
        # before its size is known.
        with Image.open(io.BytesIO(picture), formats=FORMATS) as opened:
            _check(opened, picture)
            with _unpacking():
                return _shrink(opened)
    except (InvalidRequest, RateLimited):
        raise
    except Exception as error:  # noqa: BLE001 - a decoder that is lied to raises what it likes
        logger.info("A picture cannot be read: %s.", type(error).__name__)
    raise InvalidRequest(_("This is not a whole JPEG, PNG, WebP or GIF picture."), field="avatar")


def _check(picture: Image.Image, data: bytes) -> None:
    if max(picture.size) > MAX_SIDE:
        raise InvalidRequest(
            _("The picture has more than %(side)d pixels a side.") % {"side": MAX_SIDE},
            field="avatar",
        )
    # MPO is Pillow's word for a JPEG with another one behind it, as many phones make them.
    if picture.format in {"JPEG", "MPO"} and data.count(START_OF_SCAN) > SCANS:
        raise ValueError("too many scans")
    picture.draft("RGB", (2 * SIDE, 2 * SIDE))
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise InvalidRequest(
            _("Only a JPEG may have more than 8.4 million pixels."),
            field="avatar",
        )


@contextmanager
def _unpacking() -> Iterator[None]:
    """This request's turn to unpack a picture. Raises ``RateLimited`` where it is far away.

    Whoever sends many at once must not take the threads that everybody else is answered by.
    """
    if not _queue.acquire(blocking=False):
        raise RateLimited(retry_after=math.ceil(PATIENCE))
    try:
        if not _turn.acquire(timeout=PATIENCE):
            raise RateLimited(retry_after=math.ceil(PATIENCE))
        try:
            yield
        finally:
            _turn.release()
    finally:
        _queue.release()


def _shrink(picture: Image.Image) -> bytes:
    small: Image.Image
    if picture.mode.startswith("I;16"):
        # 65,536 shades of grey, which would be cut off at 256.
        small = picture.point(lambda shade: shade * (1 / 256)).convert("RGB")
    else:
        small = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    small.thumbnail((SIDE, SIDE))
    small = _upright(small)
    # A new one: nothing comes along but the pixels. A JPEG knows no transparency.
    bare = Image.new("RGB", small.size, "white")
    bare.paste(small, mask=small.getchannel("A") if small.mode == "RGBA" else None)
    stream = io.BytesIO()
    bare.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as its EXIF says that the camera was held."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - EXIF that cannot be read is no reason to refuse the picture
        return picture


def delete_with_person(*, instance: Person, using: str, **kwargs: Any) -> None:
    """A receiver of ``post_delete``: with a person, or the user, goes the picture."""
    if instance.avatar.name:
        transaction.on_commit(partial(_delete, instance.avatar.name), using=using)


def _replace(login: Login, **changes: str) -> None:
    transactions.run(partial(_write, login.person_id, changes, set()))
    for name, value in changes.items():
        setattr(login.person, name, value)


def _write(key: Any, changes: dict[str, str], formers: set[str]) -> None:
    # Two uploads at once take turns, so that each deletes the file of the one before.
    person = Person.objects.select_for_update().filter(pk=key).first()
    if person is None:
        raise NotFound("The person is gone.")
    Person.objects.filter(pk=key).update(**changes)
    # Told again after a COMMIT that was not heard of, it finds its own picture in the row.
    formers.add(person.avatar.name or "")
    for former in formers - {"", changes["avatar"]}:
        transaction.on_commit(partial(_delete, former), using=router.db_for_write(Person))


def _field() -> models.FileField:
    field: models.FileField = Person._meta.get_field("avatar")
    return field


def _save(person: Person, content: bytes) -> str:
    # The name is nobody's: whoever sees one picture learns nothing about the next.
    field = _field()
    name = field.generate_filename(person, f"{secrets.token_hex(16)}.jpg")
    try:
        return str(field.storage.save(name, ContentFile(content), max_length=field.max_length))
    except Exception as error:  # noqa: BLE001 - each storage has exceptions of its own
        # Its message may hold an address with a key in it: the kind has to do.
        kind = type(error).__name__
    _delete(name)  # What was written of it before the disk was full.
    raise StorageUnavailable(f"The storage took no picture ({kind}).")


def delete(name: str) -> None:
    """Delete a picture whose person is erased. Raises ``StorageUnavailable``."""
    try:
        _field().storage.delete(name)
    except Exception as error:  # noqa: BLE001 - each storage has exceptions of its own
        kind = type(error).__name__
    else:
        return
    raise StorageUnavailable(f"The storage deleted no picture ({kind}).")


def _delete(name: str) -> None:
    try:
        _field().storage.delete(name)
    except Exception as error:  # noqa: BLE001 - each storage has exceptions of its own
        # Nobody refers to it any more: a matter of space, not of the person who is waiting.
        logger.warning("The picture %s cannot be deleted: %s.", name, type(error).__name__)
