//! I8: memory does not grow with the input.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::corpus;
use crate::gristmill::gristmill;

/// Runs a job over `input` and returns its peak resident memory in KiB. The kernel's high-water
/// mark only rises, so the last look before the end is the peak, or a little less.
pub(crate) fn peak(words: &[&str], input: &Path) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut child = gristmill()
        .args(words)
        .arg(input)
        .arg("-o")
        .arg(folder.path().join("out"))
        .args(["--threads", "2", "-q"])
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(code) = child.try_wait().unwrap() {
            assert_eq!(code.code(), Some(0), "{words:?}");
            return peak;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kib) = mark.and_then(|mark| mark.trim().strip_suffix(" kB")) {
            peak = kib.trim().parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes `copies` of one text into one gzip file.
fn text(path: &Path, copies: usize) {
    let prose = corpus::prose(5, 200_000);
    let mut file = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    for _ in 0..copies {
        file.write_all(prose.as_bytes()).unwrap();
    }
    file.finish().unwrap();
}

#[test]
fn i8_ten_times_the_input_takes_no_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (one, ten) = (folder.path().join("one.gz"), folder.path().join("ten.gz"));
    text(&one, 10);
    text(&ten, 100);
    for words in [
        &["run", "wc"][..],
        &["run", "grep", "mill"],
        &["run", "word-count"],
    ] {
        let (one, ten) = (peak(words, &one), peak(words, &ten));
        // A quarter and 16 MiB for the allocator; the text is 25 MB, then 250.
        assert!(
            ten < one + one / 4 + (16 << 10),
            "{words:?}: {one} KiB, then {ten} KiB"
        );
    }
}

/// The pairs are sorted on disk and streamed to the program.
#[test]
fn i8_four_times_the_pairs_take_no_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (one, four) = (folder.path().join("one.gz"), folder.path().join("four.gz"));
    text(&one, 4);
    text(&four, 16);
    let words = [
        "run", "exec", "--map", "cat", "--reduce", "cat", "--memory", "16MiB",
    ];
    let (one, four) = (peak(&words, &one), peak(&words, &four));
    assert!(
        four < one + one / 4 + (8 << 10),
        "{one} KiB, then {four} KiB"
    );
}
