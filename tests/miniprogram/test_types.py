"""The client's types, and its syntax, against what WeChat itself publishes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import find_program
from .servers import ROOT

pytestmark = pytest.mark.client
FOLDER = Path(__file__).parent
MINIPROGRAM = ROOT / "miniprogram"


@pytest.fixture(scope="module")
def tool(packages: Path) -> Callable[..., str]:
    """Runs a script of ours or a program of the locked packages, and gives what it prints."""

    def run(name: str, *arguments: str) -> str:
        ours = FOLDER / name
        program = ours if ours.exists() else packages / ".bin" / name
        done = subprocess.run(
            [find_program("node"), str(program.resolve()), *arguments],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.client.json"])
def test_client_sample_and_declarations_fit_wechats_typings(tool: Callable[..., str], project):
    tool("tsc", "--project", project)


def test_every_form_of_the_client_is_up_to_date(tool: Callable[..., str]):
    tool("copies.mjs", "--check")


def test_everything_that_a_phone_runs_is_es2015(tool: Callable[..., str]):
    scripts = sorted(
        [
            *MINIPROGRAM.glob("*.js"),
            *MINIPROGRAM.glob("pages/**/*.js"),
            *MINIPROGRAM.glob("components/**/*.js"),
        ]
    )
    assert len(scripts) > 4
    for script in scripts:
        tool("acorn", "--ecma2015", "--silent", str(script))
    tool("acorn", "--ecma2015", "--module", "--silent", str(MINIPROGRAM / "wxauth.mjs"))


def test_what_the_package_hands_to_wechat_is_es5(tool: Callable[..., str]):
    package = json.loads((MINIPROGRAM / "package.json").read_text())
    tool("acorn", "--ecma5", "--silent", str(MINIPROGRAM / package["miniprogram"] / "index.js"))


def test_the_client_is_small(tool: Callable[..., str]):
    options = ["--ecma", "2015", "--compress", "passes=3", "--mangle", "--toplevel"]
    minified = tool("terser", str(MINIPROGRAM / "wxauth.js"), *options)
    assert len(minified.encode()) <= 9 * 1024


def test_wx_request_can_do_whatever_the_schema_asks_for(tool: Callable[..., str], client):
    typings = (FOLDER / "node_modules/miniprogram-api-typings/types/wx/lib.wx.api.d.ts").read_text()
    option = typings.partition("interface RequestOption<")[2].partition("\n    }")[0]
    methods = set(re.findall(r"\| '([A-Z]+)'", option))
    assert {"GET", "POST"} <= methods
    answer = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    paths = json.loads(answer.content)["paths"]
    assert any(path.endswith(("/login", "/login/")) for path in paths)
    for path, operations in paths.items():
        verbs = {verb.upper() for verb in operations if verb != "parameters"}
        # What a phone cannot send has a twin that it can.
        assert verbs <= methods or "POST" in verbs, path
        if re.search(r"avatar/?$", path):
            assert "POST" in verbs, "wx.uploadFile knows POST only"
