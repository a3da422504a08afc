//! `run exec` over scans and papers that the tests draw, with tesseract and pdftotext.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use crate::gristmill::{Ended, gristmill, read};

/// Whether a program is there; `tests/all` installs what tests need.
fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        let mut stderr = std::io::stderr();
        let _ = writeln!(
            stderr,
            "NOT TESTED: {program} is missing (tests/all installs it)"
        );
    }
    found
}

/// Letters of 5 x 7 points, a row of bits a line.
const LETTERS: [(char, [u8; 7]); 8] = [
    ('H', [0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11]),
    ('E', [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F]),
    ('L', [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F]),
    ('T', [0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04]),
    ('M', [0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11]),
    ('I', [0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E]),
    ('F', [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10]),
    ('N', [0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11]),
];

/// A page with one word, as a portable graymap.
fn page(word: &str) -> Vec<u8> {
    const POINT: usize = 8;
    let (width, height) = ((word.len() * 6 + 6) * POINT, 15 * POINT);
    let mut image = format!("P5\n{width} {height}\n255\n").into_bytes();
    for y in 0..height {
        for x in 0..width {
            let (column, row) = ((x / POINT).wrapping_sub(3), (y / POINT).wrapping_sub(4));
            let letter = word
                .chars()
                .nth(column / 6)
                .and_then(|wanted| LETTERS.iter().find(|(letter, _)| *letter == wanted));
            let dark = letter.is_some_and(|(_, rows)| {
                row < 7 && column % 6 < 5 && rows[row] >> (4 - column % 6) & 1 == 1
            });
            image.push(if dark { 0 } else { 255 });
        }
    }
    image
}

/// A zip of stored members.
fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut hasher = flate2::Crc::new();
        hasher.update(bytes);
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        for number in [hasher.sum(), bytes.len() as u32, bytes.len() as u32] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        let at = file.len() as u32;
        file.extend_from_slice(b"PK\x03\x04");
        file.extend_from_slice(&common);
        file.extend_from_slice(name.as_bytes());
        file.extend_from_slice(bytes);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (at, count) = (file.len() as u32, members.len() as u16);
    let len = directory.len() as u32;
    file.extend_from_slice(&directory);
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&[count.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend_from_slice(&[len.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend_from_slice(&[0, 0]);
    file
}

/// A PDF of one page with one line of text.
fn pdf(text: &str) -> Vec<u8> {
    let content = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 \
         5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        let _ = write!(file, "{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let at = file.len();
    let _ = write!(file, "xref\n0 6\n0000000000 65535 f \n");
    for place in places {
        let _ = writeln!(file, "{place:010} 00000 n ");
    }
    let _ = write!(
        file,
        "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n"
    );
    file
}

#[test]
fn tesseract_reads_a_zip_of_scans() {
    if !have("tesseract") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let words = ["HELLO", "MILL", "FIELD", "TEN"];
    let members: Vec<(String, Vec<u8>)> = (words.iter().enumerate())
        .map(|(number, word)| (format!("page-{number}.pgm"), page(word)))
        .collect();
    let members: Vec<(&str, Vec<u8>)> = members.iter().map(|(n, b)| (&n[..], b.clone())).collect();
    fs::write(folder.path().join("scans.zip"), zip(&members)).expect("a file");
    let mut command = gristmill();
    command.current_dir(folder.path());
    command.args(["run", "exec", "--each", "document", "-o", "ocr", "--"]);
    command.args([
        "tesseract",
        "stdin",
        "stdout",
        "-l",
        "eng",
        "--psm",
        "7",
        ":::",
        "scans.zip",
    ]);
    Ended::of(command.output().expect("a run")).code(0);
    let text = read(&folder.path().join("ocr"), "part-00000.txt");
    // What the same program reads from each page by itself.
    let mut expected = String::new();
    for (_, bytes) in &members {
        fs::write(folder.path().join("one.pgm"), bytes).expect("a file");
        let mut alone = Command::new("tesseract");
        alone
            .current_dir(folder.path())
            .env("OMP_THREAD_LIMIT", "1");
        alone.args(["one.pgm", "stdout", "-l", "eng", "--psm", "7"]);
        expected += &String::from_utf8_lossy(&alone.output().expect("tesseract").stdout);
    }
    assert_eq!(text, expected);
    assert!(text.contains("MILL"), "{text}");
}

#[test]
fn pdftotext_reads_papers_from_a_file_and_a_broken_one_is_set_aside() {
    if !have("pdftotext") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let papers = folder.path().join("papers");
    fs::create_dir(&papers).expect("a folder");
    fs::write(papers.join("a.pdf"), pdf("First paper")).expect("a file");
    fs::write(papers.join("b.pdf"), b"%PDF-1.4\nbroken").expect("a file");
    fs::write(
        papers.join("c.zip"),
        zip(&[("in/d.pdf", pdf("Second paper"))]),
    )
    .expect("a file");
    let mut command = gristmill();
    command.current_dir(folder.path());
    command.args(["run", "exec", "--each", "document", "-o", "text", "--"]);
    command.args(["pdftotext", "{}", "-", ":::", "papers"]);
    Ended::of(command.output().expect("a run")).code(3);
    let out = folder.path().join("text");
    assert_eq!(
        read(&out, "part-00000.txt"),
        "First paper\n\n\u{c}\nSecond paper\n\n\u{c}\n"
    );
    let entries = read(&out, "quarantine.jsonl");
    assert!(
        entries.contains("papers/b.pdf") && entries.contains("exit status 1"),
        "{entries}"
    );
    assert!(entries.contains("trailer"), "{entries}");
}

#[test]
fn an_office_file_is_a_document_and_another_zip_is_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let office = zip(&[
        ("[Content_Types].xml", b"<x/>".to_vec()),
        ("word/document.xml", b"<y/>".to_vec()),
    ]);
    let inputs = folder.path().join("in");
    fs::create_dir(&inputs).expect("a folder");
    fs::write(inputs.join("a.docx"), &office).expect("a file");
    fs::write(
        inputs.join("b.zip"),
        zip(&[("a.docx", office.clone()), ("c.txt", b"text\n".to_vec())]),
    )
    .expect("a file");
    fs::write(inputs.join("d.jar.gz"), crate::corpus::gzip(b"kept\n")).expect("a file");
    let mut command = gristmill();
    command.current_dir(folder.path());
    command.args([
        "run", "exec", "--each", "document", "--whole", "*.jar.gz", "-o", "-", "--shell",
    ]);
    command.args(["--", "echo $GRISTMILL_DOCUMENT $(wc -c)", ":::", "in"]);
    let ended = Ended::of(command.output().expect("a run")).code(0);
    let (office, packed) = (office.len(), crate::corpus::gzip(b"kept\n").len());
    assert_eq!(
        ended.stdout,
        format!(
            "in/a.docx {office}\nin/b.zip!/a.docx {office}\nin/b.zip!/c.txt 5\nin/d.jar.gz {packed}\n"
        )
    );
}

#[test]
fn a_dry_run_shows_the_documents_that_are_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect(name);
    write("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    write("b.zip", &zip(&[("x.txt", b"text\n".to_vec())]));
    write("c.docx", &zip(&[("[Content_Types].xml", b"<x/>".to_vec())]));
    let formats = |whole: &[&str]| -> Vec<String> {
        let mut command = gristmill();
        command.current_dir(folder.path());
        command.args(["run", "exec", "--each", "document", "--dry-run"]);
        command.args(whole).args(["--", "wc", "-c", ":::", "."]);
        let ended = Ended::of(command.output().expect("a run")).code(0);
        let rows = ended.stdout.lines().skip(1).take(3);
        let format = |row: &str| row.split('\t').next().unwrap_or_default().to_owned();
        rows.map(format).collect()
    };
    assert_eq!(formats(&[]), ["document", "zip", "document"]);
    assert_eq!(formats(&["--whole", "*.zip"]), ["document"; 3]);
}
