"""Makes the logs and goldens of tests/it/group_by_goldens.rs: python3 make.py [DIR], with `pip install duckdb`.

Each log is made from a fixed seed, and its golden by another reader than Gristmill: DuckDB for JSON lines, CSV and TSV,
regular expressions and Python's own parsers for the others. A golden has the rows of
`group-by --by A,B --sum N`: keys, hits, the exact sum, and how many values were no number.
"""

import pathlib
import random
import re
import shlex
import sys
from collections import defaultdict
from decimal import Decimal

import duckdb

LINES = 240
TEXTS = ["a b", 'say "x"', "tab\there", "back\\slash", "ümlaut", "", "-", "plain"]
TOKENS = re.compile(r'\[([^\]]*)\]|"((?:[^"\\]|\\.)*)"|(\S+)')
HOSTS = ["shop", "api", "img.example"]
PATHS = ["/", "/cart", "/x?q=1", "/a/b.html"]
AGENTS = ["curl/8.1", "Mozilla/5.0 (X11; Linux)", "-"]


def pick(dice, *of):
    return dice.choice(of)


def tokens(line):
    """Words, texts in quotes and in brackets; a lone - outside them is no value."""
    found = []
    for match in TOKENS.finditer(line):
        inside, quoted, word = match.groups()
        text = next(part for part in (inside, quoted, word) if part is not None)
        found.append(None if text == "-" else text)
    return found


def shown(value):
    if value is None:
        return "-"
    if value == "-":
        return r"\-"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def plain(number):
    text = format(number.quantize(Decimal("1e-9")), "f").rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def rows(records):
    """The rows of records of keys and a number, which may be None."""
    groups = defaultdict(lambda: [0, []])
    for *keys, number in records:
        group = groups[tuple(keys)]
        group[0] += 1
        if number is not None:
            group[1].append(Decimal(number))
    order = lambda keys: [(value is not None, (value or "").encode()) for value in keys]
    lines = []
    for keys, (hits, numbers) in sorted(groups.items(), key=lambda one: order(one[0])):
        total = plain(sum(numbers)) if numbers else r"\N"
        lines.append("\t".join([*map(shown, keys), str(hits), total, "0"]))
    return "".join(line + "\n" for line in lines)


def by_duckdb(source, keys, number):
    query = f"select {', '.join(keys)}, count(*), sum({number}) from {source} group by all"
    found = []
    for *values, hits, total in duckdb.sql(query).fetchall():
        found.append((values, hits, total))
    order = lambda one: [(value is not None, (value or "").encode()) for value in one[0]]
    lines = []
    for values, hits, total in sorted(found, key=order):
        total = r"\N" if total is None else plain(Decimal(total))
        lines.append("\t".join([*map(shown, values), str(hits), total, "0"]))
    return "".join(line + "\n" for line in lines)


def json_lines(dice):
    import json

    for number in range(LINES):
        line = {"request": {"host": pick(dice, *HOSTS), "path": pick(dice, *PATHS)}, "status": pick(dice, 200, 404, 500)}
        line["duration"] = round(dice.uniform(0, 3), dice.randrange(9))
        line["msg"] = pick(dice, *TEXTS)
        yield json.dumps(line, ensure_ascii=number % 2 == 0)


def json_golden(file):
    columns = "{request: 'STRUCT(host VARCHAR, path VARCHAR)', msg: 'VARCHAR', duration: 'DECIMAL(30,9)'}"
    source = f"read_json('{file}', format='newline_delimited', columns={columns})"
    return by_duckdb(source, ["request.host", "msg"], "duration")


def separated(delimiter):
    def lines(dice):
        yield delimiter.join(["country", "note", "amount"])
        for _ in range(LINES):
            note = pick(dice, *TEXTS[:4], "two\nlines", f"a{delimiter}b", "")
            if any(one in note for one in (delimiter, '"', "\n")):
                note = '"' + note.replace('"', '""') + '"'
            yield delimiter.join([pick(dice, "CH", "DE", "ZA"), note, str(round(dice.uniform(-9, 999), 2))])

    def golden(file):
        columns = "{country: 'VARCHAR', note: 'VARCHAR', amount: 'DECIMAL(30,9)'}"
        options = f"delim='{delimiter}', header=true, quote='\"', escape='\"', nullstr='no such value', columns={columns}"
        return by_duckdb(f"read_csv('{file}', {options})", ["country", "note"], "amount")

    return lines, golden


def logfmt_lines(dice):
    for _ in range(LINES):
        text = pick(dice, "a b", 'say "x"', "plain", "k=v")
        quoted = '"' + text.replace('"', '\\"') + '"'
        yield f'level={pick(dice, "info", "warn")} msg={quoted} ms={round(dice.uniform(0, 9), 3)}'


def logfmt_golden(file):
    records = []
    for line in file.read_text().splitlines():
        pairs = dict(pair.split("=", 1) for pair in shlex.split(line))
        records.append((pairs["level"], pairs["msg"], pairs["ms"]))
    return rows(records)


def ltsv_lines(dice):
    for _ in range(LINES):
        labels = [("host", pick(dice, *HOSTS)), ("req", pick(dice, "GET / HTTP/1.1", "a:b", "", "-", 'say "x"'))]
        labels += [("size", str(dice.randrange(9000))), ("time", "[30/Nov/2026:10:00:00 +0000]")]
        dice.shuffle(labels)
        yield "\t".join(label + ":" + value for label, value in labels)


def ltsv_golden(file):
    records = []
    for line in file.read_text().splitlines():
        values = dict(pair.split(":", 1) for pair in line.split("\t"))
        records.append((values["host"], values["req"], values["size"]))
    return rows(records)


def w3c_lines(dice):
    orders = [["date", "time", "cs-method", "cs-uri-stem", "sc-bytes"], ["sc-bytes", "cs-uri-stem", "cs-method"]]
    for number in range(LINES):
        if number % 40 == 0:
            order = orders[number // 40 % 2]
            yield "#Version: 1.0"
            yield "#Fields: " + " ".join(order)
        values = {"date": "2026-11-28", "time": "10:00:00", "cs-method": pick(dice, "GET", "POST"), "cs-uri-stem": pick(dice, *PATHS), "sc-bytes": pick(dice, "-", str(dice.randrange(9999)))}
        yield " ".join(values[name] for name in order)


def w3c_golden(file):
    records, names = [], []
    for line in file.read_text().splitlines():
        if line.startswith("#Fields:"):
            names = line.split()[1:]
        elif not line.startswith("#"):
            values = {name: None if value == "-" else value for name, value in zip(names, line.split(), strict=True)}
            records.append((values["cs-method"], values["cs-uri-stem"], values["sc-bytes"]))
    return rows(records)


def alb_lines(dice):
    for _ in range(LINES):
        target, status = pick(dice, ("10.0.0.1:80", "200"), ("10.0.0.2:80", "502"), ("-", "-"))
        agent = pick(dice, "curl/8.1", 'odd \\"x\\"', "-")
        yield (
            f"https 2026-11-28T22:23:00.186641Z app/lb/50dc6c 192.0.2.{dice.randrange(9)}:2817 {target} 0.086 0.0{dice.randrange(99):02} 0.037 "
            f'200 {status} 0 {dice.randrange(9999)} "GET https://www.example.com:443{pick(dice, *PATHS)} HTTP/1.1" "{agent}" ECDHE TLSv1.2 '
            'arn:aws:tg "Root=1-58" "www.example.com" "arn:aws:cert" 1 2026-11-28T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1'
        )


def alb_golden(file):
    parts = [tokens(line) for line in file.read_text().splitlines()]
    return rows((part[9], part[13], part[11]) for part in parts)


def elb_lines(dice):
    for _ in range(LINES):
        backend, status = pick(dice, ("10.0.0.1:80", "200"), ("-", "-"))
        yield (
            f"2026-05-13T23:39:43.945958Z lb-{dice.randrange(3)} 192.0.2.1:2817 {backend} 0.000073 0.001048 0.000057 200 {status} 0 {dice.randrange(9999)} "
            f'"GET http://www.example.com:80{pick(dice, *PATHS)} HTTP/1.1" "curl/7.38.0" - -'
        )


def elb_golden(file):
    parts = [tokens(line) for line in file.read_text().splitlines()]
    return rows((part[1], part[8], part[10]) for part in parts)


def s3_lines(dice):
    for _ in range(LINES):
        key, size = pick(dice, ("a/b.txt", "113"), ("-", "-"), ("x%20y", "7"))
        yield (
            f"79a59d bucket-{dice.randrange(2)} [06/Feb/2026:00:00:38 +0000] 192.0.2.3 79a59d 3E57 REST.GET.OBJECT {key} "
            f'"GET /{key}?v HTTP/1.1" 200 - {size} - {dice.randrange(99)} - "-" "S3Console/0.4" - s9lz= SigV4 ECDHE AuthHeader host TLSV1.2 - -'
        )


def s3_golden(file):
    parts = [tokens(line) for line in file.read_text().splitlines()]
    return rows((part[1], part[7], part[11]) for part in parts)


HAPROXY = re.compile(r"haproxy\[\d+\]: (\S+):\d+ \[[^\]]+\] (\S+) ([^/ ]+)/(\S+) (\S+) (\d{3}|-1) (\d+) ")


def haproxy_lines(dice):
    for _ in range(LINES):
        yield (
            f"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2026:12:14:14.655] http-in {pick(dice, 'static/srv1', 'dynamic/srv2', 'dynamic/<NOSRV>')} "
            f'10/0/30/69/109 {pick(dice, 200, 503)} {dice.randrange(9999)} - - ---- 1/1/1/1/0 0/0 {{1wt.eu}} {{}} "GET {pick(dice, *PATHS)} HTTP/1.1"'
        )


def haproxy_golden(file):
    found = [HAPROXY.search(line).groups() for line in file.read_text().splitlines()]
    return rows((backend, status, size) for _, _, backend, _, _, status, size in found)


def squid_lines(dice):
    for _ in range(LINES):
        peer = pick(dice, "DIRECT/192.0.2.1", "HIER_NONE/-")
        yield f"1066037222.011 {dice.randrange(99999):6} 10.0.0.5 {pick(dice, 'TCP_MISS/404', 'TCP_HIT/200')} {dice.randrange(9999)} GET http://a.example{pick(dice, *PATHS)} - {peer} text/html"


def squid_golden(file):
    parts = [line.split() for line in file.read_text().splitlines()]
    peer = lambda part: None if part[8].endswith("/-") else part[8].split("/")[1]
    return rows((part[3].split("/")[0], peer(part), part[4]) for part in parts)


COMBINED = re.compile(r'(\S+) (\S+) (\S+) \[([^\]]+)\] "(\S+) (\S+) (\S+)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"')


def combined_lines(dice):
    for _ in range(LINES):
        yield (
            f"192.0.2.{dice.randrange(99)} - {pick(dice, 'bob', '-')} [10/Oct/2026:13:55:36 +0000] "
            f'"{pick(dice, "GET", "POST")} {pick(dice, *PATHS)} HTTP/1.1" {pick(dice, 200, 404)} {pick(dice, dice.randrange(1, 9999), "-")} "-" "{pick(dice, *AGENTS)}"'
        )


def combined_golden(file):
    records = []
    for line in file.read_text().splitlines():
        found = COMBINED.fullmatch(line)
        size = found[9]
        # `-` is no bytes (Apache's %b), which access-log sums as 0.
        records.append((found[5], found[8], "0" if size == "-" else size))
    return rows(records)


def traefik_lines(dice):
    for number, line in enumerate(combined_lines(dice)):
        line = line.replace(' - "-"', ' 0 "-"')
        yield f'{line} {number} "{pick(dice, "web@docker", "api@file")}" "http://10.0.0.{dice.randrange(3)}:80" {dice.randrange(99)}ms'


def traefik_golden(file):
    parts = [tokens(line) for line in file.read_text().splitlines()]
    return rows((part[10], part[5], part[6]) for part in parts)


RFC5424 = re.compile(r"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|\[[^\]]*\]) (.*)")
RFC3164 = re.compile(r"(?:<(\d+)>)?\w{3} [ \d]\d \S+ (\S+) ([^:\[]+)(?:\[(\d+)\])?: (.*)")


def syslog_lines(dice):
    for _ in range(LINES):
        data = pick(dice, "-", '[x@1 a="1"]')
        pid, host, app = dice.randrange(1, 99), pick(dice, "east", "west"), pick(dice, "cron", "sshd")
        text = pick(dice, "so it is", "a [b] c: d")
        yield pick(
            dice,
            f"<34>1 2026-10-11T22:14:15.003Z {host} {app} {pid} ID47 {data} {text}",
            f"<13>Oct 11 22:14:15 {host} {app}[{pid}]: {text}",
            f"Oct  1 22:14:15 {host} {app}[{pid}]: {text}",
        )


def syslog_golden(file):
    records = []
    for line in file.read_text().splitlines():
        if found := RFC5424.fullmatch(line):
            records.append((found[3], found[4], found[5]))
        else:
            found = RFC3164.fullmatch(line)
            records.append((found[2], found[3], found[4]))
    return rows(records)


MAKERS = {
    "json": (json_lines, json_golden),
    "csv": separated(","),
    "tsv": separated("\t"),
    "semicolons": separated(";"),
    "logfmt": (logfmt_lines, logfmt_golden),
    "ltsv": (ltsv_lines, ltsv_golden),
    "w3c": (w3c_lines, w3c_golden),
    "alb": (alb_lines, alb_golden),
    "elb": (elb_lines, elb_golden),
    "s3": (s3_lines, s3_golden),
    "haproxy": (haproxy_lines, haproxy_golden),
    "squid": (squid_lines, squid_golden),
    "combined": (combined_lines, combined_golden),
    "traefik": (traefik_lines, traefik_golden),
    "syslog": (syslog_lines, syslog_golden),
}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for name, (lines, golden) in MAKERS.items():
        log = folder / f"{name}.log"
        log.write_text("".join(line + "\n" for line in lines(random.Random(name))))
        (folder / f"{name}.tsv").write_text(golden(log))


if __name__ == "__main__":
    main()
