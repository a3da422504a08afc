//! A model of one's own travels with its job: the same bytes as `gristmill run --model`, whatever
//! lies on the stream beside it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::id::{content_hash, unique};
use gristmill_common::job::JobRun;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::spec::Kind;
use gristmill_jobs::declare::{Backlog, declare_job};
use gristmill_jobs::file::{FileMessage, PART, PartHead, declare_files, encode_file, parts, send};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, Registry, Submission};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_rabbitmq::{Broker, BrokerOptions};

use crate::cluster::{Cluster, Files, Role, assert_same, expected, text, until};
use crate::corpus;

/// A model of a few sentences; `name` becomes part of it, and so does text enough for three
/// messages (it is stored compressed).
fn model(folder: &Path, name: &str) -> PathBuf {
    let path = |end: &str| folder.join(format!("{name}.{end}"));
    let (gold, notice, model) = (path("conllu"), path("notice"), path("model"));
    let words = [
        ("the", "DET", "DT"),
        ("mill", "NOUN", "NN"),
        ("grinds", "VERB", "VBZ"),
        ("naïve", "ADJ", "JJ"),
        ("end.", "PUNCT", "."),
    ];
    let mut sentence = String::new();
    for (number, (word, universal, penn)) in (1..).zip(words) {
        sentence.push_str(&format!(
            "{number}\t{word}\t_\t{universal}\t{penn}\t_\t0\t_\t_\t_\n"
        ));
    }
    sentence.push('\n');
    std::fs::write(&gold, sentence.repeat(9)).expect("a file");
    let mut random = corpus::Random(1);
    let text: String = std::iter::repeat_with(|| format!("{} ", random.below(usize::MAX)))
        .take(6 * PART / 20)
        .collect();
    std::fs::write(&notice, format!("{name} {text}")).expect("a file");
    let words = ["tagger", "train", "--epochs", "2", "--train"];
    let mut line: Vec<&Path> = words.iter().map(Path::new).collect();
    line.extend([gold.as_path(), "--notice".as_ref(), &notice]);
    line.extend([Path::new("-o"), &model]);
    crate::gristmill::run(line).code(0);
    let len = std::fs::metadata(&model).expect("a model").len() as usize;
    assert!((PART * 2..PART * 5).contains(&len), "{len}");
    model
}

/// A job of some dozen chunks with a model of its own.
struct Scene {
    cluster: Cluster,
    input: PathBuf,
    model: PathBuf,
    expected: Files,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::new();
        let folder = cluster.folder.path();
        let (input, model) = (folder.join("text.txt"), model(folder, "mine"));
        std::fs::write(&input, corpus::prose(5, 20_000)).expect("a file");
        let own = expected(&["pos", "--model", text(&model)], &input);
        // Were the built-in model used instead, it would show.
        let built_in = expected(&["pos"], &input);
        assert!(own["part-00000.txt"] != built_in["part-00000.txt"]);
        Self {
            expected: own,
            input,
            model,
            cluster,
        }
    }

    fn words<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["produce", "pos", "--model", text(&self.model)];
        words.extend([text(&self.input), "--job", "job", "--chunk-size", "4KiB"]);
        words.extend(more);
        words
    }

    fn produced(&self) {
        self.cluster.run(&self.words(&[])).code(0);
    }

    fn completes(&self) {
        self.cluster.run(&self.words(&["--wait"])).code(0);
        self.check();
    }

    #[track_caller]
    fn check(&self) {
        assert_same(&self.cluster.job("job"), &self.expected, "own model");
        let output = self.cluster.results().join("job");
        crate::gristmill::run(["verify".as_ref(), output.as_path(), &self.input]).code(0);
        self.cluster.until_clean();
    }

    fn model_bytes(&self) -> Bytes {
        std::fs::read(&self.model).expect("a model").into()
    }

    fn streams(&self) -> usize {
        let queues = self.cluster.vhost.queues().expect("the broker's queues");
        let names = queues.iter().map(|queue| &queue.name);
        names.filter(|name| name.ends_with(".files")).count()
    }
}

/// Does something on the broker.
fn on_broker(cluster: &Cluster, what: impl AsyncFnOnce(&Broker, &JobRun)) {
    let run = cluster.run_of("job").unwrap_or_else(unique);
    let job = JobRun::new(&"job".parse().expect("a name"), run);
    let vhost = &cluster.vhost;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = vhost.url().parse().expect("a URL");
        let broker = Broker::connect(BrokerOptions::new(url)).await;
        let broker = broker.expect("a broker");
        what(&broker, &job).await;
        broker.close().await;
    });
}

/// Puts messages on the job's stream of files.
fn strew(cluster: &Cluster, messages: Vec<Bytes>) {
    on_broker(cluster, async |broker, job| {
        declare_files(broker, job).await.expect("a stream");
        let queues = Transport::Amqp(Amqp::new(broker, job.clone(), Prefetch::default()));
        for message in messages {
            queues
                .publish(Queue::Files, message)
                .await
                .expect("it is taken");
        }
    });
}

fn message((head, body): (PartHead, Bytes)) -> Bytes {
    encode_file(&FileMessage::Part(head), body.to_vec()).expect("it fits")
}

#[test]
fn i6_a_model_of_ones_own_gives_the_same_bytes_on_one_mapper_and_on_three() {
    for mappers in [1, 3] {
        let scene = Scene::new();
        let _mappers: Vec<Role> = (0..mappers).map(|_| scene.cluster.mapper()).collect();
        let _reducer = scene.cluster.reducer();
        scene.completes();
    }
}

#[test]
fn a_late_mapper_finds_the_model_too_and_a_cancelled_job_leaves_none() {
    let scene = Scene::new();
    scene.produced();
    let _reducer = scene.cluster.reducer();
    // The first one has read all of it, and leaves the rest to the second.
    let words = ["map", "--threads", "1"];
    let mut command = scene.cluster.command(&words);
    let command = command.env(crash::VARIABLE, "mapped:3");
    let mut first = scene.cluster.start("map", command);
    assert!(!first.wait().success());
    assert_eq!(scene.streams(), 1);
    let mut second = scene.cluster.mapper();
    second.until_says("subscribed");
    scene.completes();
    let mut forced = scene.words(&["--force"]);
    second.stop();
    forced.retain(|word| *word != "--wait");
    scene.cluster.run(&forced).code(0);
    assert_eq!(scene.streams(), 1);
    scene.cluster.run(&["cancel", "job"]).code(0);
    scene.cluster.until_clean();
}

#[test]
fn jobs_of_one_model_share_it() {
    let scene = Scene::new();
    scene.produced();
    let mut other = scene.words(&[]);
    let at = other
        .iter()
        .position(|word| *word == "job")
        .expect("a name");
    other[at] = "other";
    scene.cluster.run(&other).code(0);
    let mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    other.push("--wait");
    scene.cluster.run(&other).code(0);
    assert_same(&scene.cluster.job("other"), &scene.expected, "other");
    scene.completes();
    let fetches = mapper.said().matches("fetching its file").count();
    assert_eq!(fetches, 1, "{}", mapper.said());
}

#[test]
fn status_says_of_a_job_that_its_model_waits_for_room_as_long_as_it_does() {
    let cluster = Cluster::new();
    let folder = cluster.folder.path();
    let input = folder.join("text.txt");
    std::fs::write(&input, corpus::prose(5, 2000)).expect("a file");
    // A mapper has room for four models.
    let jobs = ["one", "two", "three", "four", "five"];
    for job in jobs {
        let model = model(folder, job);
        let words = ["produce", "pos", "--model", text(&model), text(&input)];
        cluster.run(&[&words[..], &["--job", job]].concat()).code(0);
    }
    let _mapper = cluster.mapper();
    let waits = || {
        let status = cluster.run(&["status"]).code(0);
        (status.stdout).contains("1 of 1 mappers: its file waits for room")
    };
    until("one waits", waits);
    cluster.run(&["cancel", "five"]).code(0);
    until("none waits", || !waits());
    for job in &jobs[..4] {
        cluster.run(&["cancel", job]).code(0);
    }
    cluster.until_clean();
}

#[test]
fn what_else_lies_on_the_stream_changes_nothing() {
    let scene = Scene::new();
    let model = scene.model_bytes();
    let hash = content_hash(&model);
    let mut spoilt = model.to_vec();
    spoilt[PART + 7] ^= 1;
    let spoilt = Bytes::from(spoilt);
    let whole = |file: &Bytes, hash, attempt| -> Vec<Bytes> {
        parts(file, hash, attempt).map(message).collect()
    };
    let mut strewn: Vec<Bytes> = [&b""[..], b"GMW1", &[0xFF; 5000], b"{\"hello\":1}"]
        .map(Bytes::from_static)
        .into();
    // Another file; one that says it is this one; one that is never whole; parts cut off.
    strewn.extend(whole(&spoilt, content_hash(&spoilt), 1));
    strewn.extend(whole(&spoilt, hash, 2));
    strewn.extend(whole(&model, hash, 3).into_iter().skip(1));
    let torn = |from: &Bytes| [from.slice(9..), from.slice(..from.len() - 9)];
    strewn.extend(whole(&model, hash, 4).iter().flat_map(torn));
    let (head, body) = parts(&model, hash, 6).next().expect("a part");
    for size in [0, 1, 256 << 20, u64::MAX] {
        let head = PartHead { size, ..head };
        strewn.push(message((head, body.clone())));
    }
    scene.produced();
    strew(&scene.cluster, strewn.clone());
    strew(&scene.cluster, strewn);
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    scene.completes();
}

#[test]
fn a_model_that_is_not_whole_or_gone_fails_the_job_and_produce_again_completes_it() {
    for half in [true, false] {
        let scene = Scene::new();
        scene.produced();
        let stream = scene.cluster.queue("job", "files");
        scene.cluster.vhost.delete_queue(&stream).expect("a stream");
        if half {
            let model = scene.model_bytes();
            let all: Vec<Bytes> = parts(&model, content_hash(&model), 1)
                .map(message)
                .collect();
            strew(&scene.cluster, all[..all.len() - 1].to_vec());
        }
        let mut mapper = scene.cluster.mapper();
        let _reducer = scene.cluster.reducer();
        let ended = scene.cluster.run(&scene.words(&["--wait"])).code(1);
        let why = match half {
            true => "is not whole on the broker (",
            false => "a queue of the job is gone",
        };
        assert!(ended.stderr.contains(why), "{ended:?}");
        scene.completes();
        assert!(mapper.child.try_wait().expect("a child").is_none());
    }
}

#[test]
fn a_file_that_is_no_model_fails_the_job_and_hinders_no_other() {
    let cluster = Cluster::new();
    let file = Bytes::from_static(b"a shopping list");
    let mut mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    on_broker(&cluster, async |broker, job| {
        let registry = Registry::open(broker).await.expect("the log");
        let backlog = Backlog::of(64 << 20);
        let declared = declare_job(broker, job, 1, backlog).await;
        declared.expect("queues");
        send(broker, job, &file).await.expect("it is sent");
        let words = r#"{"version":1,"kind":{"pos":{"tokenized":false,"tagset":"penn",
            "separator":"_","model_hash":0,"own_model":true}},"records":"lines",
            "encoding_errors":"keep","max_record":1024,"on_corrupt":"salvage",
            "limits":{"depth":1,"entries":9,"spool":9},"include":[],"exclude":[],
            "partitions":1,"format":"text","compress":null,"max_quarantine":1024}"#;
        let mut spec: gristmill_common::spec::JobSpec =
            serde_json::from_str(words).expect("a spec");
        if let Kind::Pos(pos) = &mut spec.kind {
            pos.model_hash = content_hash(&file);
        }
        let run = job.run;
        let plan_summary = PlanSummary {
            splits: 1,
            ..PlanSummary::default()
        };
        let submission = Submission::of(spec, plan_summary, run);
        let event = Event::Submitted(Box::new(submission));
        registry.append(job, &event).await.expect("it is written");
    });
    mapper.until_says("not a Gristmill tagger model");
    let input = cluster.folder.path().join("text.txt");
    std::fs::write(&input, corpus::prose(5, 2000)).expect("a file");
    let line = [
        "produce",
        "word-count",
        text(&input),
        "--job",
        "other",
        "--wait",
    ];
    cluster.run(&line).code(0);
    let status = cluster.run(&["status", "job"]).code(0);
    assert!(
        status.stdout.contains("not a Gristmill tagger model"),
        "{status:?}"
    );
    let said = mapper.said();
    assert_eq!(
        said.matches("not a Gristmill tagger model").count(),
        1,
        "{said}"
    );
    cluster.run(&["cancel", "job"]).code(0);
    cluster.until_clean();
}

#[test]
fn a_chunk_that_is_run_apart_has_the_model_too() {
    let scene = Scene::new();
    // A paragraph that kills; the others come out as they do without it.
    let mut deadly = std::fs::read_to_string(&scene.input).expect("a file");
    deadly.push_str("\n\nthe mill deadly-abort grinds\n");
    std::fs::write(&scene.input, &deadly).expect("a file");
    scene.produced();
    let _reducer = scene.cluster.reducer();
    let doomed = || {
        let words = ["map", "--threads", "1"];
        let mut command = scene.cluster.command(&words);
        command.env(crash::POISON, "abort:deadly-abort");
        scene.cluster.start("map", &mut command)
    };
    let mut first = doomed();
    assert!(!first.wait().success(), "{}", first.said());
    let _second = doomed();
    let ended = scene.cluster.run(&scene.words(&["--wait"])).code(3);
    assert!(ended.stderr.contains("1 of them quarantined"), "{ended:?}");
    let found = scene.cluster.job("job");
    assert!(found["part-00000.txt"] == scene.expected["part-00000.txt"]);
    scene.cluster.until_clean();
}
