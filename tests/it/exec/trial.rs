//! `--try`: results and stderr to the terminal, nothing written.

use super::*;

#[test]
fn a_try_shows_the_first_units_and_writes_nothing() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\nb\nbad\nc\nd\n").expect("a file");
    fs::write(
        folder.path().join("up.py"),
        "def up(text):\n    print('seen', text)\n    if text == 'bad': raise KeyError(text)\n    return \
         text.upper()\n",
    )
    .expect("a file");
    let ended = exec(
        folder.path(),
        &["--python", "up.py:up", "--try", "4", "in.txt"],
    )
    .code(3);
    assert_eq!(ended.stdout, "A\nB\nC\n");
    ended
        .says("in.txt at byte 4: KeyError: 'bad'")
        .says("seen a\nseen b\nseen bad\nseen c\n");
    let words = [
        "--each",
        "chunk",
        "--try",
        "1",
        "--",
        "sh",
        "-c",
        "cat; echo said >&2",
        ":::",
        "in.txt",
    ];
    let ended = exec(folder.path(), &words).code(0);
    assert_eq!(ended.stdout, "a\nb\nbad\nc\nd\n");
    ended.says("said");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
}

#[test]
fn a_try_shows_the_pairs_whose_values_are_distinct() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\t1\nb\t1\na\t2\na\t1\n").expect("a file");
    let words = [
        "--map", "cat", "--reduce", "distinct", "--try", "1", "in.txt",
    ];
    let stdout = exec(folder.path(), &words).code(0).stdout;
    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a\t1", "a\t2", "b\t1"]);
}

#[test]
fn a_try_that_cannot_go_on_fails() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\nb\n").expect("a file");
    let words = [
        "--each",
        "chunk",
        "--shell",
        "--try",
        "1",
        "--",
        // A file where its folder was.
        "rm -r \"$PWD\"; : >\"$PWD\"",
        ":::",
        "in.txt",
    ];
    exec(folder.path(), &words)
        .code(1)
        .says("cannot run a program");
}
