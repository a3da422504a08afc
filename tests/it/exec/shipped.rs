//! The files that a program consists of: the user's own stay as they are, and a package is found as
//! Python finds it.

use super::*;

#[test]
fn a_program_that_writes_into_a_shipped_file_leaves_the_users_own_as_it_is() {
    let folder = folder();
    for name in ["in.txt", "dict.txt", "list.txt"] {
        fs::write(folder.path().join(name), format!("{name}\n")).expect("a file");
    }
    // What another user may not do, root may: then it is in the copy.
    let line = "cat dict.txt list.txt; (echo changed > dict.txt; echo >> list.txt; rm dict.txt) 2> errors; :";
    let words = [
        "--each", "chunk", "--ship", "dict.txt", "-o", "-", "--shell", "--", line, ":::", "in.txt",
    ];
    let ended = exec(folder.path(), &words).code(0);
    assert_eq!(ended.stdout, "dict.txt\nlist.txt\n");
    for name in ["dict.txt", "list.txt"] {
        assert_eq!(read(folder.path(), name), format!("{name}\n"));
    }
}

#[test]
fn a_module_of_a_package_is_named_with_dots_and_imports_its_neighbours() {
    let folder = folder();
    let package = folder.path().join("pack/inner");
    fs::create_dir_all(&package).expect("a folder");
    for (name, text) in [
        ("in.txt", "one\n"),
        ("beside.py", "MARK = '!'\n"),
        ("pack/__init__.py", ""),
        ("pack/inner/__init__.py", ""),
        (
            "pack/inner/tag.py",
            "from beside import MARK\nfrom ..upper import up\n\ndef tag(text):\n    return up(text) + MARK\n\n\
             def fail(text):\n    raise ValueError(text)\n",
        ),
        ("pack/upper.py", "def up(text):\n    return text.upper()\n"),
    ] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let words = ["--python", "pack.inner.tag:tag", "in.txt", "-o", "out"];
    exec(folder.path(), &words).code(0);
    let out = folder.path().join("out");
    assert_eq!(read(&out, "part-00000.txt"), "ONE!\n");
    let manifest: serde_json::Value =
        serde_json::from_str(&read(&out, "manifest.json")).expect("JSON");
    let text = manifest.to_string();
    for name in [
        "beside.py",
        "pack/upper.py",
        "pack/inner/tag.py",
        "pack/__init__.py",
    ] {
        assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
    }
    // The traceback is the user's own.
    let words = ["--python", "pack.inner.tag:fail", "in.txt", "-o", "failed"];
    exec(folder.path(), &words).code(3);
    let said = quarantine(&folder.path().join("failed"))
        .remove(0)
        .to_string();
    let file = folder
        .path()
        .canonicalize()
        .expect("a path")
        .join("pack/inner/tag.py");
    assert!(said.contains(&file.display().to_string()), "{said}");
    // A folder that only has the name is none.
    fs::create_dir(folder.path().join("json")).expect("a folder");
    let words = ["--python", "json:dumps", "in.txt", "-o", "-"];
    assert_eq!(exec(folder.path(), &words).code(0).stdout, "\"one\"\n");
}
