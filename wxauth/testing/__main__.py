"""``python -m wxauth.testing``: a fake WeChat in the foreground, without Django."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .fake import FakeWeChat
from .loading import load_file
from .server import FakeWeChatServer, StopSignal


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m wxauth.testing", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8001, help="default: %(default)s; 0: any")
    parser.add_argument(
        "--app",
        metavar="APPID:SECRET",
        type=_app,
        action="append",
        default=[],
        help="an app that exists; without any, every app does, with the secret 'sandbox', and "
        "every code is good",
    )
    parser.add_argument("--load", metavar="FILE", help="people, as JSON")
    options = parser.parse_args(arguments)

    sandbox = not options.app
    fake = FakeWeChat(any_app=sandbox, any_code=sandbox)
    for appid, secret in options.app:
        fake.add_app(appid, secret)
    try:
        if options.load:
            load_file(fake, options.load)
        server = FakeWeChatServer(fake, options.host, options.port)
    except (OSError, OverflowError, ValueError) as error:
        parser.error(str(error))
    stop = StopSignal()
    with server:
        sys.stdout.write(
            f"A fake WeChat is at {server.url} (Ctrl-C stops it).\n"
            f"A login code: curl '{server.url}/sandbox/code?person=alice'\n"
        )
        sys.stdout.flush()
        stop.wait()
    return 0


def _app(text: str) -> tuple[str, str]:
    appid, _, secret = text.partition(":")
    if not appid or not secret:
        raise argparse.ArgumentTypeError("APPID:SECRET is expected")
    return appid, secret


if __name__ == "__main__":
    sys.exit(main())
