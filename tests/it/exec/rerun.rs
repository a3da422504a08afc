//! `verify --rerun`: programs that give the same again, and those that do not.

use super::*;

/// A folder with 10 chunks of numbers, and `same.sh`, which always gives the same of them.
fn numbers() -> TempDir {
    let folder = folder();
    let lines: String = (0..5000).map(|number| format!("{number:07}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    script(folder.path(), "same.sh", "#!/bin/sh\nsed s/0/o/\n");
    folder
}

/// `verify --rerun` of an output.
fn rerun(folder: &Path, out: &str, share: &str) -> Ended {
    let mut command = gristmill();
    command.current_dir(folder);
    command.args(["verify", out, "in.txt", "--rerun", share]);
    Ended::of(command.output().expect("a run"))
}

#[test]
fn a_sample_run_again_finds_programs_that_give_two_results() {
    let folder = numbers();
    let elsewhere = folder.path().join("elsewhere");
    let reads = format!("cat; cat {}", elsewhere.display());
    let run = |out: &str, words: &[&str]| {
        let all = [&["-o", out, "--each", "chunk", "--piece", "4KiB"], words].concat();
        exec(folder.path(), &all).code(0);
    };
    let verify = |out: &str, share: &str| rerun(folder.path(), out, share);
    run("same", &["--", "./same.sh", ":::", "in.txt"]);
    verify("same", "100%")
        .code(0)
        .says("10 of 10 chunks were run again, and gave the same");
    let some = verify("same", "20%").code(0).stderr;
    assert!(
        some.contains(" of 10 chunks") && !some.contains("10 of 10"),
        "{some}"
    );
    run(
        "zipped",
        &["--compress", "zst", "--", "./same.sh", ":::", "in.txt"],
    );
    verify("zipped", "50%").code(0);

    run("pid", &["--shell", "--", "sed s/$/$$/", ":::", "in.txt"]);
    verify("pid", "100%")
        .code(1)
        .says("chunk 0/3 (in.txt at byte 12288): your program gave two results\n");

    // Both runs give the same now, but not what they gave then.
    fs::write(&elsewhere, "then\n").expect("a file");
    run("reads", &["--shell", "--", &reads, ":::", "in.txt"]);
    verify("reads", "30%").code(0);
    fs::write(&elsewhere, "now\n").expect("a file");
    verify("reads", "30%")
        .code(1)
        .says("this one is not in the output");
}

#[test]
fn what_programs_gave_to_be_reduced_is_run_again_too() {
    let folder = numbers();
    let run = |out: &str, words: &[&str]| {
        let all = [words, &["--piece", "4KiB", "in.txt", "-o", out]].concat();
        exec(folder.path(), &all).code(0);
    };
    run("grouped", &["--map", "./same.sh", "--reduce", "cat"]);
    rerun(folder.path(), "grouped", "50%").code(0);
    run(
        "counted",
        &["--shell", "--map", "sed s/$/$$/", "--reduce", "count"],
    );
    rerun(folder.path(), "counted", "50%")
        .code(1)
        .says("your program gave two results");
}

#[test]
fn nothing_is_run_again_but_the_program_that_made_the_output() {
    let folder = numbers();
    let verify = |out: &str, share: &str| rerun(folder.path(), out, share);
    let words = ["--", "./same.sh", ":::", "in.txt"];
    let words = [&["-o", "same", "--each", "chunk"], &words[..]].concat();
    exec(folder.path(), &words).code(0);
    script(folder.path(), "same.sh", "#!/bin/sh\nsed s/0/x/\n");
    verify("same", "100%")
        .code(2)
        .says("same.sh is not the file that the output was made with");
    verify("same", "0%").code(2).says("no percentage");
    Ended::of(
        gristmill()
            .args(["run", "wc", "in.txt", "-o", "wc"])
            .current_dir(folder.path())
            .output()
            .expect("a run"),
    )
    .code(0);
    verify("wc", "1%").code(2).says("for outputs of exec");
}

#[test]
fn a_program_that_does_nothing_now_does_not_hold() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\nb\nc\n").expect("a file");
    let now = folder.path().join("now");
    let verify = |line: &str| {
        let line = format!("if [ -e {} ]; then {line}; fi; cat", now.display());
        let words = [
            "--each", "chunk", "--shell", "-o", "out", "--", &line, ":::", "in.txt",
        ];
        let _ = fs::remove_file(&now);
        let _ = fs::remove_dir_all(folder.path().join("out"));
        exec(folder.path(), &words).code(0);
        fs::write(&now, "").expect("a file");
        let mut command = gristmill();
        command.current_dir(folder.path());
        command.args(["verify", "out", "in.txt", "--rerun", "100%"]);
        Ended::of(command.output().expect("a run"))
    };
    // A file where its folder was.
    verify("rm -r \"$PWD\"; : >\"$PWD\"")
        .code(1)
        .says("cannot run a program");
    verify("exit 5")
        .code(1)
        .says("3 records are set aside now, 3 of them not in the output's quarantine");
    verify("true").code(0);
}
