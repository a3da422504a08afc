"""The first items: what is missing among them is raised, and nothing behind them matters."""

import gzip
import os

import pytest

import gristmill as gm


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines"
    path.write_text("".join("%d\n" % n for n in range(3000)))
    return path


def bad(*numbers):
    def function(line):
        if int(line) in numbers:
            raise LookupError("number %s" % line.strip())
        return int(line)

    return function


def test_a_record_that_fails_before_the_last_item(lines):
    bag = gm.read_text(lines).map(bad(1, 2500))
    assert bag.take(1) == (0,)
    for count in (2, 3, 10_000):
        with pytest.raises(gm.Quarantined, match="lines, record 2: LookupError: number 1") as caught:
            bag.take(count)
        (entry,) = caught.value.entries
        assert (entry.document, entry.reason, entry.record) == (str(lines), "LookupError: number 1", "1")
        assert "in function" in entry.details and "bagworker.py" not in entry.details
        assert caught.value.results == [0]


def test_a_record_that_fails_later(lines):
    bag = gm.read_text(lines).map(bad(5, 2500))
    assert bag.take(5) == (0, 1, 2, 3, 4)  # of the same batch
    with pytest.raises(gm.Quarantined, match="record 6:"):
        bag.take(6)
    with pytest.raises(gm.Quarantined, match="record 2501:") as caught:
        gm.read_text(lines).map(bad(2500)).take(3000)
    assert caught.value.results == list(range(2500))


@pytest.mark.parametrize("how", ["option", "variable"])
def test_what_may_be_set_aside(lines, how, monkeypatch):
    options = {"allow_quarantine": 2} if how == "option" else {}
    monkeypatch.setenv("GRISTMILL_ALLOW_QUARANTINE", "2" if how == "variable" else "7")
    bag = gm.read_text(lines, **options)
    assert bag.map(bad(1, 3)).take(3) == (0, 2, 4)
    with pytest.raises(gm.Quarantined) as caught:
        bag.map(bad(1, 3, 5)).take(5)
    assert [entry.record for entry in caught.value.entries] == ["1", "3", "5"]
    assert caught.value.results == [0, 2, 4]
    assert bag.map(bad(1, 3, 5)).take(3) == (0, 2, 4)
    share = gm.read_text(lines, allow_quarantine="1%")
    assert share.map(bad(1, 3, 5)).take(3) == (0, 2, 4)


@pytest.fixture
def cut(tmp_path, lines):
    """An archive that is cut off, and what comes behind it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    data = gzip.compress(os.urandom(20_000).hex().encode() + b"\n")
    (folder / "a.gz").write_bytes(data[: len(data) // 2])
    (folder / "b").write_bytes(lines.read_bytes())
    return folder


def test_what_cannot_be_read(cut):
    with pytest.raises(gm.Quarantined, match="after 0 items something was set aside: ") as caught:
        gm.read_text(cut).take(3)
    assert "max-quarantine" not in str(caught.value)
    os.rename(str(cut / "a.gz"), str(cut / "c.gz"))
    assert gm.read_text(cut).take(3) == ("0\n", "1\n", "2\n")
    os.rename(str(cut / "c.gz"), str(cut / "a.gz"))
    assert gm.read_text(cut, allow_quarantine=1).take(3)[-1] == "2\n"
    with pytest.raises(gm.Quarantined, match="after 0 items .*SIGKILL"):
        gm.read_text(cut / "b").map(lambda line: os.kill(os.getpid(), 9) if line == "1\n" else line).take(3)
    # What cannot be read and what fails is added up, where all is read.
    with pytest.raises(gm.Quarantined):
        gm.read_text(cut, allow_quarantine=1).filter(lambda line: len(line) < 10).map(bad(1)).take(10_000)


def test_the_first_of_what_is_computed_from_all(lines):
    bag = gm.read_text(lines).map(bad(2500))
    texts = bag.map(str)
    for whole in (texts.frequencies(), texts.distinct(), bag.topk(3), bag.frequencies().topk(5)):
        with pytest.raises(gm.Quarantined, match="number 2500"):
            whole.take(2)
    assert gm.read_text(lines).map(bad()).topk(3).map(str).take(2) == ("2999", "2998")
    assert len(gm.read_text(lines).frequencies().take(2)) == 2
