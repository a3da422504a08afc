//! `group-by` against a plain reading of the same lines in Python.

use std::path::Path;
use std::process::Command;

use crate::corpus;
use crate::gristmill::run;

/// Reads JSON lines from a file and prints what `group-by` shall: fields by path, sums as decimals.
const REFERENCE: &str = r#"
import json, re, sys
from collections import defaultdict
from decimal import Decimal, getcontext
getcontext().prec = 100
file, by, sums, sets = sys.argv[1], *(one.split(',') for one in sys.argv[2:])
ABSENT = object()

def constant(name): raise ValueError(name)

def find(value, path):
    if path.endswith(':hour'): return find(value, path[:-5])[:13]
    for step in path.split('.'):
        if isinstance(value, dict): value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value): value = value[int(step)]
        else: return ABSENT
    return value

def text(value):
    return {True: 'true', False: 'false'}[value] if isinstance(value, bool) else str(value)

def key(value):
    if value is ABSENT: return (1, '')
    if value is None: return (2, '')
    return (3, text(value))

def shown(part):
    if part[0] == 1: return '-'
    if part[0] == 2: return r'\N'
    return r'\-' if part[1] == '-' else part[1].replace('\\', '\\\\').replace('\t', r'\t')

def number(value):
    if not re.fullmatch(r'[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?', text(value)): return None
    value = Decimal(text(value))
    return value if abs(value) < 10**18 and value == value.quantize(Decimal('1e-9')) else None

def plain(value):
    value = format(value.quantize(Decimal('1e-9')), 'f').rstrip('0').rstrip('.')
    return '0' if value in ('-0', '') else value

groups = defaultdict(lambda: [0, [set() for _ in sets]] + [[[], 0] for _ in sums])
bad = 0
for line in open(file, encoding='utf-8-sig', newline='\n'):
    if not line.strip(): continue
    try: record = json.loads(line, parse_float=str, parse_int=str, parse_constant=constant)
    except ValueError: bad += 1; continue
    group = groups[tuple(key(find(record, name)) for name in by)]
    group[0] += 1
    for at, name in enumerate(sums):
        value = find(record, name)
        if value is ABSENT or value is None: continue
        value = number(value)
        figures = group[2 + at]
        if value is None: figures[1] += 1
        else: figures[0].append(value)
    for at, name in enumerate(sets):
        value = find(record, name)
        if value is not ABSENT and value is not None: group[1][at].add(text(value))
figure = [sum, min, max, lambda all: sum(all) / len(all)]
for parts, (hits, distinct, *figures) in sorted(groups.items(), key=lambda one: [(k, v.encode()) for k, v in one[0]]):
    row = [shown(part) for part in parts] + [str(hits)]
    row += [plain(one(all)) if all else r'\N' for one in figure for all, _ in figures]
    row += [str(len(one)) for one in distinct]
    row += [str(none) for _, none in figures]
    print('\t'.join(row))
print(bad, file=sys.stderr)
"#;

/// What Python says, and how many lines it could not read.
fn reference(file: &Path, by: &str, sums: &str, distinct: &str) -> (String, String) {
    let output = Command::new("python3")
        .args(["-c", REFERENCE])
        .arg(file)
        .args([by, sums, distinct])
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .expect("python3 starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr).trim().to_owned())
}

#[test]
fn python_reads_the_same_out_of_json_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.jsonl");
    for seed in 0..3 {
        std::fs::write(&file, corpus::json(seed, 3000)).expect("a file");
        for (by, sums, distinct) in [
            ("level", "bytes,took", "user"),
            ("user,status", "bytes", "level,request.host"),
            ("ts:hour,request.headers.A.1", "took,status", "ts:hour"),
        ] {
            let (expected, bad) = reference(&file, by, sums, distinct);
            let name = file.to_string_lossy();
            let mut words = vec!["run", "group-by", "--by", by, &name, "-o", "-"];
            for option in ["--sum", "--min", "--max", "--avg"] {
                words.extend([option, sums]);
            }
            words.extend(["--distinct", distinct, "--allow-quarantine", "100%"]);
            let ended = run(words).code(0);
            assert_eq!(ended.stdout, expected, "{by} {sums}: {}", ended.stderr);
            let set_aside = format!("{bad} records");
            assert!(ended.stderr.contains(&set_aside), "{bad}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_job_without_fields_or_records_has_its_one_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("none.jsonl");
    std::fs::write(&file, "").expect("a file");
    let name = file.to_string_lossy();
    let words = [
        "run", "group-by", "--sum", "x", "--header", &name, "-o", "-",
    ];
    let ended = run(words).code(0);
    assert_eq!(
        ended.stdout, "hits\tsum_x\tno_number_x\n0\t\\N\t0\n",
        "{}",
        ended.stderr
    );
}

#[test]
fn quantiles_are_at_most_one_percent_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("took.jsonl");
    let mut text = String::new();
    for number in 1..=1000 {
        // Out of order, of both signs.
        let value = (number * 7919) % 1009;
        text += &format!("{{\"v\":{value}.5,\"w\":-{value}}}\n");
    }
    std::fs::write(&file, text).expect("a file");
    let name = file.to_string_lossy();
    let words = [
        "run", "group-by", "-q", &name, "-o", "-", "--format", "jsonl",
    ];
    let quantiles = ["--quantiles", "v:0.01,0.5,0.95,1", "--quantiles", "w:0.5"];
    let row = run([&words[..], &quantiles].concat()).code(0).stdout;
    let row: serde_json::Value = serde_json::from_str(&row).expect("JSON");
    let mut values: Vec<i64> = (1..=1000).map(|number| (number * 7919) % 1009).collect();
    values.sort_unstable();
    for (name, rank, sign) in [
        ("q0.01_v", 10, 1.0),
        ("q0.5_v", 500, 1.0),
        ("q0.95_v", 950, 1.0),
        ("q1_v", 1000, 1.0),
        ("q0.5_w", 501, -1.0),
    ] {
        let exact = sign * (values[rank - 1] as f64 + if sign > 0.0 { 0.5 } else { 0.0 });
        let said = row[name].as_f64().expect("a number");
        assert!(
            (said - exact).abs() <= exact.abs() / 100.0,
            "{name}: {said}, not {exact}"
        );
    }
    for typed in ["v", "v:0", "v:1.1", "v:x", "v:0.5,"] {
        let line = ["run", "group-by", "--quantiles", typed, &name, "-o", "-"];
        run(line).code(2).says("--quantiles");
    }
}

#[test]
fn sums_of_the_largest_numbers_are_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.jsonl");
    std::fs::write(&file, "{\"x\":999999999999999999.999999999}\n".repeat(1000)).expect("a file");
    let name = file.to_string_lossy();
    let ended = run(["run", "group-by", "-q", "--sum", "x", &name, "-o", "-"]).code(0);
    assert_eq!(ended.stdout, "1000\t999999999999999999999.999999\t0\n");
}
