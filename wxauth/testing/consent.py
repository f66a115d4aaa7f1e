"""WeChat's own pages (``open.weixin.qq.com``): a QR code on a PC, a question in WeChat's browser.

They refuse like the original, on a page that the project's server never hears of. Whoever has no
phone presses a button. In a test ``FakeWeChat.consent`` does.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from .faults import Reply
from .oauth2 import OAuth2
from .people import FakePerson, Unknown

PREFIX = "/connect/"
QR, IN_WECHAT = "/connect/qrconnect", "/connect/oauth2/authorize"
#: What an app of this kind may ask for, and where.
SCOPES = {
    QR: ("website", ("snsapi_login",)),
    IN_WECHAT: ("officialaccount", ("snsapi_base", "snsapi_userinfo")),
}
#: In WeChat's browser (protocol: H5 2.1); on a PC it is only not lost.
STATE = re.compile(r"[A-Za-z0-9]{0,128}", re.ASCII)


class NotShown(Exception):
    """WeChat shows a page that says so, and sends nobody anywhere."""


@dataclass(frozen=True)
class Asked:
    """A page of WeChat's that was opened rightly."""

    appid: str
    scope: str
    redirect_uri: str
    state: str

    def back(self, **more: str) -> str:
        """The address that WeChat sends the browser to."""
        return f"{self.redirect_uri}?{urlencode({**more, 'state': self.state})}"


class Consent(OAuth2):
    """The part of ``FakeWeChat`` that a browser sees."""

    def open_page(self, path: str, params: Mapping[str, str]) -> Asked:
        """What this address asks for. Raises ``NotShown``, with what WeChat's page says then."""
        if path not in SCOPES:
            raise NotShown("该链接无法访问")
        kind, scopes = SCOPES[path]
        try:
            _, app = self._app(params.get("appid") or "-")
        except Unknown:
            raise NotShown("AppID 参数错误") from None
        if app.kind != kind or params.get("scope") not in scopes:
            raise NotShown("Scope 参数错误或没有 Scope 权限")
        # Of wxLogin.js's address the script itself is the one that says what is wanted.
        if params.get("response_type", "code") != "code":
            raise NotShown("response_type 参数错误")
        to = urlsplit(params.get("redirect_uri", ""))
        registered = app.domain is None or to.hostname == app.domain
        if to.scheme not in {"http", "https"} or not to.hostname or not registered:
            raise NotShown("redirect_uri 参数错误")
        if to.fragment or to.query:
            raise NotShown("redirect_uri 参数错误")
        state = params.get("state", "")
        if path == IN_WECHAT and not STATE.fullmatch(state):
            raise NotShown("state 参数错误")
        return Asked(params["appid"], params["scope"], params["redirect_uri"], state)

    def agree(
        self, asked: Asked, person: FakePerson | str | None = None, *, snapshot: bool = False
    ) -> str:
        """The address that the browser is sent to when this person agrees, or is not asked."""
        code = self.oauth2_code(person, asked.appid, scope=asked.scope, snapshot=snapshot)
        return asked.back(code=code)

    def consent(
        self,
        client: Any,
        url: str,
        person: FakePerson | str | None = None,
        *,
        refuse: bool = False,
        snapshot: bool = False,
    ) -> Any:
        """Let a person go through one of the project's doors for browsers; the callback's answer.

        ::

            fake_wechat.consent(client, "/wechat/start/wx…/?next=/orders/", person="alice")
            assert client.get("/orders/").status_code == 200

        ``client`` is Django's test client. ``url`` is a path of the project that sends the browser
        to WeChat, or WeChat's own address, for a POST: ``client.post("/wechat/link/wx…/").url``.
        ``refuse``: the person says no. ``snapshot``: WeChat shows a snapshot page (快照页).
        Raises ``NotShown`` where WeChat would not let the browser pass.
        """
        if not urlsplit(url).netloc:
            answer = client.get(url)
            if answer.status_code != 302:
                return answer
            url = answer.url
        asked = self.open_page(*_split(url))
        back = asked.back() if refuse else self.agree(asked, person, snapshot=snapshot)
        return client.get(back)

    def connect(
        self, target: str, headers: Mapping[str, str], *, owner: str | None = None
    ) -> Reply:
        """The answer to a browser that opens one of these pages.

        ``owner``: whose phone it is; else whoever is chosen.
        """
        path, params = _split(target)
        words = WORDS["zh" if headers.get("accept-language", "zh").startswith("zh") else "en"]
        try:
            asked = self.open_page(path, params)
        except NotShown as shown:
            return _page(words, words["refused"], f"<p>{html.escape(str(shown))}</p>", status=400)
        in_wechat = "MicroMessenger" in headers.get("user-agent", "") or "wechat" in params
        if path == IN_WECHAT and not in_wechat:
            again = html.escape(f"{target}&wechat=1".replace("#wechat_redirect", ""))
            link = f'<p><a href="{again}">{words["pretend"]}</a></p>'
            return _page(words, "请在微信客户端打开链接", link)
        if "refuse" in params:
            return Reply(b"", 302, location=asked.back())
        before = (owner or _remembered(headers)) if _is_silent(asked) else ""
        chosen = params.get("person") or before
        if chosen or _is_silent(asked):
            if chosen not in self.people:
                chosen = self.person().name
            to = self.agree(asked, chosen, snapshot="snapshot" in params)
            return Reply(b"", 302, location=to, headers=_remember(chosen))
        return self._ask(words, target, asked, [owner] if owner else list(self.people))

    def _ask(self, words: Mapping[str, str], target: str, asked: Asked, people: list[str]) -> Reply:
        host = html.escape(urlsplit(asked.redirect_uri).hostname or "")
        rows = []
        for name in people:
            agree = html.escape(f"{target}&person={quote(name)}")
            snapshot = html.escape(f"{target}&person={quote(name)}&snapshot=1")
            who = html.escape(self.person(name).nickname or name)
            label = f"{words['agree']} {who} ({html.escape(name)})"
            rows.append(f'<p><a class="first" href="{agree}">{label}</a>')
            if asked.scope == "snsapi_userinfo":
                rows.append(f'<a href="{snapshot}">{words["snapshot"]}</a>')
            rows.append("</p>")
        refuse = html.escape(f"{target}&refuse=1")
        rows.append(f'<p><a href="{refuse}">{words["refuse"]}</a></p>')
        picture = _picture(asked.state) if asked.scope == "snsapi_login" else ""
        return _page(words, f"{words['title']} {host}", picture + "\n".join(rows))


def _is_silent(asked: Asked) -> bool:
    return asked.scope == "snsapi_base"


def _split(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def _remembered(headers: Mapping[str, str]) -> str:
    """Who was chosen in this browser before."""
    found = re.search(r"(?:^|;\s*)person=([^;]*)", headers.get("cookie", ""))
    return unquote(found[1]) if found else ""


def _remember(name: str) -> dict[str, str]:
    return {"Set-Cookie": f"person={quote(name)}; Path=/; SameSite=Lax"}


WORDS = {
    "zh": {
        "lang": "zh-CN",
        "title": "微信登录",
        "note": "这是模拟的微信，没有手机也能登录。",
        "agree": "确认登录：",
        "snapshot": "以快照页打开",
        "refuse": "拒绝",
        "refused": "微信拒绝打开此页面",
        "pretend": "假装在微信里打开",
    },
    "en": {
        "lang": "en",
        "title": "WeChat login:",
        "note": "This is the simulated WeChat. No phone is needed.",
        "agree": "Confirm as",
        "snapshot": "as a snapshot page",
        "refuse": "Refuse",
        "refused": "WeChat does not open this page",
        "pretend": "Pretend that this is WeChat's browser",
    },
}

STYLE = """
:root { color-scheme: light dark; }
body { max-width: 26rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
svg { width: 12rem; height: 12rem; display: block; margin: 1rem auto; background: #fff; }
a { display: block; box-sizing: border-box; min-height: 2.75rem; padding: .55rem 1rem;
  margin: .25rem 0; border: 1px solid GrayText; border-radius: .5rem; color: inherit;
  text-align: center; text-decoration: none; }
a.first { background: #06743b; border-color: #06743b; color: #fff; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _page(words: Mapping[str, str], title: str, body: str, status: int = 200) -> Reply:
    text = (
        f'<!doctype html><html lang="{words["lang"]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}<p>{words['note']}</p></main></body></html>"
    )
    return Reply(text.encode(), status, "text/html; charset=utf-8", headers=HEADERS)


def _picture(text: str) -> str:
    """What looks like a QR code, and is none: nobody scans this page."""
    size, digest = 25, hashlib.sha512(text.encode()).digest() * 2
    bits = "".join(f"{byte:08b}" for byte in digest)
    dots = "".join(f"M{i % size} {i // size}h1v1h-1z" for i in range(size * size) if bits[i] == "1")
    eyes = "".join(
        f'<path fill="#fff" d="M{x} {y}h8v8h-8z"/>'
        f'<path fill-rule="evenodd" d="M{x} {y}h7v7h-7zm1 1v5h5v-5zm1 1h3v3h-3z"/>'
        for x, y in ((0, 0), (size - 7, 0), (0, size - 7))
    )
    box = f"-2 -2 {size + 4} {size + 4}"
    return f'<svg viewBox="{box}" aria-hidden="true"><path d="{dots}"/>{eyes}</svg>'
