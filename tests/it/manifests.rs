//! What compose.yaml, the Kubernetes manifests and the dashboard say about the binary must be true
//! of the binary: flags, environment, ports, paths, queues, time-outs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use gristmill::args::Cli;
use gristmill::listen::{LIVE, READY};
use gristmill_common::job::JobRun;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::queue::queue_name;
use regex::Regex;

/// Names that only compose.yaml itself reads.
const OF_COMPOSE: &[&str] = &["GRISTMILL_IMAGE", "GRISTMILL_UID", "GRISTMILL_GID"];
/// Read by the log, not by an option.
const OF_LOG: &str = "GRISTMILL_LOG";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that tells somebody how to run the binary, with its text.
fn manifests() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = ["k8s", "monitoring", "packaging/systemd", "packaging/deb"]
        .map(|name| root().join(name))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    for file in [
        "compose.yaml",
        ".env.example",
        "docker/Dockerfile",
        "docs/kubernetes.md",
        "docs/install.md",
    ] {
        found.push(root().join(file));
    }
    let texts = found.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).expect("text");
        (path, text)
    });
    texts.collect()
}

fn text_of(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The first group of every match.
fn all<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let found = pattern.captures_iter(text);
    found
        .map(|groups| groups.get(1).expect("a group").as_str())
        .collect()
}

/// The environment that options read, of all subcommands.
fn environment() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        let of_args = command.get_arguments().filter_map(|arg| arg.get_env());
        names.extend(of_args.map(|name| name.to_string_lossy().into_owned()));
        commands.extend(command.get_subcommands().cloned());
    }
    names
}

#[test]
fn every_variable_is_one_that_the_binary_reads() {
    let known = environment();
    let mut used = 0;
    for (path, text) in manifests() {
        for name in all(r"\b(GRISTMILL_[A-Z_]+)", &text) {
            let is_known = known.contains(name) || OF_COMPOSE.contains(&name) || name == OF_LOG;
            let is_build = name == "GRISTMILL_REVISION" && path.ends_with("Dockerfile");
            assert!(is_known || is_build, "{}: {name}", path.display());
            used += 1;
        }
    }
    assert!(used > 20, "only {used} found: does the pattern still fit?");
}

#[test]
fn every_command_line_parses() {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let words = |list: &str| list.split(',').map(|word| word.trim().to_owned()).collect();
    for (path, text) in manifests() {
        if path.extension().is_some_and(|kind| kind == "yaml") {
            // The lists on one line; other programs' commands have a dash or slash in their name.
            for list in all(r"(?m)^ *(?:command|args): \[([a-z]+(?:,[^\]]*)?)\]", &text) {
                let line: Vec<String> = words(list);
                // A probe's command begins with the program.
                let program = line.first().is_some_and(|word| word == "gristmill");
                lines.push(line[usize::from(program)..].to_vec());
            }
            for list in all(r"(?m)^ *args:\n((?: *- .*\n)+)", &text) {
                let word = r"(?m)^ *- ([^ #\n]+)";
                lines.push(all(word, list).into_iter().map(str::to_owned).collect());
            }
        }
    }
    let compose = text_of("compose.yaml");
    let default = Regex::new(r"\$\{[A-Z_]+:-([^}]*)\}").expect("a pattern");
    for line in all(r"(?m)^    command: (produce .*)$", &compose) {
        let line = default.replace_all(line, "$1").into_owned();
        lines.push(line.split(' ').map(str::to_owned).collect());
    }
    for (path, text) in manifests() {
        if path.extension().is_some_and(|kind| kind == "service") {
            for line in all(r"(?m)^ExecStart=/usr/bin/gristmill (.*)$", &text) {
                lines.push(line.split(' ').map(str::to_owned).collect());
            }
        }
    }
    for list in all(r"(?m)^  test: \[CMD, gristmill, ([^\]]*)\]", &compose) {
        lines.push(words(list));
    }
    assert!(lines.len() >= 8, "{lines:?}");
    for line in lines {
        let parsed = Cli::try_parse_from([&["gristmill".to_owned()][..], &line].concat());
        if let Err(error) = parsed {
            // What is required may come from the environment beside it.
            let kind = error.kind();
            assert_eq!(
                kind,
                ErrorKind::MissingRequiredArgument,
                "{line:?}: {error}"
            );
        }
    }
}

#[test]
fn every_operating_option_of_the_workers_has_a_variable() {
    let root = Cli::command();
    for role in ["map", "reduce", "status", "cancel", "doctor"] {
        let command = root.find_subcommand(role).expect("a subcommand");
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            // A job's own, and how one call shows its answer.
            if ["job", "json", "all", "watch", "workers", "help", "version"].contains(&long) {
                continue;
            }
            let expected = format!("GRISTMILL_{}", long.to_uppercase().replace('-', "_"));
            let variable = arg
                .get_env()
                .map(|name| name.to_string_lossy().into_owned());
            assert_eq!(variable, Some(expected), "{role} --{long}");
        }
    }
}

#[test]
fn every_version_that_is_named_is_this_one() {
    let named = [
        ("k8s/base/kustomization.yaml", r"newTag: (\S+)"),
        ("k8s/job/kustomization.yaml", r"newTag: (\S+)"),
        (
            "k8s/components/dashboard/kustomization.yaml",
            r"newTag: (\S+)",
        ),
        ("Cargo.toml", r#"path = "[a-z]+", version = "([0-9.]+)""#),
        ("docs/kubernetes.md", r"newTag: (\S+)|gristmill:([0-9.]+)"),
        ("docs/install.md", r"gristmill[-_]([0-9.]+)-"),
        ("docs/getting-started.md", r"gristmill_([0-9.]+)-"),
    ];
    for (file, pattern) in named {
        let text = text_of(file);
        let pattern = Regex::new(pattern).expect("a pattern");
        let mut found = 0;
        for groups in pattern.captures_iter(&text) {
            let version = groups.iter().skip(1).flatten().next().expect("a group");
            assert_eq!(version.as_str(), env!("CARGO_PKG_VERSION"), "{file}");
            found += 1;
        }
        assert!(found > 0, "{file}: does the pattern still fit?");
    }
}

#[test]
fn a_service_stops_with_the_binary_and_keeps_the_url_from_the_process_list() {
    for role in ["map", "reduce"] {
        let file = format!("packaging/systemd/gristmill-{role}.service");
        let text = text_of(&file);
        for setting in [
            "DynamicUser=yes",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
        ] {
            assert!(
                text.lines().any(|line| line == setting),
                "{file}: {setting}"
            );
        }
        let credential = all(r"(?m)^LoadCredential=([a-z-]+):/etc/gristmill/", &text);
        let read = all(
            r"(?m)^Environment=GRISTMILL_BROKER_FILE=%d/([a-z-]+)$",
            &text,
        );
        assert_eq!((credential.len(), &credential), (1, &read), "{file}");
        let grace: u64 = all(r"(?m)^TimeoutStopSec=(\d+)$", &text)[0]
            .parse()
            .expect("seconds");
        let drain = Cli::command()
            .find_subcommand(role)
            .expect("a role")
            .get_arguments()
            .find(|arg| arg.get_long() == Some("drain-timeout"))
            .expect("an option")
            .get_default_values()[0]
            .to_string_lossy()
            .parse::<u64>()
            .expect("seconds");
        assert!(grace > drain, "{file}: {grace} > {drain}");
    }
}

#[test]
fn an_image_is_built_from_every_crate() {
    let text = text_of(".dockerignore");
    let let_in: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let members = all(r"(?m)^members = \[(.*)\]$", &text_of("Cargo.toml")).concat();
    let members = all(r#""([a-z]+)["/]"#, &members)
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert!(members.len() >= 6, "{members:?}");
    for member in members {
        assert!(
            let_in.contains(&*member),
            "{member} is not in .dockerignore"
        );
    }
}

#[test]
fn every_image_runs_as_nobody_in_particular_and_says_where_it_is_from() {
    let text = text_of("docker/Dockerfile");
    for target in ["slim", "python"] {
        let stage = text.split("\nFROM ").find(|stage| {
            let first = stage.lines().next().unwrap_or_default();
            first.ends_with(&format!(" AS {target}"))
        });
        let stage = stage.unwrap_or_else(|| panic!("no stage {target}"));
        assert!(stage.contains("\nUSER 1000:1000\n"), "{target}");
        for label in [
            "title",
            "description",
            "licenses",
            "version",
            "revision",
            "source",
        ] {
            let label = format!("org.opencontainers.image.{label}=");
            assert!(stage.contains(&label), "{target}: {label}");
        }
    }
    assert!(
        text.ends_with("\nFROM slim\n"),
        "without a target, slim is built"
    );
    assert!(text_of("compose.yaml").contains("target: ${IMAGE_TARGET:-slim}"));
}

#[test]
fn ports_and_paths_agree() {
    let all_text: Vec<_> = manifests();
    let mut ports = BTreeSet::new();
    for (path, text) in &all_text {
        ports.extend(all(r"0\.0\.0\.0:(\d+)", text));
        for found in all(r"path: (/[a-z]+z)\n", text) {
            assert!(
                [LIVE, READY].contains(&found),
                "{}: {found}",
                path.display()
            );
        }
    }
    let wanted = BTreeSet::from(["8642", "9464"]);
    assert_eq!(
        ports, wanted,
        "one port for all workers, one for the dashboard"
    );
    // The dashboard asks for no token, so nobody else may reach it.
    let compose = text_of("compose.yaml");
    assert_eq!(
        all(r#""(\S*):8642""#, &compose),
        ["127.0.0.1:${DASHBOARD_PORT:-8642}"]
    );
    for file in ["k8s/base/mapper.yaml", "k8s/base/reducer.yaml"] {
        let text = text_of(file);
        assert_eq!(all(r"containerPort: (\d+)", &text), ["9464"], "{file}");
        // Liveness never asks the broker.
        let probes = all(r"startupProbe:\n *httpGet:\n *path: (\S+)", &text);
        assert_eq!(probes, [LIVE], "{file}");
        let probes = all(r"livenessProbe:\n *httpGet:\n *path: (\S+)", &text);
        assert_eq!(probes, [LIVE], "{file}");
        let probes = all(r"readinessProbe:\n *httpGet:\n *path: (\S+)", &text);
        assert_eq!(probes, [READY], "{file}");
    }
    assert!(text_of("monitoring/prometheus.yml").contains("port: 9464"));
    assert!(text_of("k8s/components/monitoring/kustomization.yaml").contains("port: 9464"));
}

#[test]
fn mappers_scale_by_the_queues_that_mappers_read() {
    let text = text_of("k8s/components/keda/scaled-object.yaml");
    let pattern = all(r"(?m)^ *queueName: (\S+)$", &text);
    let pattern = Regex::new(pattern.first().expect("a pattern")).expect("it parses");
    for job in ["a", "word-count-06fce973980a", "x.y_z"] {
        let job = JobRun::new(&job.parse().expect("a job's name"), 0x0123_4567_89ab_cdef);
        for queue in [Queue::Chunks, Queue::Suspect] {
            assert!(pattern.is_match(&queue_name(&job, queue)), "{queue:?}");
        }
        for queue in [Queue::Dead, Queue::Results(0), Queue::Results(17)] {
            assert!(!pattern.is_match(&queue_name(&job, queue)), "{queue:?}");
        }
    }
}

#[test]
fn a_stop_has_more_time_than_the_drain() {
    let number = |words: Vec<&str>| -> u64 {
        assert_eq!(words.len(), 1, "{words:?}");
        words[0].parse().expect("a number")
    };
    for file in ["k8s/base/mapper.yaml", "k8s/base/reducer.yaml"] {
        let text = text_of(file);
        let drain = number(all(r#"GRISTMILL_DRAIN_TIMEOUT\n *value: "(\d+)""#, &text));
        let grace = number(all(r"terminationGracePeriodSeconds: (\d+)", &text));
        assert!(grace > drain, "{file}: {grace} > {drain}");
    }
    let compose = text_of("compose.yaml");
    let drain = number(all(r#"GRISTMILL_DRAIN_TIMEOUT: "(\d+)""#, &compose));
    let grace = number(all(r"(?s)&gristmill.*?stop_grace_period: (\d+)s", &compose));
    assert!(grace > drain, "compose.yaml: {grace} > {drain}");
}
