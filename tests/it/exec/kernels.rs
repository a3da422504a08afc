//! Kernels that lack what confines programs, or what tells that one has ended.

use super::*;

/// `landlock_create_ruleset`, `seccomp` and `pidfd_open` on x86-64.
const LANDLOCK: &str = "444";
const SECCOMP: &str = "317";
const PIDFD: &str = "434";

/// Runs `gristmill` without some system calls.
fn without(calls: &str, folder: &Path, words: &[&str]) -> Ended {
    let lack = folder.join("lack.py");
    fs::write(&lack, include_str!("lack.py")).expect("a file");
    let mut command = Command::new("python3");
    command
        .arg(lack)
        .arg(calls)
        .arg(env!("CARGO_BIN_EXE_gristmill"))
        .args(words)
        .current_dir(folder)
        // A worker looks at this after that.
        .env("GRISTMILL_BROKER", "no-url");
    Ended::of(command.output().expect("python3"))
}

#[test]
fn a_worker_that_cannot_confine_refuses_unless_it_is_told_not_to() {
    let folder = folder();
    let path = folder.path();
    let results = path.join("results").display().to_string();
    exec_key(path);
    for (calls, what) in [
        (LANDLOCK, "Landlock: this kernel does not have it"),
        (SECCOMP, "seccomp: "),
    ] {
        for words in [
            &["map", "--exec", "any"][..],
            &["map", "--exec-allow", "wc"],
            &["reduce", "-o", &results, "--exec", "any"],
        ] {
            let ended = without(calls, path, words).code(2);
            let ended = ended.says(&format!("--exec: cannot confine a program: {what}"));
            ended.says("--exec-unconfined runs programs all the same");
        }
        // What was signed is trusted, so these go on: as far as the broker, which is none.
        let signed = ["map", "--exec", "signed", "--exec-keys", "key.pub"];
        let ended = without(calls, path, &signed).code(2);
        let ended = ended.says(&format!(
            "programs run with all that this user may: cannot confine a program: {what}"
        ));
        ended.says("not a broker URL");
        let unconfined = ["map", "--exec", "any", "--exec-unconfined"];
        let ended = without(calls, path, &unconfined).code(2);
        assert!(!ended.says("not a broker URL").stderr.contains("confine"));
    }
}

fn exec_key(folder: &Path) {
    let mut command = gristmill();
    command.current_dir(folder).args(["exec-key", "key"]);
    Ended::of(command.output().expect("the binary starts")).code(0);
}

#[test]
fn programs_run_where_no_descriptor_tells_of_their_end() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a b\nc\n").expect("a file");
    let all = format!("{LANDLOCK},{SECCOMP},{PIDFD}");
    for (program, expected) in [
        (&["--", "wc", "-w", ":::"][..], "3\n"),
        (&["--python", "up.py:up"], "A B\nC\n"),
    ] {
        let each = if program[0] == "--" {
            "document"
        } else {
            "record"
        };
        fs::write(
            folder.path().join("up.py"),
            "def up(text):\n    return text.upper()\n",
        )
        .expect("a file");
        let mut words = vec!["run", "exec", "-o", "-", "--each", each];
        words.extend(program);
        words.push("in.txt");
        let ended = without(&all, folder.path(), &words).code(0);
        assert_eq!(ended.stdout, expected);
    }
    let hangs = [
        "run",
        "exec",
        "-o",
        "out",
        "--timeout",
        "1",
        "--each",
        "document",
        "--",
        "sleep",
        "100",
        ":::",
        "in.txt",
    ];
    without(&all, folder.path(), &hangs)
        .code(3)
        .says("--timeout");
}
