"""The guides' code blocks run, in order, in one folder, and print what is shown behind them."""

import os
import re
import subprocess
import sys

import pytest

from gristmill import binary

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")
# A block that begins so is a file of that name.
NAME = re.compile(r"# (\w+\.py)\n")
BLOCK = re.compile(r"^```(\w+)( no-run)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page", ["python", "from-multiprocessing", "from-dask", "from-execnet", "from-mrjob"]
)
def test_a_guide(page, tmp_path):
    with open(os.path.join(DOCS, page + ".md"), encoding="utf-8") as file:
        blocks = [(kind, text) for kind, no_run, text in BLOCK.findall(file.read()) if not no_run]
    path = os.path.dirname(binary.find()) + os.pathsep + os.path.dirname(sys.executable)
    env = {**os.environ, "PATH": path + os.pathsep + os.environ["PATH"]}
    ran = shown = 0
    said = ""
    for number, (kind, text) in enumerate(blocks):
        if kind == "python":
            name = NAME.match(text)
            script = tmp_path / (name[1] if name else "block%d.py" % number)
            script.write_text(text, encoding="utf-8")
        if kind in ("python", "sh"):
            command = [sys.executable, script.name] if kind == "python" else ["sh", "-c", text]
            done = subprocess.run(
                command, cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=120, env=env,
            )  # fmt: skip
            assert done.returncode == 0, "%s\n%s" % (text, done.stderr)
            said, ran = done.stdout, ran + 1
        elif kind == "text":
            assert said == text
            said, shown = "", shown + 1
    assert ran >= shown > 0
    assert said == ""
