"""One reader of JSON: what it refuses from everybody, and what some senders may do."""

from __future__ import annotations

import ast
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wxauth
from wxauth import strict_json

PACKAGE = Path(wxauth.__file__).parent
CANARY = "canary"
EVERYTHING = {"control_characters": True, "repeated_keys": True, "lone_surrogates": True}
DEEP = {
    "21 lists": b'{"x":' + b"[" * 20 + b"]" * 20 + b"}",
    "21 objects": b'{"x":' * 21 + b"1" + b"}" * 21,
    "an abyss of lists": b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "an abyss of objects": b'{"x":' * 200_000 + b"1" + b"}" * 200_000,
}
REFUSED = {
    **DEEP,
    "nothing": b"",
    "half": f'{{"{CANARY}": 1'.encode(),
    "not UTF-8": b'{"canary": "\xff"}',
    "UTF-16": '{"canary": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"canary": 1}',
    "two objects": b'{"canary": 1}{"canary": 1}',
    "a list": b'["canary"]',
    "a text": b'"canary"',
    "null": b"null",
    "NaN": b'{"canary": NaN}',
    "minus infinity": b'{"canary": -Infinity}',
    "infinity by exponent": b'{"canary": [1e999]}',
    "21 digits": b'{"canary": 123456789012345678901}',
    "5,000 digits": b'{"canary": ' + b"1" * 5_000 + b"}",
}
#: What only some may send, each with the name of what allows it.
ALLOWED = {
    "control_characters": b'{"a": "x\x01\n"}',
    "repeated_keys": b'{"a": 1, "b": {"a": 1, "a": 2}}',
    "lone_surrogates": b'{"a": ["\\ud800", {"\\udfff": 1}]}',
}


@pytest.mark.parametrize("allowed", [{}, EVERYTHING], ids=["strict", "with everything allowed"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_object_is_a_value_error_that_does_not_repeat_it(name, allowed):
    with pytest.raises(ValueError, match="JSON") as caught:
        strict_json.read_object(REFUSED[name], **allowed)
    assert CANARY not in repr(caught.value)
    # The parser's own exception has the text as an attribute.
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("name", DEEP)
def test_depth_has_a_name_of_its_own(name):
    with pytest.raises(strict_json.TooDeep):
        strict_json.read_object(DEEP[name])


@pytest.mark.parametrize("name", ALLOWED)
def test_each_sender_is_allowed_what_it_names_and_nothing_else(name):
    others = {other: True for other in ALLOWED if other != name}
    for allowed in ({}, others):
        with pytest.raises(ValueError, match="JSON"):
            strict_json.read_object(ALLOWED[name], **allowed)
    assert strict_json.read_object(ALLOWED[name], **{name: True})


def test_half_a_character_has_a_name_of_its_own():
    with pytest.raises(strict_json.LoneSurrogate):
        strict_json.read_object('{"a": "\ud800"}')


def test_of_a_repeated_key_the_last_one_counts():
    assert strict_json.read_object('{"a": 1, "a": 2}', repeated_keys=True) == {"a": 2}


def test_20_levels_20_digits_and_a_whole_emoji_are_fine():
    deep = b'{"x":' * 20 + b'"\\ud83d\\ude00"' + b"}" * 20
    assert strict_json.read_object(deep)
    number = -(10**18)
    assert strict_json.read_object(f'{{"x": {number}}}') == {"x": number}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.dictionaries(st.text(max_size=10), JSON, max_size=4), st.booleans())
def test_what_json_writes_is_read_as_it_was(value, escaped):
    text = json.dumps(value, ensure_ascii=escaped)
    try:
        read = strict_json.read_object(text)
    except ValueError:
        assert "Infinity" in text
    else:
        assert read == value
        assert strict_json.read_object(text.encode()) == value


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0d8e1-.NaI ', max_size=40))
def test_any_text_is_an_object_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(strict_json.read_object(text), dict)


def readers_of_json(root: Path) -> set[str]:
    """The files that parse JSON by themselves. The fake reads with code of its own."""
    found = set()
    for path in root.rglob("*.py"):
        if "testing" in path.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Attribute) and node.attr in {"loads", "load", "JSONDecoder"}:
                found.add(path.relative_to(root).as_posix())
    return found


def test_json_is_parsed_in_one_place(tmp_path):
    assert readers_of_json(PACKAGE) == {"strict_json.py"}, (
        "Read JSON with wxauth.strict_json.read_object: say there what the sender may do."
    )
    (tmp_path / "elsewhere.py").write_text("import json\nvalue = json.loads('{}')\n")
    assert readers_of_json(tmp_path) == {"elsewhere.py"}
