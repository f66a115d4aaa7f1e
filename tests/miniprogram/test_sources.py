"""What needs no Node: one source of the client, a sample that the tools can open."""

from __future__ import annotations

import json
import re

import pytest

from .servers import ROOT

MINIPROGRAM = ROOT / "miniprogram"
PHONE = ROOT / "wxauth" / "testing" / "static" / "phone"
END = "\nmodule.exports = { create }\n"


def test_the_client_has_one_source():
    source = (MINIPROGRAM / "wxauth.js").read_text()
    assert source.endswith(END)
    stale = "stale: node tests/miniprogram/copies.mjs"
    assert (PHONE / "wxauth.js").read_text() == source, stale
    module = (MINIPROGRAM / "wxauth.mjs").read_text()
    assert module == source.removesuffix(END) + "\nexport { create }\n", stale


def test_the_client_is_one_file_without_dependencies():
    source = (MINIPROGRAM / "wxauth.js").read_text()
    assert not re.search(r"\brequire\((?!'\./wxauth\.js'\))|^import ", source, re.MULTILINE)


def test_every_method_is_declared_and_documented():
    source = (MINIPROGRAM / "wxauth.js").read_text()
    methods = re.findall(r"^    (\w+),$", source.rpartition("  return {")[2], re.MULTILINE)
    assert len(methods) > 10
    declared = (MINIPROGRAM / "wxauth.d.ts").read_text().partition("interface Client")[2]
    assert re.findall(r"^  (\w+)[(<]", declared, re.MULTILINE) == methods
    for name in ("README.md", "README.zh-CN.md"):
        text = (MINIPROGRAM / name).read_text()
        assert [method for method in methods if f"`{method}(" not in text] == [], name


def test_the_sample_opens_as_it_is():
    app = json.loads((MINIPROGRAM / "app.json").read_text())
    for page in app["pages"]:
        for suffix in ("js", "json", "wxml", "wxss"):
            assert (MINIPROGRAM / f"{page}.{suffix}").is_file(), page
    project = json.loads((MINIPROGRAM / "project.config.json").read_text())
    assert project["compileType"] == "miniprogram"
    assert (MINIPROGRAM / project["miniprogramRoot"] / "app.json").is_file()
    for path in [*MINIPROGRAM.glob("*.json"), *MINIPROGRAM.glob("[cp]*/**/*.json")]:
        json.loads(path.read_text())


def test_the_package_has_what_it_names_and_the_version_of_the_server():
    package = json.loads((MINIPROGRAM / "package.json").read_text())
    forms = package["exports"]["."]
    for path in [
        *(package[key] for key in ("main", "module", "types")),
        *(file for form in forms.values() for file in form.values()),
        *package["files"],
        f"{package['miniprogram']}/index.js",
    ]:
        assert (MINIPROGRAM / path).exists(), path
    project = (ROOT / "pyproject.toml").read_text()
    assert f'\nversion = "{package["version"]}"\n' in project


def test_what_a_page_of_the_sample_calls_exists():
    parts = [*json.loads((MINIPROGRAM / "app.json").read_text())["pages"]]
    parts += ["components/privacy/privacy"]
    for part in parts:
        markup = (MINIPROGRAM / f"{part}.wxml").read_text()
        script = (MINIPROGRAM / f"{part}.js").read_text()
        for handler in re.findall(r'bind:\w+="(\w+)"', markup):
            assert re.search(rf"^  +{handler}(\(|,$)", script, re.MULTILINE), (part, handler)
        for tag, path in (
            json.loads((MINIPROGRAM / f"{part}.json").read_text())
            .get("usingComponents", {})
            .items()
        ):
            assert f"<{tag} />" in markup
            assert (MINIPROGRAM / f"{path[1:]}.js").is_file()


def test_consent_is_not_ticked_beforehand_and_gates_both_logins():
    markup = (MINIPROGRAM / "pages/login/login.wxml").read_text()
    assert re.search(r'wx:if="\{\{agreed\}\}"[^>]*open-type="getPhoneNumber"', markup)
    script = (MINIPROGRAM / "pages/login/login.js").read_text()
    assert "agreed: false" in script
    assert "暂不登录" in markup
    assert "wx.openPrivacyContract" in script


def test_who_logs_in_can_find_out_how_to_close_the_account():
    assert "注销账号" in (MINIPROGRAM / "pages/profile/profile.wxml").read_text()


@pytest.mark.parametrize("folder", [MINIPROGRAM, PHONE], ids=["miniprogram", "phone"])
def test_no_secret_is_in_what_a_phone_gets(folder):
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in {".js", ".json", ".mjs", ".html"}:
            assert not re.search(r"app_?secret\s*[:=]|wxa_[\w-]{20}", path.read_text(), re.I), path


def test_the_lock_names_no_registry():
    lock = json.loads((ROOT / "tests/miniprogram/package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all("integrity" in package and "resolved" not in package for package in packages)
