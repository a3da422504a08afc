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

#[test]
fn a_worker_says_how_large_its_batches_may_be() {
    let folder = folder();
    let manual = include_str!("../../../docs/exec.md");
    let (_, perl) = manual.split_once("```perl\n").expect("a worker in Perl");
    let (perl, _) = perl.split_once("```").expect("its end");
    let line = "a line of eighty bytes, with its end, of which a worker is to get very many at\n";
    fs::write(folder.path().join("in.txt"), line.repeat(80_000)).expect("a file");
    // It answers each record with the size of the batch.
    let largest = |greeting: &str| {
        let mut worker = perl.to_owned();
        for (from, to) in [
            (r#"{"version":1}"#, greeting),
            (
                "my $documents",
                "my $size = length $frame;\n    my $documents",
            ),
            ("scalar reverse $record", "$size"),
        ] {
            assert!(worker.contains(from), "{from}");
            worker = worker.replace(from, to);
        }
        script(folder.path(), "worker.pl", &worker);
        let words = ["--worker", "-o", "-", "--", "./worker.pl", ":::", "in.txt"];
        let ended = exec(folder.path(), &words).code(0);
        let sizes = (ended.stdout.lines()).map(|size| size.parse::<u64>().expect("a number"));
        sizes.max().expect("lines")
    };
    // Beside the records there are their lengths, and a name.
    let bytes = |most: u64| most * 106 / 100 + 100;
    let usual = largest(r#"{"version":1}"#);
    assert!(usual > 4096 && usual < bytes(64 << 10), "{usual}");
    let small = largest(r#"{"version":1,"batch":1024}"#);
    assert!(small < bytes(1024), "{small}");
    let large = largest(r#"{"version":1,"batch":99999999}"#);
    assert!(
        large > bytes(128 << 10) && large < bytes(1 << 20),
        "{large}"
    );
}
