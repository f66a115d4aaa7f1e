"""XML of others: what it may hold, and that nothing else comes through."""

from __future__ import annotations

import pytest

from wxauth.strict_json import MAX_DEPTH
from wxauth.strict_xml import read_object


def nested(levels):
    return b"<x>" * levels + b"t" + b"</x>" * levels


def test_the_elements_of_a_document_are_read_by_name():
    assert read_object(
        "<?xml version='1.0'?><xml a='b'> <A><![CDATA[小爱 ]] <b> &amp;]]></A><B>1</B>"
        "<C/><D><E>2</E> text <F>&#x4e2d;&lt;</F></D><G>1</G><G>2</G><G/></xml>".encode()
    ) == {
        "A": "小爱 ]] <b> &amp;",
        "B": "1",
        "C": "",
        "D": {"E": "2", "F": "中<"},
        "G": ["1", "2", ""],
    }


def test_an_element_that_looks_like_the_list_is_one_of_it():
    assert read_object(b"<x><a><b>1</b></a><a>2</a><a>3</a></x>") == {"a": [{"b": "1"}, "2", "3"]}


BOMB = (
    b'<!DOCTYPE xml [<!ENTITY a "ha">' +
    b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10)
             for n in range(10)) + b"]><xml><A>&a9;</A></xml>"
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"<", b"<xml>", b"<xml></xml>", b"<xml>text</xml>", b"text", b"{}",
        b"<xml><A>1</A></xml><xml/>", b"<xml><A>1</B></xml>", b"<xml><A>&unknown;</A></xml>",
        b"<xml><A>\xff</A></xml>", b"<xml><A>&#xd800;</A></xml>", b"<xml><A>\x00</A></xml>",
        b"<!DOCTYPE xml><xml><A>1</A></xml>",
        b"<!DOCTYPE xml SYSTEM 'http://localhost/x.dtd'><xml><A>1</A></xml>",
        b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><A>&a;</A></xml>',
        b'<!DOCTYPE xml [<!ENTITY % a SYSTEM "http://localhost/"> %a;]><xml><A>1</A></xml>',
        BOMB,
        "<xml><A>1</A></xml>".encode("utf-16"), "<xml><A>1</A></xml>".encode("utf-16-le"),
        "<xml><A>1</A></xml>".encode("utf-32"),
        "<?xml version='1.0' encoding='gbk'?><xml><A>小爱</A></xml>".encode("gbk"),
        nested(MAX_DEPTH + 2), nested(10_000),
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_a_word_of_it(text):
    with pytest.raises(ValueError, match=r"^This is no XML document that holds anything\.$") as e:
        read_object(text)
    assert e.value.__cause__ is e.value.__context__ is None


def test_an_encoding_that_it_claims_does_not_count():
    text = "<?xml version='1.0' encoding='gbk'?><xml><A>小爱</A></xml>".encode()
    assert read_object(text) == {"A": "小爱"}


def test_so_many_levels_and_no_more():
    value = read_object(nested(MAX_DEPTH))
    for _ in range(MAX_DEPTH - 2):
        value = value["x"]
    assert value == {"x": "t"}
