"""The lines of a bag are the same ones, whether documents are read as records or as a whole."""

import pytest

import gristmill as gm

TEXTS = {
    "a lone return": (b"a\rb\n\rc\n", ["a\rb", "\rc"]),
    "both ends": (b"a\r\nb\r\r\nc\n", ["a", "b\r", "c"]),
    "a mark": (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", ["one", "\ufefftwo"]),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbfone\n", ["\ufeffone"]),
    "nothing but a mark": (b"\xef\xbb\xbf", [""]),
    "no end": (b"a\nb", ["a", "b"]),
    "a return at the end": (b"a\nb\r", ["a", "b\r"]),
    "empty lines": (b"\n\r\n\n", ["", "", ""]),
    "other separators": ("a\x0bb\x1c\u2028c\x85\n\x00\n".encode(), ["a\x0bb\x1c\u2028c\x85", "\x00"]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("line_ends", [True, False])
@pytest.mark.parametrize("name", TEXTS)
def test_one_rule_for_lines(tmp_path, name, line_ends):
    data, lines = TEXTS[name]
    (tmp_path / "text").write_bytes(data)
    bag = gm.read_text(tmp_path / "text", line_ends=line_ends)
    expected = [line + "\n" for line in lines] if line_ends else lines
    assert bag.compute() == expected
    assert bag.map_partitions(list).compute() == expected


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "cp037"])
def test_encodings_with_other_ends_of_lines(tmp_path, encoding, errors):
    # Cut at the bytes of a newline, their characters were cut too; with errors="replace" silently.
    text = "müßig\nna \u010a\n".encode(encoding, "replace")
    (tmp_path / "text").write_bytes(text)
    bag = gm.read_text(tmp_path / "text", encoding=encoding, errors=errors)
    assert bag.compute() == text.decode(encoding).splitlines(keepends=True)


def test_an_encoding_that_is_not_there(tmp_path):
    (tmp_path / "text").write_bytes(b"a\n")
    with pytest.raises(LookupError, match="nonsense"):
        gm.read_text(tmp_path / "text", encoding="nonsense").compute()
