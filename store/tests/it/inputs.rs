//! Inputs from a store: what comes out of them is what comes out of files.

use gristmill_input::{Halt, PlanError};
use gristmill_teststore::{Fault, Proxy, Server};

use crate::support::{self, gz, read, reader, stores, tar_of, zip_of};

const BUCKET: &str = "logs";

fn server() -> Server {
    Server::start(BUCKET)
}

/// So many lines of log.
fn lines(from: usize, count: usize) -> Vec<u8> {
    let line = |n: usize| format!("{n} {:x} GET /page-{} 200\n", n * 7919 % 65_521, n % 97);
    (from..from + count)
        .map(line)
        .collect::<String>()
        .into_bytes()
}

#[test]
fn the_same_text_comes_from_a_bucket_and_from_files() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let members: Vec<(String, Vec<u8>)> = (0..40)
        .map(|n| (format!("m{n:02}.txt"), support::noise(n, 200_000)))
        .collect();
    // Larger than what is read ahead, than one member's block, and than a zip that is one split.
    let files = [
        ("a/plain.log", lines(0, 200_000)),
        ("a/b.log.gz", gz(&lines(5, 300_000))),
        ("a/c.zip", zip_of(&members)),
        ("a/d.tar.gz", gz(&tar_of(&members[..5]))),
        ("a/e.empty", Vec::new()),
        ("a/f.cut.gz", gz(&lines(0, 50_000))[..40_000].to_vec()),
    ];
    for (name, content) in &files {
        server.put(BUCKET, name, content.clone());
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let stores = stores(&server.endpoint());
    let local = read(&stores, &[folder.path().join("a").to_str().unwrap()]).unwrap();
    let remote = read(&stores, &["s3://logs/a"]).unwrap();
    assert!(local.splits > files.len() && local.texts.len() > 40);
    assert_eq!(remote.splits, local.splits);
    assert_eq!(remote.texts.len(), local.texts.len());
    let (here, there) = (folder.path().to_str().unwrap(), "s3://logs");
    for ((name, text), (other, same)) in local.texts.iter().zip(&remote.texts) {
        assert_eq!(&name.replacen(here, there, 1), other);
        assert!(
            text == same,
            "{name}: {} and {} bytes",
            text.len(),
            same.len()
        );
    }
    // The cut-off archive gives its good part, and says the same of the rest.
    assert_eq!(remote.faults.len(), 1);
    assert_eq!(remote.faults[0].replacen(there, here, 1), local.faults[0]);
}

#[test]
fn prefixes_and_globs_name_objects_in_order() {
    let server = server();
    for key in [
        "2026-11-b/x.log",
        "2026-11.log",
        "2026-11/z.log",
        "2026-11/a/y.log",
        "2026-11/.git/h",
        "2026-12/q",
    ] {
        server.put(BUCKET, key, format!("{key}\n"));
    }
    server.put(BUCKET, "2026-11/", "");
    let stores = stores(&server.endpoint());
    let names = |url: &str| -> Vec<String> {
        let read = read(&stores, &[url]).unwrap();
        read.texts
            .iter()
            .map(|(_, text)| text.trim_end().to_owned())
            .collect()
    };
    assert_eq!(
        names("s3://logs/2026-11"),
        ["2026-11/a/y.log", "2026-11/z.log"]
    );
    assert_eq!(names("s3://logs/2026-11.log"), ["2026-11.log"]);
    assert_eq!(
        names("s3://logs/2026-11*/*.log"),
        ["2026-11-b/x.log", "2026-11/z.log"]
    );
    let all = [
        "2026-11-b/x.log",
        "2026-11.log",
        "2026-11/a/y.log",
        "2026-11/z.log",
        "2026-12/q",
    ];
    assert_eq!(names("s3://logs"), all);
    assert_eq!(names("s3://logs/2026-*"), all);
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, "s3://logs/2026-12/q\ns3://logs/2026-11.log\n").unwrap();
    assert_eq!(
        names(&format!("@{}", list.display())),
        ["2026-12/q", "2026-11.log"]
    );
}

#[test]
fn keys_of_any_kind_are_read_or_set_aside_by_name() {
    let server = server();
    let keys = [
        "a//b",
        "a/c d+e%20f.txt",
        "a/new\nline",
        "a/ä€\u{1F600}",
        "a/q?x=1&y#z",
        "a/%FF%00",
        "a/[1].log",
        "a/tab\tand\u{7}bell",
        "a/folder/",
        "a/~.-_!*'()",
    ];
    for key in keys {
        server.put(BUCKET, key, format!("text of {key}"));
    }
    server.put(BUCKET, "a/marker/", "");
    server.put(BUCKET, "a/x/../../secret", "hidden");
    server.put(BUCKET, "a/empty", "");
    let stores = stores(&server.endpoint());
    let read = read(&stores, &["s3://logs/a/"]).unwrap();
    let mut sorted = keys;
    sorted.sort_unstable();
    let texts: Vec<(String, String)> = (read
        .texts
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .cloned())
    .collect();
    let expected: Vec<(String, String)> = (sorted.iter())
        .map(|key| (format!("s3://logs/{key}"), format!("text of {key}")))
        .collect();
    assert_eq!(texts, expected);
    assert_eq!(read.faults.len(), 1, "{:?}", read.faults);
    assert!(read.faults[0].contains("s3://logs/a/x/../../secret") && read.faults[0].contains(".."));
    // A key with signs of a pattern is itself first.
    let one = support::read(&stores, &["s3://logs/a/[1].log"]).unwrap();
    assert_eq!(one.texts[0].1, "text of a/[1].log");
}

#[test]
fn a_listing_of_many_pages_is_whole() {
    let server = server();
    for n in 0..2_345 {
        server.put(BUCKET, &format!("many/{n:05}"), format!("{n}\n"));
    }
    let read = read(&stores(&server.endpoint()), &["s3://logs/many"]).unwrap();
    let expected: Vec<String> = (0..2_345).map(|n| format!("{n}\n")).collect();
    let texts: Vec<&String> = read.texts.iter().map(|(_, text)| text).collect();
    assert!(texts.into_iter().eq(&expected));
}

#[test]
fn folders_are_listed_beside_each_other_in_the_order_of_all_keys() {
    let server = server();
    let mut keys: Vec<String> = (0..1_500)
        .map(|n| format!("deep/one/{:02} ä+%/{n:04}", n % 7))
        .collect();
    // Of these a folder's keys stand between objects beside it.
    let beside = ["", "!", "-a", "/", "0", "/x/y"];
    keys.extend(beside.map(|end| format!("deep/one/03 ä+%{end}")));
    for key in &keys {
        server.put(BUCKET, key, format!("{key}\n"));
    }
    // A folder's own object is nothing to read.
    server.put(BUCKET, "deep/one/04 ä+%/", "");
    keys.sort();
    let proxy = Proxy::start(server.address(), |_, _| Fault::None);
    let stores = stores(&proxy.endpoint());
    let plan = support::plan(&stores, &["s3://logs/deep"]).unwrap();
    let names = plan
        .sources()
        .iter()
        .map(|source| String::from_utf8_lossy(&source.name));
    let expected: Vec<String> = keys.iter().map(|key| format!("s3://logs/{key}")).collect();
    assert!(names.eq(expected));
    let requests = proxy.requests();
    let below = requests.iter().filter(|line| line.contains("delimiter"));
    // The first page, the folder that all are in, the one in that, and what is there: 8 folders.
    assert_eq!(below.count(), 2, "{requests:?}");
    let folders = requests.iter().filter(|line| line.contains("one%2F0"));
    assert_eq!(folders.count(), 7, "{requests:?}");
}

#[test]
fn what_breaks_on_the_way_is_asked_for_again() {
    let server = server();
    let (plain, zip) = (
        lines(0, 150_000),
        zip_of(&[("m.txt".into(), lines(3, 100_000))]),
    );
    server.put(BUCKET, "t/a.log", plain.clone());
    server.put(BUCKET, "t/b.log.gz", gz(&plain));
    server.put(BUCKET, "t/c.zip", zip);
    let whole = read(&stores(&server.endpoint()), &["s3://logs/t"]).unwrap();
    // Each fault is met by listings, questions and answers of all sizes.
    let proxy = Proxy::start(server.address(), |number, _| match number % 7 {
        0 => Fault::Status(503),
        2 => Fault::Cut(70_000),
        3 => Fault::Close,
        4 => Fault::Status(429),
        6 => Fault::Cut(10),
        _ => Fault::None,
    });
    let broken = read(&stores(&proxy.endpoint()), &["s3://logs/t"]).unwrap();
    assert!(broken.texts == whole.texts && broken.faults.is_empty());
    assert!(proxy.requests().len() > 15, "{:?}", proxy.requests());
}

#[test]
fn an_object_that_changed_ends_the_job_by_its_name() {
    let server = server();
    server.put(BUCKET, "a.log", lines(0, 300_000));
    server.put(BUCKET, "b.log", "short");
    let stores = stores(&server.endpoint());
    let plan = support::plan(&stores, &["s3://logs/a.log", "s3://logs/b.log"]).unwrap();
    // Of the same size, so that only the tag tells.
    server.put(
        BUCKET,
        "a.log",
        lines(1_000_000, 300_000)[..lines(0, 300_000).len()].to_vec(),
    );
    let error = reader(&plan).unwrap_err();
    assert!(matches!(error, Halt::Changed { .. }), "{error}");
    assert!(
        error.to_string().contains("input changed: s3://logs/a.log"),
        "{error}"
    );
    server.put(BUCKET, "a.log", lines(0, 300_000));
    server.remove(BUCKET, "b.log");
    let error = reader(&plan).unwrap_err().to_string();
    assert!(
        error.contains("input changed: s3://logs/b.log: it is gone"),
        "{error}"
    );
}

#[test]
fn an_object_that_changes_while_it_is_read_is_no_mixture() {
    let server = std::sync::Arc::new(server());
    let old = lines(0, 400_000);
    server.put(BUCKET, "a.log", old.clone());
    let changing = std::sync::Arc::clone(&server);
    let proxy = Proxy::start(server.address(), move |number, _| {
        if number == 4 {
            changing.put(BUCKET, "a.log", lines(9, 400_000));
        }
        Fault::None
    });
    let error = read(&stores(&proxy.endpoint()), &["s3://logs/a.log"]).unwrap_err();
    assert!(error.contains("input changed"), "{error}");
}

#[test]
fn what_is_wrong_is_said_within_seconds() {
    let server = server();
    server.put(BUCKET, "a.log", "text");
    let begun = std::time::Instant::now();
    let reason = |result: Result<_, PlanError>| {
        result
            .map(|_: gristmill_input::Plan| ())
            .unwrap_err()
            .to_string()
    };
    let good = stores(&server.endpoint());
    let missing = reason(support::plan(&good, &["s3://other/a"]));
    assert!(
        missing.contains("s3://other/a: there is no such bucket"),
        "{missing}"
    );
    let nothing = reason(support::plan(&good, &["s3://logs/b"]));
    assert!(
        nothing.contains("s3://logs/b: there is no object of this name"),
        "{nothing}"
    );
    let wrong = support::stores_with(
        &server.endpoint(),
        &[("AWS_SECRET_ACCESS_KEY", "not-the-secret")],
    );
    let wrong = reason(support::plan(&wrong, &["s3://logs/a.log"]));
    assert!(
        wrong.contains("403 SignatureDoesNotMatch") && wrong.contains("credentials"),
        "{wrong}"
    );
    assert!(
        !wrong.contains("not-the-secret") && !wrong.contains(gristmill_teststore::KEY),
        "{wrong}"
    );
    let bad = reason(support::plan(&good, &["s3://me:hush@logs/a"]));
    assert!(
        bad.contains("s3://logs/a: holds a user") && !bad.contains("hush"),
        "{bad}"
    );
    assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
}

#[test]
fn a_server_that_is_not_there_is_given_up() {
    let server = server();
    let proxy = Proxy::start(server.address(), |_, _| Fault::Status(503));
    let begun = std::time::Instant::now();
    let busy = support::plan(&stores(&proxy.endpoint()), &["s3://logs/a"]).unwrap_err();
    assert!(busy.to_string().contains("503"), "{busy}");
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn web_servers_serve_single_objects_by_ranges() {
    let server = server();
    let text = lines(0, 100_000);
    server.put(BUCKET, "a.log.gz", gz(&text));
    server.put(BUCKET, "empty", "");
    let stores = stores(&server.endpoint());
    // A signed URL: what it is signed with is not shown.
    let url = support::signed(&server.endpoint(), BUCKET, "a.log.gz");
    let read = read(&stores, &[&url]).unwrap();
    assert_eq!(
        read.texts[0].0,
        format!("{}/logs/a.log.gz", server.endpoint())
    );
    assert!(read.texts[0].1.as_bytes() == text);
    let url = support::signed(&server.endpoint(), BUCKET, "empty");
    assert_eq!(support::read(&stores, &[&url]).unwrap().texts[0].1, "");
    let url = support::signed(&server.endpoint(), BUCKET, "gone");
    let gone = support::plan(&stores, &[&url]).unwrap_err().to_string();
    assert!(
        gone.contains("/logs/gone: there is no such object"),
        "{gone}"
    );
    assert!(!gone.contains("Signature"), "{gone}");
}
