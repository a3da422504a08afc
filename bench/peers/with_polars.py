"""The jobs with Polars, lazily and with its streaming engine.

usage: with_polars.py JOB FOLDER [REGEX]      JOB: status | robots | path | words | grep
"""

import sys
from glob import glob

import polars as pl


def main(job, folder, regex=""):
    files = sorted(glob(folder + "/*.gz"))
    line = pl.col("line")
    lines = pl.scan_lines(files, name="line")
    if job == "grep":
        found = lines.filter(line.str.contains(regex)).collect(engine="streaming")
        sys.stdout.write("".join(text + "\n" for text in found["line"]))
        return
    if job == "status":
        keys = lines.select(key=line.str.extract('" ([0-9]{3}) '))
    elif job in ("robots", "path"):
        if job == "robots":
            lines = lines.filter(line.str.contains(" /robots.txt ", literal=True))
        field = line.str.splitn(" ", 10).struct.field
        rows = lines.select(
            key=field("field_0" if job == "robots" else "field_6"),
            path=field("field_6"),
            status=field("field_8"),
        ).filter(pl.col("status").str.len_bytes() == 3)
        if job == "robots":
            rows = rows.filter(pl.col("path") == "/robots.txt")
        keys = rows.select("key")
    else:
        keys = lines.select(key=line.str.to_lowercase().str.extract_all(r"[a-z']+")).explode("key")
    counts = keys.drop_nulls().group_by("key").len()
    if job == "path":
        counts = counts.sort(["len", "key"], descending=[True, False]).head(20)
    else:
        counts = counts.sort("key")
    counts.collect(engine="streaming").write_csv(
        sys.stdout.buffer, separator="\t", include_header=False, quote_style="never"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
