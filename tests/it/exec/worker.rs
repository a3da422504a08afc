//! A worker in another language.

use super::*;
use crate::corpus;

#[test]
fn the_worker_of_the_documentation_works() {
    let folder = folder();
    let manual = include_str!("../../../docs/exec.md");
    let (_, perl) = manual.split_once("```perl\n").expect("a worker in Perl");
    let (perl, _) = perl.split_once("```").expect("its end");
    script(folder.path(), "worker.pl", perl);
    corpus::logs(&folder.path().join("logs"));
    let words = ["--worker", "-o", "-", "--", "./worker.pl", ":::", "logs"];
    let ended = exec(folder.path(), &words).code(0);
    let expected = shell(
        folder.path(),
        "for f in $(find logs -type f | sort); do zcat -f $f | perl -ne 'chomp; print scalar reverse($_), \
         \"\\n\"'; done",
    );
    assert_eq!(ended.stdout, expected);
    // Its lines are pairs for a reduction.
    let words = [
        "--worker",
        "--reduce",
        "count",
        "-o",
        "-",
        "--",
        "./worker.pl",
        ":::",
        "logs",
    ];
    let counted = exec(folder.path(), &words).code(0).stdout;
    fs::write(folder.path().join("reversed"), &expected).expect("a file");
    let expected = shell(
        folder.path(),
        "cut -f1 reversed | sort | uniq -c | wc -l; wc -l < reversed",
    );
    let sum: u64 = counted
        .lines()
        .filter_map(|line| line.rsplit_once('\t')?.1.parse::<u64>().ok())
        .sum();
    assert_eq!(format!("{}\n{sum}\n", counted.lines().count()), expected);
}
