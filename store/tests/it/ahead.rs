//! Many small objects: asked for before their turn, and read as if each were asked for at its turn.

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_input::{Halt, Plan, Reading, read_all};
use gristmill_teststore::{Fault, Proxy, Server};

use crate::support::{self, Nowhere, gz, read, reader, spec, stores};

const BUCKET: &str = "logs";
/// Longer than anything here takes: then a test fails instead of waiting on.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gate in a proxy: requests for objects wait at it until so many have come.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Seen>, Condvar)>);

#[derive(Default)]
struct Seen {
    /// The objects' keys, as they came.
    keys: Vec<String>,
    gave_up: bool,
}

impl Gate {
    /// Waits until what was seen is enough.
    fn until(&self, enough: impl Fn(&[String]) -> bool) {
        let (seen, changed) = &*self.0;
        let seen = seen.lock().unwrap();
        let waited = changed.wait_timeout_while(seen, PATIENCE, |seen| !enough(&seen.keys));
        let (mut seen, timeout) = waited.unwrap();
        seen.gave_up |= timeout.timed_out();
    }

    /// Notes an object that is asked for; none if the request is about something else.
    fn note(&self, line: &str) -> Option<String> {
        let (_, url) = line.split_once(' ')?;
        let key = url.strip_prefix("/logs/many/")?.split(' ').next()?;
        let (seen, changed) = &*self.0;
        seen.lock().unwrap().keys.push(key.to_owned());
        changed.notify_all();
        Some(key.to_owned())
    }

    /// A gate, and a proxy before a server: each request for an object goes through `pass` with the
    /// object's key.
    fn before(
        server: &Server,
        pass: impl Fn(&Self, &str, &str) + Send + Sync + 'static,
    ) -> (Self, Proxy) {
        let gate = Self::default();
        let seen = gate.clone();
        let proxy = Proxy::start(server.address(), move |_, line| {
            if let Some(key) = seen.note(line) {
                pass(&seen, line, &key);
            }
            Fault::None
        });
        (gate, proxy)
    }

    fn keys(&self) -> Vec<String> {
        let seen = self.0.0.lock().unwrap();
        assert!(
            !seen.gave_up,
            "what was waited for did not come: {:?}",
            seen.keys
        );
        seen.keys.clone()
    }
}

/// A server with so many objects below `many/`, and what is in them.
fn server(count: usize) -> (Server, Vec<String>) {
    let server = Server::start(BUCKET);
    let texts: Vec<String> = (0..count).map(|n| format!("{n}\n")).collect();
    for (n, text) in texts.iter().enumerate() {
        // Some packed, some plain.
        match n % 3 {
            0 => server.put(BUCKET, &format!("many/{n:05}.gz"), gz(text.as_bytes())),
            _ => server.put(BUCKET, &format!("many/{n:05}"), text.clone()),
        }
    }
    (server, texts)
}

/// Reads a plan on two threads, and throws away what it gives.
fn read_on_two(plan: &Plan, shutdown: &Shutdown) -> Result<u64, Halt> {
    let (progress, spec) = (Progress::default(), spec());
    let reading = Reading::new(plan, &spec, std::env::temp_dir(), &progress, shutdown)?;
    let two = NonZeroUsize::new(2).unwrap();
    let seal = read_all(&reading, two, &|_| None, || Nowhere)?;
    Ok(seal.records.iter().sum())
}

#[test]
fn objects_of_one_split_are_on_their_way_at_once_and_come_out_in_order() {
    let (server, texts) = server(400);
    let (gate, proxy) = Gate::before(&server, |gate, _, _| gate.until(|keys| keys.len() >= 33));
    let read = read(&stores(&proxy.endpoint()), &["s3://logs/many"]).unwrap();
    assert_eq!(read.splits, 1);
    assert!(read.texts.iter().map(|(_, text)| text).eq(&texts));
    let mut keys = gate.keys();
    assert_eq!(keys.len(), 400, "each is one request");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 400);
}

#[test]
fn objects_of_many_splits_are_on_their_way_at_once() {
    // Each is a split of its own.
    let server = Server::start(BUCKET);
    let text = support::noise(1, 600_000);
    for n in 0..70 {
        server.put(BUCKET, &format!("many/{n:05}"), text.clone());
    }
    // 32 MiB hold 55 of them, beside the one that each thread reads.
    let (gate, proxy) = Gate::before(&server, |gate, _, _| gate.until(|keys| keys.len() >= 50));
    let plan = support::plan(&stores(&proxy.endpoint()), &["s3://logs/many"]).unwrap();
    assert_eq!(plan.splits().len(), 70);
    let records = read_on_two(&plan, &Shutdown::new()).unwrap();
    let lines = text.split(|&byte| byte == b'\n').count();
    assert_eq!(records, 70 * lines as u64);
    assert_eq!(gate.keys().len(), 70);
}

#[test]
fn the_first_that_cannot_be_read_is_the_one_that_is_told() {
    let (server, _) = server(100);
    // Of two that are gone, the answer of the second comes first.
    let (gate, proxy) = Gate::before(&server, |gate, _, key| {
        if key == "00040" {
            gate.until(|keys| keys.iter().any(|key| key == "00050"));
        }
    });
    let plan = support::plan(&stores(&proxy.endpoint()), &["s3://logs/many"]).unwrap();
    server.remove(BUCKET, "many/00040");
    server.remove(BUCKET, "many/00050");
    let error = reader(&plan).unwrap_err();
    assert!(matches!(error, Halt::Changed { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("s3://logs/many/00040: it is gone"),
        "{error}"
    );
    assert!(gate.keys().iter().all(|key| &key[..5] < "00073"));
}

#[test]
fn what_breaks_on_the_way_of_many_is_asked_for_again() {
    let (server, texts) = server(100);
    let proxy = Proxy::start(server.address(), |number, _| match number % 9 {
        1 => Fault::Status(503),
        4 => Fault::Close,
        7 => Fault::Cut(1),
        _ => Fault::None,
    });
    let read = read(&stores(&proxy.endpoint()), &["s3://logs/many"]).unwrap();
    assert!(read.texts.iter().map(|(_, text)| text).eq(&texts));
    assert!(read.faults.is_empty());
}

#[test]
fn a_stop_does_not_wait_for_what_is_on_its_way() {
    let (server, _) = server(200);
    let stopped = Shutdown::new();
    let stop = stopped.clone();
    let (gate, proxy) = Gate::before(&server, move |gate, _, _| {
        gate.until(|keys| keys.len() >= 65);
        stop.advance(Stage::Draining);
        // Until the test has ended.
        loop {
            std::thread::park();
        }
    });
    let plan = support::plan(&stores(&proxy.endpoint()), &["s3://logs/many"]).unwrap();
    let error = read_on_two(&plan, &stopped).unwrap_err();
    assert!(matches!(error, Halt::Stopped), "{error}");
    // One is waited for, and no more than 64 are asked for ahead.
    assert_eq!(gate.keys().len(), 65);
}

#[test]
fn urls_of_a_list_are_asked_about_at_once_and_come_out_in_order() {
    let (server, texts) = server(100);
    let (gate, proxy) = Gate::before(&server, |gate, line, _| {
        if line.starts_with("HEAD") {
            gate.until(|keys| keys.len() >= 16);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (list, file) = (folder.path().join("list"), folder.path().join("file"));
    std::fs::write(&file, "between\n").unwrap();
    // From the last to the first, and a file in their midst.
    let mut urls: Vec<String> = (server.keys(BUCKET).iter())
        .map(|key| format!("s3://logs/{key}"))
        .collect();
    urls.reverse();
    urls.insert(50, file.to_str().unwrap().to_owned());
    std::fs::write(&list, urls.join("\n")).unwrap();
    let listed = format!("@{}", list.display());
    let stores = stores(&proxy.endpoint());
    let got = read(&stores, &[&listed]).unwrap();
    let mut expected: Vec<&str> = texts.iter().rev().map(|text| &text[..]).collect();
    expected.insert(50, "between\n");
    assert!(got.texts.iter().map(|(_, text)| &text[..]).eq(expected));
    assert!(gate.keys().len() >= 200);
    // Of several that name nothing, the first is told, and its line.
    urls[30] = "s3://logs/many/gone".into();
    urls[33] = "s3://logs/many/gone-too".into();
    std::fs::write(&list, urls.join("\n")).unwrap();
    let error = support::plan(&stores, &[&listed]).unwrap_err().to_string();
    assert!(
        error.contains("list, line 31: s3://logs/many/gone: "),
        "{error}"
    );
}
