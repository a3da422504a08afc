"""`group-by` beside other tools: python3 bench/group_by.py GRISTMILL [--lines N] [--rounds N] [--data DIR] [--mlr PROGRAM].

Makes JSON lines of Caddy's shape, CSV and ALB logs from a fixed seed, in 24 .gz each, and runs three jobs over them with
Gristmill and with what is installed of DuckDB and polars (PyPI), jq with sort and Miller (Debian): one field, two fields
with a sum and a quantile, and a filter that keeps 1 %. Prints median CPU and wall seconds and Gristmill's peak memory, and
ends with 1 where that is more than 256 MiB; hits and sums are compared. 9,200,000 lines are 4 GB of JSON.
"""

import argparse
import gzip
import importlib.util
import json
import os
import pathlib
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

FILES = 24
HOSTS = [f"host-{number}.example" for number in range(40)]
PATHS = [f"/path/{number}" for number in range(500)]


def lines(kind, dice, count):
    if kind == "csv":
        yield "ts,host,uri,status,size,duration\n"
    for number in range(count):
        host, path, size = dice.choice(HOSTS), dice.choice(PATHS), dice.randrange(100_000)
        status = 500 if dice.random() < 0.01 else dice.choice([200, 200, 200, 301, 404])
        duration, ts = round(dice.random(), 6), 1_790_000_000 + number
        if kind == "json":
            request = {"remote_ip": "192.0.2.1", "remote_port": "4711", "proto": "HTTP/2.0", "method": "GET", "host": host, "uri": path}
            request["headers"] = {"User-Agent": ["Mozilla/5.0 (X11; Linux x86_64)"], "Accept": ["*/*"], "Accept-Encoding": ["gzip, br"]}
            line = {"level": "info", "ts": ts, "logger": "http.log.access", "msg": "handled request", "request": request, "bytes_read": 0}
            line |= {"user_id": "", "duration": duration, "size": size, "status": status, "resp_headers": {"Server": ["Caddy"]}}
            yield json.dumps(line, separators=(",", ":")) + "\n"
        elif kind == "csv":
            yield f"{ts},{host},{path},{status},{size},{duration}\n"
        else:
            yield (
                f"https 2026-11-28T22:23:00.186641Z app/lb/50dc6c 192.0.2.1:2817 10.0.0.1:80 0.086 {duration:.6f} 0.037 {status} {status} 0 {size} "
                f'"GET https://{host}:443{path} HTTP/1.1" "Mozilla/5.0 (X11; Linux)" ECDHE-RSA TLSv1.2 arn:aws:tg "Root=1-58" "{host}" '
                '"arn:aws:cert" 1 2026-11-28T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1\n'
            )


def generate(folder, count):
    for kind in ("json", "csv", "alb"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(FILES):
            file = folder / kind / f"{number:02}.{kind}.gz"
            if not file.exists():
                dice = random.Random(f"{kind}-{number}")
                with gzip.open(file, "wt", compresslevel=6, encoding="utf-8") as out:
                    out.writelines(lines(kind, dice, count // FILES))


# Field names: of JSON lines as a path, of DuckDB's and polars' structs, of ALB's.
FIELDS = {
    "json": ("request.host", "status", "size", "duration"),
    "csv": ("host", "status", "size", "duration"),
    "alb": ("domain_name", "elb_status_code", "sent_bytes", "target_processing_time"),
}
JOBS = ["one field", "two fields, sum, quantile", "1 % filtered"]


def gristmill(program, kind, job, folder):
    host, status, size, duration = FIELDS[kind]
    words = {
        "one field": ["--by", host],
        "two fields, sum, quantile": ["--by", f"{host},{status}", "--sum", size, "--quantiles", f"{duration}:0.95"],
        "1 % filtered": ["--by", host, "--where", f"{status} = 500", "--sum", size],
    }[job]
    return [program, "run", "group-by", "-q", "--parse", kind, *words, folder / kind, "-o", "-"]


def sql(kind, job, folder):
    files = f"'{folder}/{kind}/*.gz'"
    if kind == "json":
        columns = "{request: 'STRUCT(host VARCHAR)', status: 'INTEGER', size: 'BIGINT', duration: 'DOUBLE'}"
        source = f"(select request.host as host, status, size, duration from read_json({files}, format='newline_delimited', columns={columns}))"
    elif kind == "csv":
        source = f"read_csv({files}, header=true)"
    else:
        names = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(30))
        columns = "{" + names + "}"
        options = f"delim=' ', quote='\"', escape='\"', header=false, auto_detect=false, columns={columns}"
        source = f"(select c18 as host, c8::INTEGER as status, c11::BIGINT as size, c6::DOUBLE as duration from read_csv({files}, {options}))"
    return {
        "one field": f"select host, count(*) from {source} group by all",
        "two fields, sum, quantile": f"select host, status, count(*), sum(size), approx_quantile(duration, 0.95) from {source} group by all",
        "1 % filtered": f"select host, count(*), sum(size) from {source} where status = 500 group by all",
    }[job]


DUCKDB = """
import sys, duckdb
duckdb.sql('set enable_progress_bar = false')
for row in duckdb.sql(sys.argv[1]).fetchall(): print(*row, sep='\\t')
"""

POLARS = """
import sys, polars as pl
kind, job, files = sys.argv[1:]
if kind == 'json':
    schema = {'request': pl.Struct({'host': pl.String}), 'status': pl.Int64, 'size': pl.Int64, 'duration': pl.Float64}
    rows = pl.scan_ndjson(files, schema=schema).with_columns(host=pl.col('request').struct.field('host'))
else:
    rows = pl.scan_csv(files)
keys = ['host', 'status'] if job.startswith('two') else ['host']
if job.startswith('1'): rows = rows.filter(pl.col('status') == 500)
figures = [pl.len()] + ([] if job == 'one field' else [pl.col('size').sum()]) + ([pl.col('duration').quantile(0.95)] if len(keys) > 1 else [])
for row in rows.group_by(keys).agg(figures).collect(engine='streaming').rows(): print(*row, sep='\\t')
"""


def jq(job, folder):
    """Sorting is what counts hits; sums are for awk, which jq's users take."""
    show = {"one field": ".request.host", "two fields, sum, quantile": None, "1 % filtered": None}[job]
    if show is None:
        return None
    line = f"zcat {folder}/json/*.gz | jq -r {shlex.quote(show)} | LC_ALL=C sort | uniq -c | awk '{{print $2 \"\\t\" $1}}'"
    return ["sh", "-c", line]


def miller(program, kind, job, folder):
    host, status, size, duration = FIELDS[kind]
    verbs = {
        "one field": f"count -g {host}",
        "two fields, sum, quantile": f"stats1 -a count,sum,p95 -f {size},{duration} -g {host},{status} then cut -o -f {host},{status},{size}_count,{size}_sum",
        "1 % filtered": f"filter '${{{status}}} == 500' then stats1 -a count,sum -f {size} -g {host}",
    }[job]
    input_format = "--ijsonl" if kind == "json" else "--icsv"
    flatten = "flatten then " if kind == "json" else ""
    return ["sh", "-c", f"{program} {input_format} --otsv --headerless-tsv-output --gzin {flatten}{verbs} {folder}/{kind}/*.gz"]


def peers(arguments, kind, job, folder):
    found = {}
    for module, words in (("duckdb", [DUCKDB, sql(kind, job, folder)]), ("polars", [POLARS, kind, job, f"{folder}/{kind}/*.gz"])):
        if importlib.util.find_spec(module) and not (module == "polars" and kind == "alb"):
            found[module] = [sys.executable, "-c", *words]
    if kind == "json" and shutil.which("jq") and jq(job, folder):
        found["jq + sort"] = jq(job, folder)
    if kind != "alb" and shutil.which(arguments.mlr):
        found["Miller"] = miller(arguments.mlr, kind, job, folder)
    return found


def run(words):
    """CPU and wall seconds, peak memory in MiB (of the largest process), and what was printed."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{words[0]} ended with {process.returncode}: {errors.read()[-2000:]}")
        return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, out.read()


def figures(text, job):
    """Keys, hits and sums: quantiles are the tools' own, by their own definitions."""
    columns = {"one field": 2, "two fields, sum, quantile": 4, "1 % filtered": 3}[job]
    exact = lambda cells: tuple(Decimal(cell) if cell.replace(".", "").isdigit() else cell for cell in cells)
    return sorted((exact(line.split("\t")[:columns]) for line in text.splitlines()), key=str)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("gristmill")
    parser.add_argument("--lines", type=int, default=2_400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--mlr", default="mlr")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.data or pathlib.Path(made)
        generate(folder, arguments.lines)
        print("| log | job | Gristmill: CPU s, wall s, MiB | beside it: CPU s, wall s, MiB (CPU ratio) |\n|---|---|---|---|")
        highest = 0
        for kind in FIELDS:
            for job in JOBS:
                contenders = {"Gristmill": gristmill(arguments.gristmill, kind, job, folder), **peers(arguments, kind, job, folder)}
                costs, results = {name: [] for name in contenders}, {}
                for _ in range(arguments.rounds):
                    for name, words in contenders.items():
                        cpu, wall, peak, text = run(words)
                        costs[name].append((cpu, wall, peak))
                        results[name] = figures(text, job)
                wrong = [name for name, result in results.items() if result != results["Gristmill"]]
                median = {name: [statistics.median(part) for part in zip(*cost)] for name, cost in costs.items()}
                highest = max([highest] + [peak for *_, peak in costs["Gristmill"]])
                own, own_wall, own_peak = median.pop("Gristmill")
                others = "; ".join(f"{name} {cpu:.2f}, {wall:.2f}, {peak:.0f} ({cpu / own:.1f})" for name, (cpu, wall, peak) in median.items())
                print(f"| {kind} | {job} | {own:.2f}, {own_wall:.2f}, {own_peak:.0f} | {others} |", flush=True)
                if wrong:
                    rows = set(results[wrong[0]]) ^ set(results["Gristmill"])
                    raise SystemExit(f"{kind}, {job}: other hits or sums with {', '.join(wrong)}, such as {list(rows)[:4]}")
        print(f"load {os.getloadavg()[0]:.1f}, {arguments.lines:,} lines of each, medians of {arguments.rounds}")
        if highest > 256:
            raise SystemExit(f"a peak of {highest:.0f} MiB, more than 256")


if __name__ == "__main__":
    main()
