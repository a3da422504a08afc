//! Lists that people write by hand: of names on the command line, of paths and patterns in files.

use std::path::Path;

use crate::gristmill::run;

fn write(folder: &Path, name: &str, text: &[u8]) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("a file");
    file.to_string_lossy().into_owned()
}

#[test]
fn a_name_with_a_comma_can_be_typed_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(
        folder.path(),
        "a.csv",
        b"name,\"Amount, 2024\",b\nx,1,7\ny,2,8\n",
    );
    let name = r"Amount\, 2024";
    // As it is told, so it can be typed.
    let told = run(["fields", "-q", &file]).code(0).stdout;
    assert!(told.contains(&format!("\n{name}\t2\t")), "{told}");
    for (words, expected) in [
        (&["--sum", name][..], "2\t3\t0\n"),
        (&["--by", name], "1\t1\n2\t1\n"),
        (&["--by", r"Amount\, 2024,b"], "1\t7\t1\n2\t8\t1\n"),
        (&["--min", r"b,Amount\, 2024"], "2\t7\t1\t0\t0\n"),
        (&["--max", name], "2\t2\t0\n"),
        (&["--avg", name], "2\t1.5\t0\n"),
        (&["--distinct", name], "2\t2\n"),
        (&["--first", name, "--last", name], "2\t1\t2\n"),
        (&["--where", r"Amount\,\ 2024 > 1"], "1\n"),
        (&["--by", "name", "--by", "b"], "x\t7\t1\ny\t8\t1\n"),
    ] {
        let line = ["run", "group-by", "-q", &file, "-o", "-"];
        let rows = run([&line[..], words].concat()).code(0).stdout;
        assert_eq!(rows, expected, "{words:?}");
    }
    let quantiles = ["--quantiles", r"Amount\, 2024:1", "--header"];
    let line = ["run", "group-by", "-q", &file, "-o", "-"];
    let rows = run([&line[..], &quantiles].concat()).code(0).stdout;
    let figure = rows.lines().nth(1).and_then(|row| row.split('\t').nth(1));
    let figure: f64 = figure.and_then(|cell| cell.parse().ok()).expect("a number");
    assert!((figure - 2.0).abs() < 0.02, "{rows}");
    let rows = write(folder.path(), "rows.csv", b"1,2\n3,4\n");
    let line = [
        "run",
        "group-by",
        "-q",
        "--parse",
        "csv",
        "--fields",
        r"a\,b,c\.d",
        &rows,
        "-o",
        "-",
        "--sum",
        r"a\,b,c\.d",
    ];
    assert_eq!(run(line).code(0).stdout, "2\t4\t6\t0\t0\n");
}

#[test]
fn files_of_lists_may_come_from_an_editor() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (
        write(folder.path(), "1.log", b"x\n"),
        write(folder.path(), "2.log", b"y\nx\n"),
    );
    let count = |text: &str| {
        let list = write(folder.path(), "list", text.as_bytes());
        let line = [
            "run",
            "grep",
            "-q",
            "-c",
            "x",
            &format!("@{list}"),
            "-o",
            "-",
        ];
        run(line).code(0).stdout
    };
    let plain = count(&format!("{one}\n{two}\n"));
    assert_eq!(plain, "2\n");
    assert_eq!(count(&format!("{one}\r\n\r\n{two}\r\n")), plain);
    assert_eq!(count(&format!("\u{FEFF}{one}\r\n{two}")), plain);
    // With NUL bytes between them, paths are what they are.
    write(folder.path(), "3\r", b"x\n");
    let odd = format!("{}/3\r\0", folder.path().display());
    let list = write(folder.path(), "list", odd.as_bytes());
    let line = [
        "run",
        "grep",
        "-q",
        "-c",
        "-0",
        "x",
        &format!("@{list}"),
        "-o",
        "-",
    ];
    run(line).code(0);
    for patterns in ["\u{FEFF}y\r\nz\r\n", "z\r\ny\r", "y"] {
        let file = write(folder.path(), "patterns", patterns.as_bytes());
        let rows = run(["run", "grep", "-q", "-f", &file, &two, "-o", "-"]).code(0);
        assert_eq!(rows.stdout, "y\n", "{patterns:?}");
    }
}
