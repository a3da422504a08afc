//! The documentation's commands, run as a reader would; its messages, looked up in the sources.
//!
//! In a page, ```` ```sh ```` blocks set something up, and each `$ ` line of a ```` ```console ````
//! block prints what follows it; `…` there stands for any text. A page runs from top to bottom in
//! one empty folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// Put before a command's number, so that its output is found again.
const MARK: char = '\u{2}';

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn page(name: &str) -> String {
    let path = docs().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A command of a page, and the lines it shall print.
struct Shown<'a> {
    command: &'a str,
    output: String,
}

/// The page as one script that marks where a command's output begins, and its commands in order.
fn script(page: &str) -> (String, Vec<Shown<'_>>) {
    let block = Regex::new(r"(?ms)^```(sh|console)\n(.*?)^```$").expect("a pattern");
    // A command's exit code is there for `echo $?`, as in a terminal.
    let mut script = String::from("exec 2>&1\ncode=0\n");
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for block in block.captures_iter(page) {
        let text = block.get(2).expect("a group").as_str();
        if &block[1] == "sh" {
            let _ = write!(script, "set -e\n{text}set +e\n");
            continue;
        }
        for line in text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                let number = shown.len();
                let _ = writeln!(
                    script,
                    "printf '\\n{MARK}{number}\\n'\n(exit $code)\n{command}\ncode=$?"
                );
                let output = String::new();
                shown.push(Shown { command, output });
            } else {
                let last = shown.last_mut().expect("a block begins with a command");
                last.output += line;
                last.output.push('\n');
            }
        }
    }
    (script, shown)
}

/// What each command of `page` printed, by its number.
fn run(script: &str, variables: &[(&str, &str)]) -> BTreeMap<usize, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = Path::new(env!("CARGO_BIN_EXE_gristmill"));
    let beside = binary.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder.path())
        .env("PATH", format!("{beside}:{path}"))
        .env("LC_ALL", "C.UTF-8")
        .envs(variables.iter().copied())
        .output()
        .expect("bash starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mark = format!("\n{MARK}");
    let parts = text.split(&mark).skip(1);
    parts
        .map(|part| part.split_once('\n').expect("a number's line"))
        .map(|(number, said)| (number.parse().expect("a number"), said.to_owned()))
        .collect()
}

fn fits(expected: &str, said: &str) -> bool {
    let pattern = regex::escape(expected.trim_end()).replace('…', ".*?");
    let pattern = Regex::new(&format!("^{pattern}$")).expect("a pattern");
    pattern.is_match(said.trim_end())
}

#[track_caller]
fn prints_what_it_shows(name: &str, at_least: usize) {
    prints_with(name, at_least, &[]);
}

/// The same, with these variables.
#[track_caller]
fn prints_with(name: &str, at_least: usize, variables: &[(&str, &str)]) {
    let page = page(name);
    let (script, shown) = script(&page);
    assert!(shown.len() >= at_least, "{name}: {} commands", shown.len());
    let said = run(&script, variables);
    for (number, Shown { command, output }) in shown.iter().enumerate() {
        let said = said
            .get(&number)
            .map_or("(it was not reached)", |said| said);
        assert!(
            fits(output, said),
            "{name}: $ {command}\n{said}\nbut the page shows\n{output}"
        );
    }
}

#[test]
fn getting_started_prints_what_it_shows() {
    prints_what_it_shows("getting-started.md", 4);
}

#[test]
fn the_cookbook_prints_what_it_shows() {
    prints_what_it_shows("cookbook.md", 20);
}

#[test]
fn grouping_prints_what_it_shows() {
    prints_what_it_shows("group-by.md", 6);
}

#[test]
fn object_storage_prints_what_it_shows() {
    let server = gristmill_teststore::Server::start("logs");
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/logs");
    for entry in std::fs::read_dir(logs).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let content = std::fs::read(&path).expect("a file");
        server.put("logs", &format!("2025/{name}"), content);
    }
    let user = [
        ("AWS_ACCESS_KEY_ID", gristmill_teststore::KEY),
        ("AWS_SECRET_ACCESS_KEY", gristmill_teststore::SECRET),
        ("AWS_ENDPOINT_URL", &server.endpoint()),
    ];
    prints_with("object-storage.md", 7, &user);
}

#[test]
fn other_languages_print_what_they_show() {
    prints_what_it_shows("languages.md", 3);
}

/// The text of every source file, with string literals that go on in the next line put together.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !["target", "tests", "docs", "out"].contains(&&*name) && !name.starts_with('.') {
                sources(&path, text);
            }
        } else if name.ends_with(".rs") {
            *text += &std::fs::read_to_string(&path).expect("text");
        }
    }
}

#[test]
fn every_message_of_troubleshooting_is_one_that_the_program_says() {
    let mut text = String::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")), &mut text);
    let joined = Regex::new(r"\\\n\s*")
        .expect("a pattern")
        .replace_all(&text, "");
    // `{placeholders}` are what differs, and so are the names of constants that stand for file
    // names.
    let joined = joined.replace("{MANIFEST}", "manifest.json");
    let page = page("troubleshooting.md");
    let headings: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `"))
        .collect();
    assert!(headings.len() >= 10, "{headings:?}");
    for heading in headings {
        let message = heading.strip_suffix('`').expect("a message in backticks");
        for fragment in message.split('…').filter(|fragment| fragment.len() > 3) {
            let fragment = fragment.trim();
            assert!(
                joined.contains(fragment),
                "{message:?}: nobody says {fragment:?}"
            );
        }
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_to_a_file() {
    let summary = page("SUMMARY.md");
    let link = Regex::new(r"\]\(([^)#]+)(?:#[^)]*)?\)").expect("a pattern");
    for entry in std::fs::read_dir(docs()).expect("a folder") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        let Some(stem) = name.strip_suffix(".md") else {
            continue;
        };
        let listed = summary.contains(&format!("({stem}.md)")) || stem == "SUMMARY";
        assert!(listed, "{name} is not in SUMMARY.md");
        for link in link.captures_iter(&page(&name)) {
            let target = &link[1];
            let elsewhere = target.starts_with("https://");
            assert!(
                elsewhere || docs().join(target).exists(),
                "{name}: {target}"
            );
        }
    }
}
