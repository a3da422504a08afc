//! The six jobs, Gristmill's command line for each, and the tools that do the same job. It must not
//! know how they are run or compared.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::generate::Data;
use crate::measure::Line;
use crate::same::Shape;

/// Requests of both usual methods that met a missing page or a server error.
const REGEX: &str = "\"(GET|POST) [^ ]+ HTTP/1[.][01]\" (404|50[0-9]) ";

/// How Gristmill's wall time shall compare to a tool's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// Its time divided by the tool's is at most this.
    AtMost(f64),
    /// ... at least this (the tool is then Gristmill itself with more to do).
    AtLeast(f64),
}

impl Reach {
    pub(crate) fn holds(self, ratio: f64) -> bool {
        match self {
            Reach::AtMost(most) => ratio <= most,
            Reach::AtLeast(least) => ratio >= least,
        }
    }
}

/// How a result of a tool is compared with Gristmill's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    InOrder,
    AnyOrder,
    /// The jobs differ by definition.
    No,
}

/// A tool that does a job.
pub(crate) struct Peer {
    pub(crate) tool: &'static str,
    pub(crate) line: Line,
    /// Programs on the PATH and, after `python:`, modules that have to be there.
    needs: Vec<&'static str>,
    pub(crate) reach: Option<Reach>,
    pub(crate) compared: Compared,
    /// The line writes a folder, as Gristmill does, instead of stdout.
    pub(crate) is_gristmill: bool,
}

/// One job of the table.
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// Gristmill's words after the program: kind and options, then inputs; `-o OUT` is added.
    pub(crate) options: Vec<String>,
    pub(crate) input: PathBuf,
    pub(crate) shape: Shape,
    pub(crate) peers: Vec<Peer>,
}

/// Where the programs are that the jobs start.
pub(crate) struct Places {
    pub(crate) gristmill: PathBuf,
    pub(crate) python: String,
    pub(crate) peers: PathBuf,
}

impl Job {
    /// Gristmill's whole command line, with its input named `times` times and `more` options.
    pub(crate) fn gristmill(&self, at: &Path, times: usize, more: &[&str], out: &Path) -> Line {
        let mut words = vec![at.display().to_string(), "run".to_owned()];
        words.extend(self.options.iter().cloned());
        words.extend(more.iter().map(|&word| word.to_owned()));
        words.extend(vec![self.input.display().to_string(); times]);
        words.extend(["-o".to_owned(), out.display().to_string()]);
        Line(words)
    }
}

impl Peer {
    /// What is not installed of what it needs, if anything.
    pub(crate) fn missing(&self, python: &str) -> Option<String> {
        let ok = |command: &mut Command| {
            let quiet = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            quiet.status().is_ok_and(|status| status.success())
        };
        self.needs
            .iter()
            .find_map(|need| match need.strip_prefix("python:") {
                Some("") => (!ok(Command::new(python).arg("--version"))).then(|| python.to_owned()),
                Some(module) => {
                    (!ok(Command::new(python).args(["-c", &format!("import {module}")])))
                        .then(|| format!("{module} for {python}"))
                }
                None => (!ok(Command::new("sh").args(["-c", "command -v \"$0\"", need])))
                    .then(|| (*need).to_owned()),
            })
    }
}

/// What the jobs are called.
pub(crate) const NAMES: [&str; 6] = ["status", "robots", "path", "words", "grep", "wc"];

/// The jobs called `names`, or all.
pub(crate) fn jobs(data: &Data, places: &Places, names: &[String]) -> Vec<Job> {
    let mut jobs = table(data, places);
    jobs.retain(|job| names.is_empty() || names.iter().any(|name| name == job.name));
    jobs
}

fn table(data: &Data, places: &Places) -> Vec<Job> {
    let (logs, texts, zip) = (data.logs(), data.texts(), data.zip());
    let mut jobs = log_jobs(&logs, places);
    jobs.push(words_job(&texts, places));
    jobs.push(grep_job(&logs, places));
    let wc = Tools::new(places, "wc", &zip);
    let peers = vec![wc.python("pool", most(0.18))];
    jobs.push(build("wc", &["wc"], &zip, Shape::Members, peers));
    jobs
}

fn build(
    name: &'static str,
    options: &[&str],
    input: &Path,
    shape: Shape,
    peers: Vec<Peer>,
) -> Job {
    Job {
        name,
        options: options.iter().map(|&word| word.to_owned()).collect(),
        input: input.to_owned(),
        shape,
        peers,
    }
}

fn most(ratio: f64) -> Option<Reach> {
    Some(Reach::AtMost(ratio))
}

/// The three jobs over web logs that count.
fn log_jobs(logs: &Path, places: &Places) -> Vec<Job> {
    let status = Tools::new(places, "status", logs);
    let robots = Tools::new(places, "robots", logs);
    let path = Tools::new(places, "path", logs);
    vec![
        build(
            "status",
            &["access-log", "--by", "status"],
            logs,
            Shape::Counts,
            vec![
                status.awk("igzip", "mawk", most(0.45)),
                status.awk("zcat", "awk", None),
                status.python("polars", None),
                status.python("duckdb", None),
                status.python("pool", None),
                status.python("dask", None),
            ],
        ),
        build(
            "robots",
            &[
                "access-log",
                "--by",
                "host",
                "--where",
                "path = /robots.txt",
            ],
            logs,
            Shape::Counts,
            vec![
                Peer {
                    tool: "igzip+grep+mawk",
                    ..robots.awk("igzip", "mawk", most(0.9))
                },
                robots.python("polars", None),
                robots.python("duckdb", None),
                robots.python("pool", None),
                robots.python("dask", None),
            ],
        ),
        build(
            "path",
            &["access-log", "--by", "path", "--top", "20"],
            logs,
            Shape::Counts,
            vec![
                path.python("polars", most(0.7)),
                path.awk("igzip", "mawk", None),
                path.awk("zcat", "awk", None),
                path.python("duckdb", None),
                path.python("pool", None),
                path.python("dask", None),
            ],
        ),
    ]
}

fn words_job(texts: &Path, places: &Places) -> Job {
    let words = Tools::new(places, "words", texts);
    build(
        "words",
        &["word-count", "--words", "ascii"],
        texts,
        Shape::Counts,
        vec![
            words.python("polars", most(0.45)),
            words.awk("igzip", "mawk", None),
            words.awk("zcat", "awk", None),
            words.python("duckdb", None),
            words.python("pool", None),
            words.python("dask", None),
            Peer {
                tool: "gristmill, Unicode words",
                line: Line::new([
                    places.gristmill.display().to_string(),
                    "run".to_owned(),
                    "word-count".to_owned(),
                    texts.display().to_string(),
                ]),
                needs: Vec::new(),
                reach: Some(Reach::AtLeast(1.0 / 1.5)),
                compared: Compared::No,
                is_gristmill: true,
            },
        ],
    )
}

fn grep_job(logs: &Path, places: &Places) -> Job {
    let grep = Tools::new(places, "grep", logs);
    build(
        "grep",
        &["grep", REGEX],
        logs,
        Shape::Lines,
        vec![
            grep.igzip_ripgrep(most(0.95)),
            grep.ripgrep(true),
            grep.ripgrep(false),
            grep.python("polars", None),
            grep.python("duckdb", None),
            grep.python("pool", None),
        ],
    )
}

/// Makes the peers of one job.
#[derive(Clone, Copy)]
struct Tools<'a> {
    places: &'a Places,
    job: &'static str,
    input: &'a Path,
}

impl<'a> Tools<'a> {
    fn new(places: &'a Places, job: &'static str, input: &'a Path) -> Self {
        Self { places, job, input }
    }
}

impl Tools<'_> {
    fn peer(&self, tool: &'static str, words: Vec<String>, needs: &[&'static str]) -> Peer {
        Peer {
            tool,
            line: Line(words),
            needs: needs.to_vec(),
            reach: None,
            compared: Compared::InOrder,
            is_gristmill: false,
        }
    }

    fn script(&self, name: &str) -> String {
        self.places.peers.join(name).display().to_string()
    }

    fn input(&self) -> String {
        self.input.display().to_string()
    }

    fn awk(&self, unzip: &'static str, awk: &'static str, reach: Option<Reach>) -> Peer {
        let tool = if unzip == "igzip" {
            "igzip+mawk, xargs -P2"
        } else {
            "zcat+awk, xargs -P2"
        };
        let words = vec![
            self.script("awk.sh"),
            unzip.to_owned(),
            awk.to_owned(),
            self.job.to_owned(),
            self.input(),
        ];
        Peer {
            reach,
            ..self.peer(tool, words, &["bash", "xargs", unzip, awk])
        }
    }

    fn python(&self, library: &str, reach: Option<Reach>) -> Peer {
        let (tool, needs): (_, &[_]) = match library {
            "polars" => ("polars", &["python:polars"]),
            "duckdb" => ("DuckDB", &["python:duckdb"]),
            "dask" => ("Dask bag", &["python:dask.bag"]),
            _ => ("multiprocessing.Pool(2)", &["python:"]),
        };
        let mut words = vec![
            self.places.python.clone(),
            // No __pycache__ among the sources.
            "-B".to_owned(),
            self.script(&format!("with_{library}.py")),
            self.job.to_owned(),
            self.input(),
        ];
        if self.job == "grep" {
            words.push(REGEX.to_owned());
        }
        Peer {
            reach,
            ..self.peer(tool, words, needs)
        }
    }

    fn igzip_ripgrep(&self, reach: Option<Reach>) -> Peer {
        let words = vec![self.script("igzip-rg.sh"), REGEX.to_owned(), self.input()];
        Peer {
            reach,
            ..self.peer("igzip+ripgrep", words, &["bash", "xargs", "igzip", "rg"])
        }
    }

    fn ripgrep(&self, ordered: bool) -> Peer {
        let plain = ["rg", "-z", "--no-line-number", "--no-filename"].map(str::to_owned);
        let mut words = plain.to_vec();
        if ordered {
            words.extend(["--sort".to_owned(), "path".to_owned()]);
        } else {
            words.push("-j2".to_owned());
        }
        words.extend(["-e".to_owned(), REGEX.to_owned(), self.input()]);
        let tool = if ordered {
            "ripgrep -z, sorted"
        } else {
            "ripgrep -z, unordered"
        };
        let compared = if ordered {
            Compared::InOrder
        } else {
            Compared::AnyOrder
        };
        Peer {
            compared,
            ..self.peer(tool, words, &["rg"])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_table() {
        let data = Data {
            dir: PathBuf::from("data"),
        };
        let places = Places {
            gristmill: PathBuf::from("gristmill"),
            python: "python3".to_owned(),
            peers: PathBuf::from("peers"),
        };
        let all: Vec<_> = jobs(&data, &places, &[])
            .iter()
            .map(|job| job.name)
            .collect();
        assert_eq!(all, NAMES);
        let two = jobs(&data, &places, &["wc".to_owned(), "grep".to_owned()]);
        assert_eq!(
            two.iter().map(|job| job.name).collect::<Vec<_>>(),
            ["grep", "wc"]
        );
        let line = two[1].gristmill(Path::new("g"), 2, &["-q"], Path::new("o"));
        let expected = [
            "g",
            "run",
            "wc",
            "-q",
            "data/texts.zip",
            "data/texts.zip",
            "-o",
            "o",
        ];
        assert_eq!(line.0, expected);
    }
}
