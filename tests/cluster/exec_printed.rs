//! The command lines that help and documentation print, over a broker: the same bytes as in one
//! process, from programs that are confined.

use std::io::Write as _;
use std::process::Command;

use crate::corpus;
use crate::exec::Scene;

/// Has a job run over the broker and in one process; what mappers need travels with it.
fn same(scene: &Scene, job: &str, line: &str) {
    // Words are divided at white space, as what is printed has them.
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    scene.same(job, &words);
}

#[test]
fn the_printed_command_lines_give_the_same_bytes_over_a_broker() {
    let scene = Scene::new();
    let _mapper = scene.mapper(&["--exec", "any"]);
    let _reducer = crate::exec_reduce::reducer(&scene, &["--exec", "any"]);
    corpus::logs(&scene.desk.join("logs"));
    corpus::texts(&scene.desk.join("corpus"));
    scene.file("dict.txt", "GET\nPOST\n");
    scene.file("tag.py", "def tag(text):\n    return text.upper()\n");
    let sums = "#!/usr/bin/env python3\nimport itertools, sys\nopen('dict.txt').close()\n\
        pairs = (line.rstrip('\\n').split('\\t') for line in sys.stdin)\n\
        for key, group in itertools.groupby(pairs, key=lambda pair: pair[0]):\n    \
        print(key, sum(int(value) for _, value in group), sep='\\t')\n";
    scene.program("red.py", sums);
    same(
        &scene,
        "tagged",
        "--each record --python tag.py:tag corpus/",
    );
    scene.same(
        "columns",
        &["--each", "chunk", "--", "awk", "{print $9}", ":::", "logs/"],
    );
    same(
        &scene,
        "streaming",
        "--map ./map.py --reduce ./red.py --combine ./red.py --ship dict.txt logs/ --partitions 8",
    );
    same(&scene, "sums", "--map ./map.py --reduce sum logs/");
    if Command::new("tesseract").arg("--version").output().is_err() {
        let _ = writeln!(
            std::io::stderr(),
            "NOT TESTED: tesseract is missing (tests/all installs it)"
        );
        return;
    }
    // Pages with a bar: what tesseract makes of them does not matter, but that it runs.
    for (number, width) in [80, 160].into_iter().enumerate() {
        let row = |dark: usize| [vec![0; dark], vec![255; 200 - dark]].concat();
        let rows = (0..100).flat_map(|y| row(if y / 20 == 2 { width } else { 0 }));
        let page = [b"P5\n200 100\n255\n".to_vec(), rows.collect()].concat();
        std::fs::create_dir_all(scene.desk.join("scans")).expect("a folder");
        std::fs::write(scene.desk.join(format!("scans/{number}.pgm")), page).expect("a page");
    }
    let line = "--each document --max-document 12MiB --out json -- tesseract stdin stdout -l eng --psm 7 ::: scans";
    same(&scene, "ocr", line);
    scene.cluster.until_clean();
}
