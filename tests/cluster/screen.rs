//! `status --watch` on a terminal: one screen, and the terminal as it was when it ends.

use std::process::Command;

use crate::cluster::{Cluster, text};
use crate::corpus;
use crate::terminal::Terminal;

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

fn submitted(cluster: &Cluster) {
    let input = cluster.folder.path().join("text.txt");
    std::fs::write(&input, corpus::prose(5, 3000)).expect("a file");
    let line = ["produce", "word-count", text(&input), "--job", "words"];
    cluster.run(&line).code(0);
}

/// A program that runs a command, which stands behind the program's own words.
fn under(program: &str, words: &[&str], command: &Command) -> Command {
    let mut line = Command::new(program);
    line.args(words)
        .arg(command.get_program())
        .args(command.get_args());
    let set = command.get_envs();
    line.envs(set.filter_map(|(name, value)| Some((name, value?))));
    line
}

/// What is on the screen last: everything after it was drawn from its first row.
fn screen(shown: &str) -> &str {
    shown.rsplit("\u{1b}[H").next().unwrap_or_default()
}

/// The terminal was taken as often as it was given back, and what is written behind is plain.
#[track_caller]
fn assert_left(shown: &str) -> &str {
    let count = |what| shown.matches(what).count();
    assert!(
        count(ENTER) > 0 && count(ENTER) == count(LEAVE),
        "{shown:?}"
    );
    for (taken, given) in [("\u{1b}[?25l", "\u{1b}[?25h"), ("\u{1b}[?7l", "\u{1b}[?7h")] {
        assert_eq!(count(taken), count(given), "{shown:?}");
    }
    let (_, behind) = shown.rsplit_once(LEAVE).expect("it was given back");
    assert!(!behind.contains('\u{1b}'), "{behind:?}");
    behind
}

#[test]
fn a_job_is_watched_on_one_screen_to_its_end() {
    let cluster = Cluster::new();
    submitted(&cluster);
    let watch = cluster.command(&["status", "--watch"]);
    let terminal = Terminal::start(&watch, 100, 24);
    let before = terminal.settings();
    terminal.until("the job", |shown| {
        screen(shown).contains("waits for a mapper: none seen")
    });
    let shown = terminal.shown();
    assert!(shown.contains("\u{1b}[1mwords"), "{shown:?}");
    assert!(screen(&shown).contains("░░░░") && screen(&shown).contains("0.0%"));
    // A narrower window is drawn at once, and nothing is wider than it.
    terminal.resize(30, 8);
    terminal.until("a narrower screen", |shown| {
        let screen = screen(shown);
        screen.ends_with("\u{1b}[J") && screen.contains("words") && !screen.contains('░')
    });
    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    let format = |settings| format!("{settings:?}");
    assert_eq!(format(terminal.settings()), format(before));
    let (status, shown) = terminal.ended();
    assert!(status.success(), "{status}: {shown:?}");
    // The end stays on the terminal.
    let behind = assert_left(&shown);
    assert!(behind.contains("words  finished  since"), "{behind:?}");
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    let cluster = Cluster::new();
    submitted(&cluster);
    let mut watch = cluster.command(&["status", "words", "--watch"]);
    watch.env("NO_COLOR", "1");
    let mut terminal = Terminal::start(&watch, 80, 24);
    terminal.until("the job", |shown| {
        screen(shown).contains("waits for a mapper")
    });
    assert!(!terminal.shown().contains("\u{1b}[1m"));
    // It is no shell's job, so Ctrl-Z does nothing.
    terminal.press(b"\x1a");
    terminal.press(b"\x03");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(130), "{shown:?}");
    assert_left(&shown);
}

/// As in a container that a session outside started: processes' sessions and groups read 0 there.
#[test]
#[expect(clippy::print_stderr, reason = "what is not checked is told")]
fn ctrl_z_does_nothing_where_the_session_is_led_from_outside() {
    let namespaces = ["--user", "--map-root-user", "--pid", "--fork"];
    let shell = ["sh", "-c", "\"$@\"; exit $?", "sh"];
    let unshare = |command: &Command| {
        let words = [&namespaces[..], &shell].concat();
        under("unshare", &words, command)
    };
    let tried = unshare(&Command::new("true")).output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("NOT CHECKED: this system lets nobody make namespaces");
        return;
    }
    let cluster = Cluster::new();
    submitted(&cluster);
    let watch = cluster.command(&["status", "words", "--watch"]);
    let mut terminal = Terminal::start(&unshare(&watch), 80, 24);
    terminal.until("the job", |shown| {
        screen(shown).contains("waits for a mapper")
    });
    let drawn = |shown: &str| shown.matches("\u{1b}[H").count();
    // Signals that came together are taken in any order: so that a Ctrl-Z is taken before the
    // Ctrl-C, there are several, and a screen is waited for behind each.
    for width in [79, 80, 79, 80, 79, 80] {
        let before = drawn(&terminal.shown());
        terminal.press(b"\x1a");
        terminal.resize(width, 24);
        terminal.until("a new screen", |shown| drawn(shown) > before);
    }
    terminal.press(b"\x03");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(130), "{shown:?}");
    assert_left(&shown);
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell() {
    let cluster = Cluster::new();
    submitted(&cluster);
    let watch = cluster.command(&["status", "words", "--watch"]);
    let words = ["-mc", "\"$@\"; echo in the shell; fg > /dev/null", "bash"];
    let mut shell = under("bash", &words, &watch);
    shell.env("TERM", "xterm");
    let mut terminal = Terminal::start(&shell, 80, 24);
    let drawn = |shown: &str| screen(shown).contains("waits for");
    terminal.until("the job", drawn);
    terminal.press(b"\x1a");
    terminal.until("the screen again", |shown| {
        shown.matches(ENTER).count() == 2 && drawn(shown)
    });
    terminal.press(b"\x03");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(130), "{shown:?}");
    assert_left(&shown);
    let (first, _) = shown.split_once("in the shell").expect("the shell goes on");
    assert_left(
        first
            .split_inclusive(LEAVE)
            .next()
            .expect("the first screen"),
    );
}

#[test]
fn without_a_terminal_or_on_a_dumb_one_there_are_plain_lines() {
    let cluster = Cluster::new();
    let nothing = cluster.run(&["status", "--watch"]).code(0).stdout;
    assert_eq!(nothing, "no jobs\n");
    submitted(&cluster);
    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    let ended = cluster.run(&["status", "words", "--watch"]).code(0);
    assert!(ended.stdout.contains("words  finished"), "{ended:#?}");
    assert!(!ended.stdout.contains('\u{1b}'), "{ended:#?}");
    let mut dumb = cluster.command(&["status", "--watch"]);
    dumb.env("TERM", "dumb");
    let (status, shown) = Terminal::start(&dumb, 80, 24).ended();
    assert!(
        status.success() && shown.contains("words  finished"),
        "{shown:?}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    // A job that is not there is said before any screen.
    let (status, shown) =
        Terminal::start(&cluster.command(&["status", "no", "--watch"]), 80, 24).ended();
    assert_eq!(status.code(), Some(2), "{shown:?}");
    assert!(
        shown.contains("there is no job no") && !shown.contains('\u{1b}'),
        "{shown:?}"
    );
}
