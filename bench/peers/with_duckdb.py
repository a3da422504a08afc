"""The jobs with DuckDB: each line one text column, files read in parallel.

usage: with_duckdb.py JOB FOLDER [REGEX]      JOB: status | robots | path | words | grep
"""

import sys

import duckdb

KEY = {
    "status": '" ([0-9]{3}) ',
    "robots": '^([^ ]+) [^"]*"[A-Z]+ /robots[.]txt [^"]*" [0-9]{3} ',
    "path": '"[A-Z]+ ([^ ]+) [^"]*" [0-9]{3} ',
}
LINES = (
    "read_csv($files, columns={'line': 'VARCHAR'}, header=false, auto_detect=false, "
    r"delim='\x1f', quote='', escape='', strict_mode=false, compression='gzip')"
)


def main(job, folder, regex=""):
    db = duckdb.connect()
    files = folder + "/*.gz"
    out = sys.stdout.buffer
    if job == "grep":
        query = f"SELECT line FROM {LINES} WHERE regexp_matches(line, $regex)"
        rows = db.execute(query, {"files": files, "regex": regex})
        while block := rows.fetchmany(100_000):
            out.write("".join(line + "\n" for (line,) in block).encode())
        return
    values = {"files": files}
    if job == "words":
        keys = f"SELECT unnest(regexp_extract_all(lower(line), '[a-z'']+')) AS key FROM {LINES}"
    else:
        keys = f"SELECT regexp_extract(line, $regex, 1) AS key FROM {LINES}"
        values["regex"] = KEY[job]
        if job == "robots":
            keys += " WHERE contains(line, ' /robots.txt ')"
    order = "n DESC, key LIMIT 20" if job == "path" else "key"
    query = f"SELECT key, count(*) AS n FROM ({keys}) WHERE key <> '' GROUP BY key ORDER BY {order}"
    for row in db.execute(query, values).fetchall():
        out.write("{}\t{}\n".format(*row).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
