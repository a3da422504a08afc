"""A job ends with its script; and what `submit` refuses, reads and says."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import gristmill as gm
from gristmill.job import Job
from gristmill.program import Folder

SCRIPT = """
    import os, signal, sys, time
    import gristmill as gm

    def slow(line):
        print(os.getpid(), file=sys.stderr, flush=True)
        with open(sys.path_of_pids, "a") as file:
            file.write("%d\\n" % os.getpid())
        time.sleep(600)

    sys.path_of_pids = {pids!r}
    if __name__ == "__main__":
        job = gm.submit(slow, {text!r}, **{options!r})
        while not os.path.exists({pids!r}):
            time.sleep(0.01)
        print(job._running[0].process.pid, flush=True)
        {end}
"""
ENDS = ["pass", "sys.exit(3)", "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"]


def gone(pid):
    """Whether a process has ended; a zombie has."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("output", [True, False])
@pytest.mark.parametrize("end", ENDS)
def test_a_job_that_nobody_waits_for(texts, tmp_path, end, output):
    pids = str(tmp_path / "pids")
    options = {"output": str(tmp_path / "out")} if output else {}
    names = {"pids": pids, "text": str(texts / "t1.txt"), "options": options, "end": end}
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(**names))
    command = [sys.executable, str(script)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    running = [int(done.stdout), *map(int, open(pids).read().split())]
    deadline = time.monotonic() + 30
    while not all(map(gone, running)) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = [pid for pid in running if not gone(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def pairs(line):
    return [(word, 1) for word in line.split()]


@pytest.mark.parametrize("options", [{"compress": "gz"}, {"format": "jsonl"}, {"format": "jsonl", "compress": "gz"}])
def test_tables_are_read_as_they_are_written(texts, options):
    plain = list(gm.submit(pairs, texts / "t0.txt", reduce="sum").open())
    assert list(gm.submit(pairs, texts / "t0.txt", reduce="sum", **options).open()) == plain


def test_lines_that_are_compressed(texts):
    plain = list(gm.submit(str.upper, texts / "t0.txt").open())
    assert list(gm.submit(str.upper, texts / "t0.txt", compress="gz").open()) == plain


def test_what_is_refused(texts, tmp_path):
    text = texts / "t0.txt"
    if sys.version_info < (3, 14):
        with pytest.raises(ValueError, match='compress="gz"'):
            gm.submit(pairs, text, reduce="sum", compress="zst")
        job = gm.submit(pairs, text, reduce="sum", compress="zst", output=tmp_path / "out").wait()
        with pytest.raises(ValueError, match='compress="gz"'):
            list(job.open())
    with pytest.raises(TypeError, match="--dry-run"):
        gm.submit(pairs, text, dry_run=True)
    with pytest.raises(TypeError, match="--try"):
        gm.submit(pairs, text, **{"try": 3})
    with pytest.raises(TypeError, match="sum, min, max"):
        gm.submit(pairs, text, reduce=sum)
    for name in ["compress", "out", "dry_run", "try", "format", "reduce"]:
        with pytest.raises(TypeError, match=name):
            gm.read_text(text, **{name: "gz"})


def fails(line):
    raise KeyError(line)


def test_when_the_first_records_all_fail(texts):
    many = [texts / "t0.txt", texts / "t1.txt"]
    jobs = [
        lambda: gm.submit(fails, many, chunk_size="4KiB").wait(),
        lambda: gm.read_text(many, chunk_size="4KiB").map(fails).compute(),
    ]
    for job in jobs:
        with pytest.raises(gm.Quarantined, match="first 100 units all failed.*keep_going=True") as caught:
            job()
        assert isinstance(caught.value, gm.JobFailed)
        (entry,) = caught.value.entries
        assert entry.reason.startswith("KeyError") and "in fails" in entry.details
        assert "gristmill_call" not in str(caught.value)


def test_modules_by_a_relative_path(texts, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helping.py").write_text("def mark(line):\n    return line + '?'\n")
    script = """
        import sys
        import gristmill as gm

        def marked(line):
            import subprocess
            mark = "import helping; print(helping.mark(''))"
            return subprocess.run([sys.executable, "-c", mark], stdout=-1, check=True, text=True).stdout

        if __name__ == "__main__":
            jobs = [gm.submit(marked, sys.argv[1]).open(), gm.read_text(sys.argv[1]).map(marked)]
            print({getattr(one, "value", one) for job in jobs for one in job})
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    (tmp_path / "text").write_text("1\n2\n")
    path = os.pathsep.join(["lib", os.path.dirname(os.path.dirname(gm.__file__))])
    command = [sys.executable, "script.py", "text"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == "{'?\\n'}\n"


class Over:
    """A producer that has ended."""

    def stderr(self):
        return "exit code 3: more is in quarantine than allowed"


def test_an_output_that_another_reducer_wrote_is_told_whatever_was_set_aside(tmp_path):
    for code in (0, 3):
        job = Job("elsewhere", str(tmp_path / "results"), Folder(), None, "amqp://queue.example")
        job._running, job._code = [Over()], code
        job._ended.set()
        with pytest.raises(gm.JobFailed, match="name the folder of that, as it is seen here, by results="):
            job.wait()


FORKING = """
    import os, sys
    import gristmill as gm

    def same(line):
        return line

    if __name__ == "__main__":
        job = gm.submit(same, sys.argv[1], each="line").wait()
        if os.fork() == 0:
            sys.exit()
        os.wait()
        print(len(list(job.open())), os.path.exists(job.output))
        output = job.output
        del job
        print(os.path.exists(output))
"""


def test_results_go_with_the_job_and_not_with_a_process_that_is_forked(texts, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(FORKING))
    command = [sys.executable, "-W", "error", str(script), str(texts / "t1.txt")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    # Nor is there a warning that nobody has closed it.
    assert (done.stdout, done.stderr, done.returncode) == ("100 True\nFalse\n", "", 0)
