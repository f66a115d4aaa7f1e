"""Request bodies: JSON that means one thing only, and a form with one file."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser, DataAndFiles

from wxauth import strict_json
from wxauth.exceptions import InvalidRequest
from wxauth.services.profile import pictures

from .errors import PayloadTooLarge

#: A body with encrypted or signed data in it: the largest that WeChat makes, thirty days of steps,
#: have 3 KB.
MAX_DATA = 32 * 1024
#: What browsers never leave in a form, and parsers read differently (``;`` parts fields for some, a
#: ``%`` without its two digits stands for itself or for nothing). To be searched for: a pattern of
#: the whole form would remember each character of it, 150 bytes for one.
_ODD = re.compile(rb"[^!-:<-~]|%(?![0-9A-Fa-f]{2})")
#: Fields of a form.
MAX_FIELDS = 100
#: What a form has around its file.
MAX_FRAME = 64 * 1024


class StrictJSONParser(BaseParser):
    """An object in UTF-8, as large as the view takes, as strict as ``strict_json`` can be."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = _read_text(stream, media_type, parser_context)
        if not body:
            return {}
        try:
            return strict_json.read_object(body)
        except strict_json.TooDeep:
            wrong = _("The body is nested too deeply.")
        except strict_json.LoneSurrogate:
            wrong = _("The body holds a lone surrogate.")
        except ValueError:
            wrong = _("The body must be a JSON object.")
        raise InvalidRequest(wrong)


def read_once(fields: MultiValueDict[str, Any]) -> dict[str, Any]:
    """A field that is there twice means one thing to us and another to a proxy's log.

    Raises ``InvalidRequest``.
    """
    for name, values in fields.lists():
        if len(values) > 1:
            raise InvalidRequest(_("This is there twice."), field=name)
    return fields.dict()


class FormParser(BaseParser):
    """A form without files, as strict as our JSON: UTF-8, as large, no field twice.

    Every value is a text.
    """

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = _read_text(stream, media_type, parser_context)
        if not body:
            return {}
        with suppress(ValueError):
            if _ODD.search(body):
                raise ValueError("not encoded")
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
            )
            fields = dict(pairs)
            if len(fields) != len(pairs):
                raise ValueError("a field twice")
            return fields
        # Raised out here: the error of the parser quotes the form.
        raise InvalidRequest(_("The form cannot be read."))


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
        body = read_body(stream, pictures.MAX_BYTES + MAX_FRAME)
        # The view was chosen whatever the case of these letters.
        _type, _semicolon, parameters = (media_type or "").partition(";")
        headers = {
            "CONTENT_TYPE": f"{self.media_type};{parameters}",
            "CONTENT_LENGTH": str(len(body)),
        }
        with suppress(MultiPartParserError, SuspiciousOperation, ValueError):
            form = MultiPartParser(headers, io.BytesIO(body), [_InMemory()], "utf-8")
            fields, files = form.parse()
            if sum(len(each) for _name, each in files.lists()) > 1:
                raise InvalidRequest(_("Send one file only."), field="avatar")
            return DataAndFiles(fields, files)
        # As above.
        raise InvalidRequest(_("The form cannot be read."))


class _InMemory(FileUploadHandler):
    """Django's own writes larger files to a disk, which may be full or read-only."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._pieces: list[bytes] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._pieces.append(raw_data)

    def file_complete(self, file_size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile(str(self.file_name), b"".join(self._pieces))


def _read_text(
    stream: IO[bytes], media_type: str | None, parser_context: Mapping[str, Any] | None
) -> bytes:
    """A body that says that it is UTF-8, or nothing else, and is no larger than the view takes."""
    if _charset(media_type or "") not in {"utf-8", "utf8", ""}:
        raise InvalidRequest(_("The body must be UTF-8."))
    return read_body(stream, int(parser_context["view"].max_body) if parser_context else MAX_DATA)


def read_body(stream: IO[bytes], most: int) -> bytes:
    """So many bytes at most. Raises ``InvalidRequest`` and ``PayloadTooLarge``."""
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
