import dask.bag as db
import json
import sys

if __name__ == "__main__":
    b = db.read_text(sys.argv[1]).map(json.loads)
    print(b.take(2))
    print(b.filter(lambda record: record["status"] >= 500).count().compute())
    print(b.map(lambda record: record["path"]).frequencies().topk(3, key=lambda x: (x[1], x[0])).compute())
    print(sorted(b.pluck("status").distinct().compute()))
    print(sorted(b.foldby("status", lambda total, r: total + r["bytes"], 0, lambda x, y: x + y, 0).compute()))
