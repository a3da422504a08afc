"""Batches of many records: those that fail are found, and the others are answered once."""

import pytest

import gristmill as gm

LINES = 60_000
# At the ends of pieces of 500 records, two in one, and the first and the last of all.
BAD = [0, 499, 500, 31_000, 31_007, LINES - 1]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("batches") / "lines"
    path.write_text("".join("%d %s\n" % (n, "x" * 40) for n in range(LINES)))
    return path


def number(line):
    found = int(line.split()[0])
    if found in BAD:
        raise LookupError("number %d" % found)
    return found


def test_records_that_fail_in_large_batches(lines):
    bag = gm.read_text(lines, allow_quarantine=len(BAD)).map(number)
    good = [n for n in range(LINES) if n not in BAD]
    assert bag.compute() == good
    assert bag.map(lambda n: n % 7).frequencies().compute() == [
        (n, len([g for g in good if g % 7 == n])) for n in range(7)
    ]
    assert bag.sum().compute() == sum(good)
    with pytest.raises(gm.Quarantined) as caught:
        gm.read_text(lines).map(number).frequencies().compute()
    entries = caught.value.entries
    assert [entry.reason for entry in entries] == ["LookupError: number %d" % n for n in BAD]
    text = lines.read_bytes()
    assert [entry.offset for entry in entries] == [text.index(b"\n%d " % n) + 1 if n else 0 for n in BAD]


def test_lines_with_other_separators_among_many(tmp_path):
    texts = ["%d\n" % n for n in range(LINES)]
    texts[1234] = "a\x0bb\x85c\u2028d\re\n"
    texts[41_234] = "\x1c\n"
    (tmp_path / "lines").write_bytes("".join(texts).encode())
    assert gm.read_text(tmp_path / "lines").compute() == texts


def stops(line):
    return next(iter(())) if line in ("7\n", "19\n") else line


VERBS = {
    "map": lambda bag: bag.map(stops),
    "starmap": lambda bag: bag.map(lambda line: (line,)).starmap(stops),
    "filter": lambda bag: bag.filter(stops),
    "remove": lambda bag: bag.remove(lambda line: not stops(line)),
    "frequencies": lambda bag: bag.map(stops).frequencies().map(lambda pair: pair[0]),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_a_function_that_raises_stop_iteration_fails_for_its_record(tmp_path, verb):
    # As next() does where nothing is left. The last record is one of them.
    (tmp_path / "lines").write_text("".join("%d\n" % n for n in range(20)))
    good = sorted("%d\n" % n for n in range(20) if n not in (7, 19))
    bag = gm.read_text(tmp_path / "lines", allow_quarantine=2)
    assert sorted(VERBS[verb](bag).compute()) == good
    with pytest.raises(gm.Quarantined, match="StopIteration") as caught:
        VERBS[verb](gm.read_text(tmp_path / "lines")).compute()
    assert [entry.offset for entry in caught.value.entries] == [14, 47]


def test_an_item_goes_through_all_functions_before_the_next_one(tmp_path):
    # A function may give out the same object again and again.
    (tmp_path / "lines").write_text("".join("%d\n" % n for n in range(3000)))
    shared = {}

    def put(line):
        shared["number"] = int(line)
        return shared

    bag = gm.read_text(tmp_path / "lines").map(put)
    assert bag.filter(lambda one: one["number"] % 2).pluck("number").compute() == list(range(1, 3000, 2))
    assert bag.map(lambda one: one["number"]).frequencies().count().compute() == 3000
    assert bag.starmap(lambda key: shared is not None).sum().compute() == 3000


def test_verbs_that_leave_items(tmp_path):
    (tmp_path / "lines").write_text("".join("%d\n" % n for n in range(3000)))
    bag = gm.read_text(tmp_path / "lines").map(int)
    assert bag.any().compute() is True
    assert bag.all().compute() is False
    assert bag.topk(0).compute() == []
    assert bag.reduction(next, list).compute()[0] == 0
    assert bag.map_partitions(lambda items: [next(items)]).compute() == [0]
