"""WeChat's own compiler builds the sample, and its npm builder packs the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from .conftest import find_program
from .servers import ROOT

pytestmark = pytest.mark.client

HERE = Path(__file__).parent / "compiler"
CLIENT = ROOT / "miniprogram"


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    stamp, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        command = [find_program("npm"), "ci", "--ignore-scripts", "--no-progress"]
        subprocess.run(command, cwd=HERE, check=True, capture_output=True, timeout=600)


def compile_(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_program("node"), str(HERE / "compile.cjs"), *map(str, arguments)],
        env={**os.environ, "NODE_OPTIONS": f"--require {HERE / 'offline.cjs'}"},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    quiet = shutil.ignore_patterns("node_modules", "dist")
    return shutil.copytree(CLIENT, tmp_path / "sample", ignore=quiet)


def test_the_sample_is_compiled(sample: Path, tmp_path: Path):
    done = compile_("sample", sample, tmp_path / "sample.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    files = set(zipfile.ZipFile(tmp_path / "sample.zip").namelist())
    pages = json.loads((CLIENT / "app.json").read_text())["pages"]
    assert files >= {f"{page}.{kind}" for page in pages for kind in ("js", "wxml", "wxss")}
    # What is for others than the phone stays at home.
    assert not [name for name in files if "examples" in name or name.endswith((".md", ".ts"))]


@pytest.mark.parametrize("broken", ["pages/home/home.wxml", "pages/home/home.js", "app.json"])
def test_a_mistake_in_the_sample_is_found(sample: Path, tmp_path: Path, broken: str):
    with (sample / broken).open("a") as file:
        file.write("<view>{{")
    done = compile_("sample", sample, tmp_path / "sample.zip")
    assert done.returncode == 1
    assert Path(broken).name in done.stdout + done.stderr


def test_the_package_is_packed_as_it_is(tmp_path: Path):
    project = tmp_path / "project"
    package = project / "node_modules" / "wxauth-miniprogram"
    package.mkdir(parents=True)
    told = json.loads((CLIENT / "package.json").read_text())
    shutil.copy(CLIENT / "package.json", package)
    for name in told["files"]:
        copy = shutil.copytree if (CLIENT / name).is_dir() else shutil.copy
        copy(CLIENT / name, package / name)
    dependencies = {told["name"]: told["version"]}
    (project / "package.json").write_text(json.dumps({"dependencies": dependencies}))
    done = compile_("package", project, project)
    assert done.returncode == 0, done.stdout + done.stderr
    packed = project / "miniprogram_npm" / told["name"] / "index.js"
    assert packed.read_text() == (CLIENT / "npm" / "index.js").read_text()
