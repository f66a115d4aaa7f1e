"""Request bodies: JSON that means one thing only, and a form with one file."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser, DataAndFiles

from wxauth.exceptions import InvalidRequest
from wxauth.services import pictures

from .errors import PayloadTooLarge

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
#: What a form has around its file.
MAX_FRAME = 64 * 1024


class StrictJSONParser(BaseParser):
    """An object in UTF-8, at most 1 MB and 20 levels, no duplicate keys, NaN or lone surrogates.

    Two parsers that read one body differently (a proxy's, a log's, ours) are how checks are
    walked around; and what no database can store is better refused at the door.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        charset = _charset(media_type or "")
        if charset not in {"utf-8", "utf8", ""}:
            raise InvalidRequest(_("The body must be UTF-8."))
        body = _read(stream, MAX_BYTES)
        if not body:
            return {}
        try:
            # int() refuses endless digits with a ValueError, deep nesting ends in RecursionError,
            # UnicodeDecodeError is a ValueError.
            value = json.loads(
                body.decode("utf-8"),
                object_pairs_hook=_object,
                parse_constant=_refuse_constant,
                parse_float=_finite,
            )
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise InvalidRequest(_("The body must be a JSON object."))
        _check(value)
        return value


class PictureParser(BaseParser):
    """A form with one file, as ``wx.uploadFile`` sends it: at most 5 MB, and kept in memory.

    The project's upload handlers and limits have no say here.
    """

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        body = _read(stream, pictures.MAX_BYTES + MAX_FRAME)
        # The view was chosen whatever the case of these letters.
        _type, _semicolon, parameters = (media_type or "").partition(";")
        headers = {
            "CONTENT_TYPE": f"{self.media_type};{parameters}",
            "CONTENT_LENGTH": str(len(body)),
        }
        try:
            form = MultiPartParser(headers, io.BytesIO(body), [_InMemory()], "utf-8")
            fields, files = form.parse()
        except (MultiPartParserError, SuspiciousOperation, ValueError) as error:
            raise InvalidRequest(_("The form cannot be read.")) from error
        if sum(len(each) for _name, each in files.lists()) > 1:
            raise InvalidRequest(_("Send one file only."), field="avatar")
        return DataAndFiles(fields, files)


class _InMemory(FileUploadHandler):
    """Django's own writes larger files to a disk, which may be full or read-only."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._pieces: list[bytes] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._pieces.append(raw_data)

    def file_complete(self, file_size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile(str(self.file_name), b"".join(self._pieces))


def _read(stream: IO[bytes], most: int) -> bytes:
    try:
        body = stream.read(most + 1)
    except UnreadablePostError as error:
        raise InvalidRequest(_("The body ended too early.")) from error
    if len(body) > most:
        raise PayloadTooLarge
    return body


def _charset(media_type: str) -> str:
    for parameter in media_type.split(";")[1:]:
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("no number")
    return number


def _check(value: Any) -> None:
    """Refuse what is too deep, and texts that are no Unicode (``"\\ud800"``)."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidRequest(_("The body is nested too deeply."))
        deeper: list[Any] = []
        for container in level:
            members: list[Any] = list(container)
            if isinstance(container, dict):
                members += container.values()
            for member in members:
                if isinstance(member, (dict, list)):
                    deeper.append(member)
                elif isinstance(member, str) and not _is_unicode(member):
                    raise InvalidRequest(_("The body holds a lone surrogate."))
        level = deeper


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
