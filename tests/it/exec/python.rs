//! Python functions: what they get, what becomes of what they return.

use super::*;

#[test]
fn a_python_function_gets_each_line_and_its_results_are_written() {
    let folder = folder();
    fs::write(
        folder.path().join("tag.py"),
        r#"
import gristmill

def setup():
    global mark
    mark = "<"
    print("a stray line")

def tag(text):
    if text == "bad":
        raise ValueError("no good")
    return {
        "none": None,
        "dict": {"b": [1, 2], "a": "ä"},
        "list": ["one", b"two", None, {"k": 1}],
        "generator": (c for c in "ab"),
        "empty": "",
        "lines": "x\ny",
        "number": 42,
        "name": gristmill.document.rsplit("/", 1)[-1],
    }.get(text, mark + text.upper() + ">")
"#,
    )
    .expect("a file");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(
        folder.path().join("in/a.txt"),
        b"\xEF\xBB\xBFfirst\r\nnone\ndict\nlist\nbad\ngenerator\nempty\nlines\nnumber\nname\nnot \xFF utf-8",
    )
    .expect("a file");
    let ended = exec(
        folder.path(),
        &["--python", "tag.py:tag", "in", "-o", "out"],
    );
    ended.code(3).says("1 record (9.09 %) set aside");
    let out = folder.path().join("out");
    let expected: &[u8] =
        b"<FIRST>\n{\"a\":\"\xC3\xA4\",\"b\":[1,2]}\none\ntwo\n{\"k\":1}\na\nb\n\nx\ny\n42\n\
          a.txt\n<NOT \xFF UTF-8>\n";
    let part = fs::read(out.join("part-00000.txt")).expect("a part");
    assert_eq!(
        String::from_utf8_lossy(&part),
        String::from_utf8_lossy(expected)
    );
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["offset"], 25);
    assert_eq!(entries[0]["reason"], "ValueError: no good");
    assert_eq!(entries[0]["text"], "bad");
    let trace = entries[0]["stderr"].as_str().expect("a traceback");
    assert!(trace.contains("tag.py\", line 11, in tag"), "{trace}");
    assert!(!trace.contains("gristmill_worker"), "{trace}");
}
