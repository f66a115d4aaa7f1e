"""Pictures: whatever is uploaded, what comes out is a small, upright, bare JPEG, or a refusal."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from concurrent import futures
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from wxauth.exceptions import InvalidRequest, RateLimited
from wxauth.services.profile import pictures

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)
ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


def draw(size=(60, 40), mode="RGB"):
    """Red on the left, green on the right, and a blue corner at the top left."""
    picture = Image.new("RGB", size, RED)
    width, height = size
    picture.paste(GREEN, (width // 2, 0, width, height))
    picture.paste(BLUE, (0, 0, width // 4, height // 4))
    return picture.convert(mode)


def write(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def opened(data):
    """What came out, looked at: a plain JPEG, and nothing but one."""
    assert data.startswith(b"\xff\xd8\xff")
    assert data.endswith(b"\xff\xd9")
    picture = Image.open(io.BytesIO(data), formats=["JPEG"])
    picture.load()
    assert picture.format == "JPEG"
    assert picture.mode == "RGB"
    assert max(picture.size) <= 512
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not picture.getexif()
    assert [name for name, _ in picture.applist] == ["APP0"]
    return picture


def shrink(data):
    return opened(pictures.shrink(data))


def close(one, other, by=40):
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def corners(picture):
    width, height = picture.size
    return {
        "top left": picture.getpixel((width // 10, height // 10)),
        "bottom left": picture.getpixel((width // 10, height * 9 // 10)),
        "top right": picture.getpixel((width * 9 // 10, height // 10)),
        "bottom right": picture.getpixel((width * 9 // 10, height * 9 // 10)),
    }


def refused(data):
    with pytest.raises(InvalidRequest) as caught:
        pictures.shrink(data)
    assert caught.value.field == "avatar"
    return str(caught.value)


# -- what is taken -------------------------------------------------------------------------------

KINDS = {
    "JPEG": lambda: write(draw(), "JPEG"),
    "progressive JPEG": lambda: write(draw(), "JPEG", progressive=True),
    "CMYK JPEG": lambda: write(draw(mode="CMYK"), "JPEG"),
    "JPEG with another behind it": lambda: write(
        draw(), "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40), "white")]
    ),
    "PNG": lambda: write(draw(), "PNG"),
    "palette PNG": lambda: write(draw().quantize(8), "PNG"),
    "PNG with alpha": lambda: write(draw(mode="RGBA"), "PNG"),
    "WebP": lambda: write(draw(), "WEBP"),
    "lossless WebP with alpha": lambda: write(draw(mode="RGBA"), "WEBP", lossless=True),
    "GIF": lambda: write(draw().quantize(8), "GIF"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_taken_and_looks_the_same(kind):
    picture = shrink(KINDS[kind]())
    assert picture.size == (60, 40)
    seen = corners(picture)
    expected = {"top left": BLUE, "bottom left": RED, "top right": GREEN, "bottom right": GREEN}
    assert all(close(seen[corner], expected[corner]) for corner in expected), seen


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ((1, 1), (1, 1)),
        ((512, 512), (512, 512)),
        ((513, 100), (512, 100)),
        ((1000, 2000), (256, 512)),
        ((3840, 2160), (512, 288)),
        ((4096, 1), (512, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_shrunk_to_512_pixels_and_never_enlarged(size, stored, kind):
    assert shrink(write(Image.new("RGB", size, GREEN), kind)).size == stored


@pytest.mark.parametrize("size", [(4097, 1), (1, 4097), (5000, 5000)])
@pytest.mark.parametrize(
    ("kind", "quickly"),
    [("JPEG", {}), ("PNG", {"compress_level": 1}), ("WEBP", {"method": 0})],
)
def test_more_than_4096_pixels_a_side_are_refused(size, kind, quickly):
    assert "4096" in refused(write(Image.new("RGB", size), kind, **quickly))


def test_a_jpeg_of_any_camera_is_taken_and_what_must_be_unpacked_whole_only_to_8_4_million():
    """A JPEG is unpacked at an eighth of its size; 38 bytes of WebP would cost 270 MB."""
    assert shrink(write(Image.new("RGB", (4096, 4096), GREEN), "JPEG")).size == (512, 512)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("GIF", {})):
        picture = Image.new("RGB", (4096, 2051), GREEN)
        assert "8.4" in refused(write(picture, kind, **options)), kind


# -- many at once --------------------------------------------------------------------------------


@pytest.fixture
def busy(monkeypatch):
    """One picture is being unpacked until the test says so; answers with a way to end it."""
    real, begun, end = pictures._shrink, threading.Event(), threading.Event()

    def slow(picture):
        begun.set()
        assert end.wait(30)
        return real(picture)

    with monkeypatch.context() as patch, futures.ThreadPoolExecutor(8) as pool:
        patch.setattr(pictures, "_shrink", slow)
        first = pool.submit(shrink, write(draw(), "PNG"))
        assert begun.wait(30)
        yield pool, end
        end.set()
        assert first.result(30)
    assert (pictures._turn._value, pictures._queue._value) == (1, 1 + pictures.WAITING)


def test_two_wait_for_a_picture_and_the_next_is_told_to_come_back(busy, monkeypatch):
    pool, end = busy
    monkeypatch.setattr(pictures, "PATIENCE", 30.0)
    waiting = threading.Semaphore(0)
    acquire = pictures._turn.acquire
    monkeypatch.setattr(
        pictures._turn, "acquire", lambda **how: (waiting.release(), acquire(**how))[1]
    )
    patient = [pool.submit(shrink, write(draw(), "JPEG")) for _ in range(pictures.WAITING)]
    for _ in patient:
        assert waiting.acquire(timeout=30)
    with pytest.raises(RateLimited) as caught:
        pictures.shrink(write(draw(), "GIF"))
    assert caught.value.retry_after == 30
    end.set()
    assert all(each.result(30).size == (60, 40) for each in patient)


def test_nobody_waits_for_a_picture_for_ever(busy, monkeypatch):
    monkeypatch.setattr(pictures, "PATIENCE", 0.01)
    with pytest.raises(RateLimited):
        pictures.shrink(write(draw(), "PNG"))


def test_what_its_header_refuses_waits_for_nobody(busy, monkeypatch):
    monkeypatch.setattr(pictures, "PATIENCE", 30.0)
    assert "4096" in refused(write(Image.new("RGB", (4097, 1)), "PNG"))
    assert "8.4" in refused(write(Image.new("L", (4096, 4096)), "PNG"))
    refused(b"no picture")


def test_a_picture_that_cannot_be_read_gives_its_turn_back(monkeypatch):
    whole = write(Image.effect_noise((300, 300), 50), "PNG")
    for _ in range(2 * (1 + pictures.WAITING)):
        refused(whole[: len(whole) // 2])
    shrink(whole)


@pytest.mark.parametrize(
    ("orientation", "blue"),
    [
        (1, "top left"), (2, "top right"), (3, "bottom right"), (4, "bottom left"),
        (5, "top left"), (6, "top right"), (7, "bottom right"), (8, "bottom left"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_as_the_camera_was_held(orientation, blue, kind):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = shrink(write(draw((600, 400)), kind, exif=exif))
    assert picture.size == ((512, 341) if orientation <= 4 else (341, 512))
    seen = corners(picture)
    assert [corner for corner in seen if close(seen[corner], BLUE)] == [blue]


def test_nothing_comes_along_but_the_pixels():
    """Where it was taken, with what, and what somebody wrote into it."""
    exif = Image.Exif()
    exif[0x010E] = "CANARY in EXIF"
    exif.get_ifd(0x8825)[2] = (39.0, 54.0, 26.0)
    data = write(
        draw(), "JPEG", exif=exif, comment=b"CANARY in a comment", icc_profile=b"CANARY" * 30,
        xmp=b"<x:xmpmeta>CANARY</x:xmpmeta>",
    )  # fmt: skip
    assert data.count(b"CANARY") >= 4
    stored = pictures.shrink(data + b"CANARY behind the end")
    opened(stored)
    assert b"CANARY" not in stored


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"rubbish"])
def test_exif_that_cannot_be_read_is_no_reason_to_refuse(exif):
    assert shrink(write(draw(), "JPEG", exif=exif)).size == (60, 40)


def test_what_is_transparent_becomes_white():
    picture = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (10, 0, 20, 20))
    for data in (
        write(picture, "PNG"),
        write(picture, "WEBP", lossless=True),
        write(picture, "GIF"),
        write(picture.quantize(4), "PNG"),
        write(picture.convert("LA").convert("RGBA"), "PNG"),
    ):
        assert close(shrink(data).getpixel((2, 10)), (255, 255, 255))


def test_sixteen_bits_of_grey_stay_grey():
    data = write(Image.new("I;16", (20, 20), 0x8000), "PNG")
    assert close(shrink(data).getpixel((10, 10)), (128, 128, 128), by=3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_kept(kind):
    frames = [Image.new("RGB", (50, 50), colour) for colour in (GREEN, RED, BLUE)]
    data = write(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert close(shrink(data).getpixel((25, 25)), GREEN)


# -- what is not ---------------------------------------------------------------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, body=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def gif(width, height, *, frame=(1, 1)):
    return (
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
        + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\0;"
    )  # fmt: skip


def webp(width, height):
    body = struct.pack("<BBH", 0, 0, 0) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little")
    whole = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + body
    whole += write(draw(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NOT_TAKEN = {
    "nothing": lambda: b"",
    "a word": lambda: b"avatar",
    "random bytes": lambda: os.urandom(5000),
    "SVG": lambda: SVG,
    "SVG with an XML declaration": lambda: b'<?xml version="1.0"?>' + SVG,
    "HTML": lambda: b"<!doctype html><script>alert(1)</script>",
    "HEIC": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 500,
    "AVIF": lambda: b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + b"\0" * 500,
    "BMP": lambda: write(draw(), "BMP"),
    "TIFF": lambda: write(draw(), "TIFF"),
    "ICO": lambda: write(draw(), "ICO"),
    "PPM": lambda: write(draw(), "PPM"),
    "TGA": lambda: write(draw(), "TGA"),
    "JPEG 2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 500,
    "EPS": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "PDF": lambda: b"%PDF-1.7\n",
    "MP4": lambda: b"\0\0\0\x18ftypmp42" + b"\0" * 500,
    "the first bytes of a JPEG": lambda: b"\xff\xd8\xff\xe0",
    "half a JPEG": lambda: write(draw((300, 300)), "JPEG")[:2000],
    "a JPEG without its last bytes": lambda: write(draw((300, 300)), "JPEG")[:-20],
    "half a PNG": lambda: write(draw((300, 300)), "PNG")[:500],
    "half a WebP": lambda: write(draw((300, 300)), "WEBP")[:200],
    "half a GIF": lambda: write(draw((300, 300)).quantize(8), "GIF")[:900],
    "a PNG without pixels": lambda: png(100, 100),
    "a PNG of no size": lambda: png(0, 0),
    "a PNG bomb": lambda: png(50_000, 50_000, b"\0" * 10_000_000),
    "a PNG of two thousand million pixels a side": lambda: png(2**31 - 1, 2**31 - 1),
    "a GIF bomb": lambda: gif(65_535, 65_535),
    "a GIF whose frame is larger than itself": lambda: gif(1, 1, frame=(65_535, 65_535)),
    "a WebP bomb": lambda: webp(2**24, 200),
    "a JPEG bomb": lambda: write(draw(), "JPEG").replace(
        struct.pack(">HH", 40, 60), struct.pack(">HH", 65_500, 65_500), 1
    ),
    "a page before a JPEG": lambda: b"<html>" + write(draw(), "JPEG"),
}


@pytest.mark.parametrize("what", NOT_TAKEN)
def test_everything_else_is_refused(what):
    refused(NOT_TAKEN[what]())


def test_a_jpeg_of_a_thousand_scans_is_refused_before_it_is_drawn():
    """Each is a few bytes, and a pass over all the pixels: minutes of a processor in 5 MB."""
    data = write(Image.new("L", (4096, 4096), 9), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    bomb = data[:last] + data[last:-2] * 1000 + data[-2:]
    assert len(bomb) < pictures.MAX_BYTES
    refused(bomb)


MEMORY = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from PIL import Image
from wxauth.services.profile import pictures
Image.init()
data = sys.stdin.buffer.read()
def most():
    # Not getrusage: what it says of a new process begins with the memory of its parent.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
before = most()
try:
    pictures.shrink(data)
except Exception as error:
    print(type(error).__name__, most() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="It reads /proc.")
@pytest.mark.parametrize("what", [name for name in NOT_TAKEN if "bomb" in name])
@pytest.mark.waits
def test_a_bomb_is_not_unpacked(what):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEMORY],
        input=NOT_TAKEN[what](), capture_output=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    error, kilobytes = done.stdout.split()
    assert error == b"InvalidRequest"
    assert int(kilobytes) < 20 * 1024


# -- polyglots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize(
    "tail", [b"<script>CANARY</script>", b"PK\x03\x04CANARY", b"<?php CANARY ?>", b"%PDF-CANARY"]
)
def test_what_is_glued_behind_a_picture_is_gone(kind, tail):
    data = write(draw().quantize(8) if kind == "GIF" else draw(), kind)
    stored = pictures.shrink(data + tail * 50)
    opened(stored)
    assert b"CANARY" not in stored


def test_a_gif_that_is_a_script_as_well_is_stored_as_a_jpeg():
    data = b"GIF89a/*" + write(draw((12, 12)).quantize(8), "GIF")[8:] + b"*/=CANARY;alert(1)"
    try:
        stored = pictures.shrink(data)
    except InvalidRequest:
        return
    opened(stored)
    assert b"CANARY" not in stored


# -- the program ---------------------------------------------------------------------------------


def test_without_pillow_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pictures, "HAS_PILLOW", False)
    with pytest.raises(ImproperlyConfigured, match=r"django-wxauth\[avatars\]"):
        pictures.shrink(write(draw(), "PNG"))
