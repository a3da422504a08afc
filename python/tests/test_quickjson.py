"""`json.loads` of a bag: the same values and the same errors, sooner."""

import json

import pytest

import gristmill as gm
from gristmill import quickjson, stages

GOOD = [
    '{"a": [1, 2.5, null, true], "b": {"c": "\\u00e9"}}\n', "[]", "12\n", "-0\n", "1e400\n", "NaN\n", " 1\n", "1 \n",
    "1\r\n", "\t[1]\t", '"\\ud800"\n', '{"a": 1, "a": 2}\n', '"x"\n\n', "123456789012345678901234567890\n", "1\n ",
    b'{"a": 1}\n', bytearray(b"[1]"), "-Infinity",
]  # fmt: skip
BAD = [
    "", "\n", " ", "{", "[1,]", "1 2\n", "1,2\n", "[1]\x0b", "[1]\u00a0\n", "\ufeff1\n", "tru\n", '"\n"', "1\x85", "01\n",
    '{"a"}\n', "[" * 100_000, None, 7, b"\xff\n",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD, ids=repr)
def test_what_json_reads(text):
    assert repr(quickjson.loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text)[:20])
def test_what_json_refuses(text):
    with pytest.raises(Exception) as theirs:
        json.loads(text)
    with pytest.raises(Exception) as ours:
        quickjson.loads(text)
    assert (type(ours.value), str(ours.value)) == (type(theirs.value), str(theirs.value))


def test_only_what_is_json_s_own_is_replaced(monkeypatch):
    assert stages.quicker(json.loads) is quickjson.loads
    assert stages.quicker(json.dumps) is json.dumps
    monkeypatch.setattr(json, "loads", lambda text: "patched")
    assert stages.quicker(json.loads)("1") == "patched"


def test_a_line_that_is_no_json_is_found(tmp_path):
    lines = ['{"n": %d}\n' % n for n in range(3000)]
    lines[1234] = '{"n": 1,}\n'
    (tmp_path / "lines").write_text("".join(lines))
    bag = gm.read_text(tmp_path / "lines", allow_quarantine=1).map(json.loads)
    assert bag.pluck("n").compute() == [n for n in range(3000) if n != 1234]
    with pytest.raises(gm.Quarantined, match="Expecting property name enclosed in double quotes|trailing comma"):
        gm.read_text(tmp_path / "lines").map(json.loads).compute()
