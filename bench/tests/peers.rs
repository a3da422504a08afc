//! The peers' scripts do the jobs as defined: on a few hand-written lines each gives the result
//! worked out by hand. Tools that are not installed are named and left out.

// Whoever reads a test's output wants to know what it left out.
#![allow(clippy::print_stderr)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LOGS: [&str; 2] = [
    "\
1.1.1.1 - - [01/Mar/2025:00:00:01 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x (\\\"y\\\")\"
1.1.1.1 - - [01/Mar/2025:00:0
9.9.9.9 - frank [01/Mar/2025:00:00:02 +0000] \"GET /robots.txt HTTP/1.0\" 200 5 \"-\" \"bot\"
[Sat Mar 01 12:00:00 2025] [error] [client 1.1.1.1] File does not exist: /var/www/robots.txt
2001:db8::1 - - [01/Mar/2025:00:00:03 +0000] \"POST /b?q=1 HTTP/1.1\" 503 - \"http://h/robots.txt\" \"-\"
",
    "\
9.9.9.9 - - [02/Mar/2025:00:00:01 +0000] \"GET /robots.txt HTTP/1.1\" 304 - \"-\" \"bot\"
@~^{}0123
2.2.2.2 - - [02/Mar/2025:00:00:02 +0000] \"HEAD /robots.txt?x HTTP/1.1\" 404 - \"-\" \"bot\"
1.1.1.1 - - [02/Mar/2025:00:00:02 +0000] \"GET /a HTTP/1.1\" 200 5 \"http://h/\" \"x\"
2.2.2.2 - - [02/Mar/2025:00:00:0",
];
const TEXTS: [&str; 2] = [
    "The mill's wheel, the\nMILL'S 12 wheels.\n\n",
    "Wheel-the; x2y\n",
];
const REGEX: &str = "\"(GET|POST) [^ ]+ HTTP/1[.][01]\" (404|50[0-9]) ";

fn expected(job: &str) -> String {
    match job {
        "status" => "200\t3\n304\t1\n404\t1\n503\t1\n".to_owned(),
        "robots" => "9.9.9.9\t2\n".to_owned(),
        "path" => "/a\t2\n/robots.txt\t2\n/b?q=1\t1\n/robots.txt?x\t1\n".to_owned(),
        "words" => "mill's\t2\nthe\t3\nwheel\t2\nwheels\t1\nx\t1\ny\t1\n".to_owned(),
        "grep" => LOGS[0]
            .lines()
            .nth(4)
            .map(|line| format!("{line}\n"))
            .unwrap(),
        other => panic!("no such job: {other}"),
    }
}

fn folder_of(dir: &Path, files: [&str; 2]) {
    fs::create_dir(dir).unwrap();
    for (n, text) in files.iter().enumerate() {
        let file = File::create(dir.join(format!("{n}.gz"))).unwrap();
        let mut gzip = GzEncoder::new(file, Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap();
    }
}

fn installed(words: &[&str]) -> bool {
    let there = Command::new(words[0])
        .args(&words[1..])
        .output()
        .is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("not installed: {}", words.join(" "));
    }
    there
}

fn output(program: &Path, words: &[&str]) -> String {
    let run = Command::new(program).args(words).output().unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "{} {words:?}: {errors}",
        program.display()
    );
    String::from_utf8(run.stdout).unwrap()
}

fn check_awk(unzip: &str, awk: &str) {
    let temp = tempfile::tempdir().unwrap();
    let (logs, texts) = (temp.path().join("logs"), temp.path().join("texts"));
    folder_of(&logs, LOGS);
    folder_of(&texts, TEXTS);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/awk.sh");
    for job in ["status", "robots", "path", "words"] {
        let input = if job == "words" { &texts } else { &logs };
        let found = output(&script, &[unzip, awk, job, input.to_str().unwrap()]);
        assert_eq!(found, expected(job), "{job} with {unzip} and {awk}");
    }
}

fn check_python(library: &str, jobs: &[&str]) {
    let temp = tempfile::tempdir().unwrap();
    let (logs, texts) = (temp.path().join("logs"), temp.path().join("texts"));
    folder_of(&logs, LOGS);
    folder_of(&texts, TEXTS);
    let script = format!("{}/peers/with_{library}.py", env!("CARGO_MANIFEST_DIR"));
    for &job in jobs {
        let input = if job == "words" { &texts } else { &logs };
        let mut words = vec!["-B", &script, job, input.to_str().unwrap()];
        if job == "grep" {
            words.push(REGEX);
        }
        assert_eq!(
            output(Path::new("python3"), &words),
            expected(job),
            "{job} with {library}"
        );
    }
}

#[test]
fn awk_gives_the_result_worked_out_by_hand() {
    if installed(&[
        "bash",
        "-c",
        "command -v xargs && command -v zcat && command -v awk",
    ]) {
        check_awk("zcat", "awk");
    }
    if installed(&["bash", "-c", "command -v igzip && command -v mawk"]) {
        check_awk("igzip", "mawk");
    }
}

#[test]
fn python_libraries_give_the_result_worked_out_by_hand() {
    let counts = ["status", "robots", "path", "words"];
    let all = ["status", "robots", "path", "words", "grep"];
    if installed(&["python3", "--version"]) {
        check_python("pool", &all);
    }
    if installed(&["python3", "-c", "import polars"]) {
        check_python("polars", &all);
    }
    if installed(&["python3", "-c", "import duckdb"]) {
        check_python("duckdb", &all);
    }
    if installed(&["python3", "-c", "import dask.bag"]) {
        check_python("dask", &counts);
    }
}

#[test]
fn ripgrep_gives_the_lines_in_input_order() {
    if !installed(&[
        "bash",
        "-c",
        "command -v igzip && command -v rg && command -v xargs",
    ]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let logs = temp.path().join("logs");
    folder_of(&logs, LOGS);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/igzip-rg.sh");
    assert_eq!(
        output(&script, &[REGEX, logs.to_str().unwrap()]),
        expected("grep")
    );
}

#[test]
fn pool_counts_the_members_of_a_zip() {
    if !installed(&["python3", "--version"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("texts.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (n, text) in TEXTS.iter().enumerate() {
        zip.start_file(format!("t/{n}.txt"), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let script = format!("{}/peers/with_pool.py", env!("CARGO_MANIFEST_DIR"));
    let found = output(
        Path::new("python3"),
        &["-B", &script, "wc", path.to_str().unwrap()],
    );
    assert_eq!(
        found,
        "{\"name\": \"t/0.txt\", \"lines\": 3, \"words\": 7, \"bytes\": 41}\n\
         {\"name\": \"t/1.txt\", \"lines\": 1, \"words\": 2, \"bytes\": 15}\n"
    );
}

/// The whole command: every installed tool of every job gives the same result on generated data.
#[test]
fn run_finds_no_difference_on_a_little_generated_data() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    let bench = Path::new(env!("CARGO_BIN_EXE_gristmill-bench"));
    let dir = dir.to_str().unwrap();
    output(bench, &["generate", "--dir", dir, "--scale", "0.0005"]);
    let nowhere = temp.path().join("gristmill");
    let nowhere = nowhere.to_str().unwrap();
    let table = output(
        bench,
        &["run", "--dir", dir, "--runs", "1", "--gristmill", nowhere],
    );
    assert!(
        !table.contains("DIFFERS") && !table.contains("failed"),
        "{table}"
    );
    for job in ["status", "robots", "path", "words", "grep", "wc"] {
        assert!(
            table.contains(&format!("\n{job}: gristmill run ")),
            "{table}"
        );
    }
    assert!(table.contains("not built"), "{table}");
}
