"""``deploy/`` as far as it can be known without building an image, and the words about it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from wxauth.conf import conf

from .stack import BIN, DOCKERFILE, ROOT, copied_files

DEPLOY, DOCS = ROOT / "deploy", ROOT / "docs"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
GUNICORN = (DEPLOY / "gunicorn.conf.py").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()
UNIT = (DEPLOY / "wxauth.service").read_text()
VARIABLES = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


# -- the image, which is not built here --------------------------------------------------------


def stages():
    """The instructions of the Dockerfile, stage after stage: (word, rest)."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    instructions = [tuple(line.split(None, 1)) for line in lines if line.strip()]
    starts = [place for place, (word, _) in enumerate(instructions) if word == "FROM"]
    return [instructions[begin:end] for begin, end in zip(starts, [*starts[1:], None], strict=True)]


def rest(stage, word):
    return [text for instruction, text in stage if instruction == word]


def test_the_image_has_two_stages_and_the_last_holds_no_compiler():
    build, final = stages()
    assert any("gcc" in text for text in rest(build, "RUN"))
    assert not any("gcc" in text or "pip" in text or "-dev" in text for text in rest(final, "RUN"))
    assert rest(final, "COPY") == ["--from=build /srv/wxauth /srv/wxauth"]


def test_the_image_does_not_run_as_root_and_nothing_after_that_does():
    final = stages()[-1]
    (user,) = rest(final, "USER")
    assert user.isdigit()
    assert int(user) > 0
    assert f"--uid {user}" in " ".join(rest(final, "RUN"))
    after = final[final.index(("USER", user)) + 1 :]
    assert {word for word, _ in after} <= {"HEALTHCHECK", "CMD"}


def test_the_image_installs_what_is_locked_from_the_index_that_is_asked_for():
    build = stages()[0]
    installs = [text for text in rest(build, "RUN") if "pip install" in text]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    names = re.findall(r"-r /requirements/(\S+)", installs[0])
    assert names == ["run.txt", "databases.txt"]
    for name in names:
        text = (ROOT / "requirements" / name).read_text()
        pinned = re.findall(r"^[a-z][^\n]*==", text, re.MULTILINE)
        blocks = re.split(r"\n(?=[a-z])", text)
        assert len(pinned) == sum("--hash=sha256:" in block for block in blocks) > 0
    arguments = rest(build, "ARG")
    # Before the installation, and without a value: pip has its own.
    assert arguments == ["PIP_INDEX_URL"]
    assert "PIP_INDEX_URL" in COMPOSE["x-app"]["build"]["args"]


def test_everything_that_is_copied_is_there_and_let_in():
    allowed = re.findall(r"^!(\S+)", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = [source for source, _ in copied_files()]
    assert len(copied) > 5
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in allowed or source.split("/")[0] in allowed, source
    # What the server imports is there: tests/deploy/stack.py runs it from just these files.
    assert {"config", "users", "wxauth", "manage.py", "templates", "locale"} <= set(copied)


def test_every_base_image_has_a_version():
    images = [text.split()[0] for stage in stages() for text in rest(stage, "FROM")]
    images += [
        service["image"] for service in COMPOSE["services"].values() if "build" not in service
    ]
    for image in images:
        assert re.search(r":(\d|\$\{PYTHON\}-)", image), image
    assert re.search(r"^ARG PYTHON=3\.\d+$", DOCKERFILE.read_text(), re.MULTILINE)


def test_what_starts_a_process_is_a_list_so_that_signals_arrive():
    for word in ("CMD", "HEALTHCHECK"):
        (text,) = rest(stages()[-1], word)
        command = json.loads(text[text.index("[") :])
        assert command[0] in {"gunicorn", "python"}
    compile(command[2], "healthcheck", "exec")


# -- one thing in several files ----------------------------------------------------------------


def test_the_files_agree_on_the_socket_and_the_pictures():
    socket = re.search(r'^bind = "unix:(\S+)"', GUNICORN, re.MULTILINE)[1]
    assert f"server unix:{socket} fail_timeout=0;" in NGINX
    assert f"RuntimeDirectory={socket.split('/')[2]}\n" in UNIT
    app, nginx = COMPOSE["services"]["app"], COMPOSE["services"]["nginx"]
    folder = socket.rpartition("/")[0]
    assert f"socket:{folder}" in app["volumes"]
    assert f"socket:{folder}" in nginx["volumes"]
    media = app["environment"]["MEDIA_ROOT"]
    assert f"alias {media}/;" in NGINX
    assert f"media:{media}" in app["volumes"]
    assert f"media:{media}:ro" in nginx["volumes"]
    assert media.startswith("/var/lib/wxauth")
    assert "StateDirectory=wxauth\n" in UNIT


def test_the_services_of_compose_are_complete():
    services, volumes = COMPOSE["services"], set(COMPOSE["volumes"])
    assert {"app", "migrate", "upkeep", "nginx", "postgres", "redis"} == set(services)
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in volumes or (DEPLOY / source).exists() or source in {"./tls", "../.env"}
        assert set(service.get("depends_on", [])) <= set(services)
        assert "privileged" not in service, name
        assert ("ports" in service) == (name == "nginx")
    assert set(services["app"]["environment"]) <= VARIABLES


def gunicorn(variables, env=None, tmp_path=None):
    names = {"__file__": str((tmp_path or DEPLOY.parent) / "deploy" / "gunicorn.conf.py")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("environ.Env.ENVIRON", variables)
        exec(compile(GUNICORN, "gunicorn.conf.py", "exec"), names)
    return names


def test_the_numbers_agree_by_default_and_come_from_one_place(tmp_path):
    (tmp_path / ".env").write_text("WEB_THREADS=6\nWEB_CONCURRENCY=3\nSECRET_KEY=x\n")
    environment = {"WEB_THREADS": "4"}
    names = gunicorn(environment, tmp_path=tmp_path)
    assert (names["threads"], names["workers"]) == (4, 3)
    # Nothing of the file stays with the master, or a reload would not see it change.
    assert environment == {"WEB_THREADS": "4"}
    (tmp_path / ".env").unlink()
    names = gunicorn({}, tmp_path=tmp_path)
    assert names["threads"] >= conf.CONCURRENCY * 2
    assert {"WEB_THREADS=16", "WEB_CONCURRENCY=2", "DEBUG=False"} == set(names["raw_env"])
    (most,) = re.findall(r"max_connections=(\d+)", str(COMPOSE["services"]["postgres"]["command"]))
    # Twice during a reload.
    assert names["workers"] * names["threads"] * 2 < int(most)


def test_deadlines_grow_from_the_inside_out():
    names = gunicorn({})
    (proxy,) = re.findall(r"proxy_read_timeout (\d+)s", NGINX)
    assert int(proxy) >= names["timeout"] > 5
    assert int(re.search(r"TimeoutStopSec=(\d+)", UNIT)[1]) > names["graceful_timeout"]
    grace = COMPOSE["services"]["app"]["stop_grace_period"]
    assert int(grace.rstrip("s")) > names["graceful_timeout"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="There is no systemd here.")
@pytest.mark.waits
def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / "wxauth.service"
    text = UNIT.replace("/srv/wxauth/.venv/bin/gunicorn", str(BIN / "gunicorn"))
    text = text.replace("/srv/wxauth/.venv/bin/python", sys.executable)
    unit.write_text(text.replace("=/srv/wxauth\n", f"={ROOT}\n"))
    assert "\nExecStart=/srv/" not in unit.read_text()
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert str(unit.name) not in done.stderr
    assert done.returncode == 0


# -- the words ---------------------------------------------------------------------------------

PAGES = [DEPLOY / "README.md", DOCS / "runbook.md"]
NUMBERS = {
    number
    for path in (ROOT / "wxauth" / "checks").glob("*.py")
    for number in re.findall(r'"wxauth\.([EW]\d+)"', path.read_text())
}
NUMBERS |= {"E010", "E011"}


def chinese(page):
    return page.with_suffix(".zh-CN.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_both_languages_name_the_same_things(page):
    """Code blocks but for their remarks, and everything in backticks."""
    here, there = page.read_text(), chinese(page).read_text()

    def blocks(text):
        return re.findall(r"```\w+\n(.*?)```", re.sub(r" *# .*", "", text), re.DOTALL)

    def words(text):
        plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found = re.findall(r"`([^`\n]+)`", plain)
        return {word for word in found if not re.search("[×机]", word)}

    assert blocks(here) == blocks(there)
    assert words(here) == words(there)
    assert here.count("\n## ") == there.count("\n## ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_check_setting_and_command_that_is_named_exists(page):
    text = page.read_text()
    named = set(re.findall(r"wxauth\.([EW]\d+)", text))
    assert named <= NUMBERS
    assert named
    commands = set(re.findall(r"manage\.py (wxauth_\w+)", text))
    folder = ROOT / "wxauth" / "management" / "commands"
    assert all((folder / f"{name}.py").exists() for name in commands)
    settings = set(re.findall(r"\b((?:WXAUTH|WEB|MEDIA|TRUSTED|ALLOWED)_[A-Z_]+)\b", text))
    assert settings <= VARIABLES


def test_every_log_line_that_the_runbook_quotes_is_one_of_ours():
    source = " ".join(path.read_text() for path in (ROOT / "wxauth").rglob("*.py"))
    source = re.sub(r'"\s*\n?\s*f?"', "", source)
    for line in (
        "WeChat refuses app ",
        "WeChat saw ",
        "WeChat did not answer app ",
        "circuit ",
        "WeChat could not be reached: ",
        "Too many calls to WeChat are waiting",
        "going on without it.",
        "Unhandled exception in ",
        "The session_key of login ",
        "cannot be unsealed with the configured keys.",
        "budget_spent",
        "undecryptable",
        "migrations_pending",
        "self-signed certificate",
    ):
        assert line in source, line
        assert line.strip() in (DOCS / "runbook.md").read_text(), line
