"""`documents`: what archives hold, read lazily, and given to a pool."""

import pytest

import gristmill as gm


def size(document):
    return document.name, len(document.text)


def test_documents_in_order(texts, monkeypatch):
    monkeypatch.chdir(texts)
    found = list(gm.documents(["all.zip", "t*.txt"]))
    names = ["all.zip!/in/t%d.txt" % n for n in range(3)] + ["t%d.txt" % n for n in range(3)]
    assert [document.name for document in found] == names
    for document in found:
        path = texts / document.name.rpartition("/")[2]
        assert document.data == path.read_bytes()
        assert document.text == path.read_text(encoding="utf-8")


def test_through_a_pool(texts, monkeypatch):
    monkeypatch.chdir(texts)
    with gm.Pool(2) as pool:
        found = list(pool.imap(size, gm.documents("*.zip")))
    expected = [(texts / ("t%d.txt" % n)).read_text(encoding="utf-8") for n in range(3)]
    assert found == [("all.zip!/in/t%d.txt" % n, len(text)) for n, text in enumerate(expected)]


def test_they_are_read_as_they_are_taken(texts):
    documents = gm.documents(texts)
    assert next(documents).name.endswith("all.zip!/in/t0.txt")
    documents.close()  # ends the program


def test_what_cannot_be_read_is_raised_behind_the_rest(texts, tmp_path):
    data = (texts / "all.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    (tmp_path / "whole.txt").write_text("whole\n")
    found = []
    with pytest.raises(gm.Quarantined) as caught:
        for document in gm.documents(tmp_path):
            found.append(document.name)
    assert found[-1] == str(tmp_path / "whole.txt")
    assert any("cut.zip" in entry.document for entry in caught.value.entries)
    names = [document.name for document in gm.documents(tmp_path, allow_quarantine="100%")]
    assert names == found


def test_archives_that_are_not_opened(texts):
    (document,) = gm.documents(texts, include="*.zip", whole="*.zip")
    assert document.data == (texts / "all.zip").read_bytes()


def test_no_binary(monkeypatch, texts):
    monkeypatch.setenv("GRISTMILL_BINARY", "/nowhere/gristmill")
    with pytest.raises(gm.BinaryMissing, match="/nowhere/gristmill"):
        next(gm.documents(texts))
