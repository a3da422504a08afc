"""The tutorials that people come from: scripts that run as they are, and with the import changed."""

import os
import subprocess
import sys

import pytest

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
IMPORTS = {
    "from multiprocessing import Pool\n": "from gristmill import Pool\n",
    "from multiprocessing import Pool, TimeoutError\n": "from gristmill import Pool, TimeoutError\n",
    "import dask.bag as db\n": "import gristmill as db\n",
    "import execnet\n": "import gristmill as execnet\n",
}


def run(script, *words):
    env = {**os.environ, "PYTHONPATH": SEEDS}
    done = subprocess.run(
        [sys.executable, str(script), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=120, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name,package",
    [
        ("pool_map", "multiprocessing"),
        ("pool_apply_async", "multiprocessing"),
        ("pool_words", "multiprocessing"),
        ("dask_read_text", "dask.bag"),
        ("execnet_tag", "execnet"),
    ],
)
def test_only_the_import_changes(name, package, tmp_path, logs, texts):
    pytest.importorskip(package)
    path = os.path.join(SEEDS, name + ".py")
    with open(path) as file:
        text = file.read()
    changed = text
    for theirs, ours in IMPORTS.items():
        changed = changed.replace(theirs, ours)
    differ = [(a, b) for a, b in zip(text.split("\n"), changed.split("\n")) if a != b]
    assert len(differ) == 1
    script = tmp_path / (name + ".py")
    script.write_text(changed)
    words = {
        "pool_words": [str(texts / ("t%d.txt" % n)) for n in range(3)],
        "dask_read_text": [str(logs / "*.gz")],
    }.get(name, [])
    ours = run(script, *words)
    assert ours == run(path, *words)
    assert ours
