"""The hosts, and in what ways their settings differ from one run to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
#: As the page about browsers has them.
SITE, ACCOUNT = "wx0000000000000003", "wx0000000000000004"
MOBILE = "wx0000000000000005"


@dataclass(frozen=True)
class Variant:
    host: str
    #: Python, at the end of the host's settings.
    changes: str = ""
    #: Files besides: name → text.
    files: dict[str, str] = field(default_factory=dict)


def read_blocks(page: str) -> list[tuple[str, str, str]]:
    """The Python of a page: file and what is said of it, as its first line has them, and code."""
    found = re.findall(r"```python\n# ([\w/.]+)(?:: ([^\n]+))?\n(.*?)```", page, re.DOTALL)
    assert len(found) == page.count("```python\n")
    return found


def other_logins(*choices: str) -> Variant:
    """The project with every login, set up as the page about them says, with these choices."""
    blocks = read_blocks((DOCS / "other-logins.md").read_text())
    return Variant(
        "logins",
        "\n".join(
            code for name, said, code in blocks if name == "settings.py" and said in {"", *choices}
        ),
        {name: code for name, _said, code in blocks if name != "settings.py"},
    )


def browsers() -> Variant:
    """What startproject wrote, with pages for browsers, set up as the page about them says.

    Its template holds the HTML of that page, piece by piece.
    """
    page = (DOCS / "browsers.md").read_text()
    code: dict[str, str] = {}
    for name, _said, piece in read_blocks(page):
        code[name] = code.get(name, "") + piece
    urls = (HERE / "bare" / "project" / "urls.py").read_text()
    pieces = re.findall(r"```html\n(.*?)```", page, re.DOTALL)
    return Variant(
        "bare",
        code["settings.py"] + BROWSERS,
        {
            "project/urls.py": urls + code["urls.py"] + SHOP_URLS,
            "shop/__init__.py": "",
            "shop/views.py": code["shop/views.py"] + WHOAMI,
            "shop/templates/shop.html": "\n".join(["<b>{{ user.pk }}</b>", *pieces]),
        },
    )


#: What the page says in words.
BROWSERS = f"""
INSTALLED_APPS += ["shop"]
WXAUTH["APPS"] |= {{
    "{SITE}": {{"SECRET": "secret-of-the-site", "KIND": "website"}},
    "{ACCOUNT}": {{"SECRET": "secret-of-the-account", "KIND": "officialaccount"}},
    "{MOBILE}": {{"SECRET": "secret-of-the-mobile-app", "KIND": "mobileapp"}},
}}
WXAUTH["PREFETCH"] = True
WXAUTH["OPEN_BASE"] = WXAUTH["API_BASE"]
"""

SHOP_URLS = """
from shop import views

urlpatterns += [path("shop/", views.shop), path("api/whoami/", views.whoami)]
"""

WHOAMI = """

from rest_framework.decorators import api_view
from rest_framework.response import Response


@api_view(["GET", "POST"])
def whoami(request):
    return Response({"id": request.user.pk})
"""


def from_pages(host: str, *names: str, changes: str = "") -> Variant:
    """This host with the files that these pages show. A file may be shown in pieces."""
    files: dict[str, str] = {}
    for name in names:
        for file, _said, code in read_blocks((DOCS / name).read_text()):
            files[file] = f"{files[file]}\n\n{code}" if file in files else code
    return Variant(host, changes, files)


#: Five requests at once on an ended token are five logins.
FIVE_AT_ONCE = """
WXAUTH["LIMITS"] = {"login_address": "20/day"}
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
"""

VARIANTS = {
    "bare": Variant("bare"),
    "browsers": browsers(),
    "uuid": Variant("uuid"),
    "china": Variant("china"),
    "china-without-slashes": Variant("china", "APPEND_SLASH = False"),
    "china-wrapped": Variant("china", 'WXAUTH["ENVELOPE"] = "project.envelope.envelope"'),
    "legacy": Variant("legacy"),
    "clients": from_pages("clients", "login-views.md", "testing.md"),
    "old-clients": from_pages("clients", "old-clients.md", changes=FIVE_AT_ONCE),
    "logins": other_logins(),
    "logins-theirs": other_logins("theirs first"),
    "logins-wrapped": other_logins("in an envelope"),
}
