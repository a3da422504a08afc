//! The subcommand that says what a job does, and the job as it was typed. `run` and every other
//! command that starts a job share it; each adds its own options as `R`.

use std::ffi::OsString;

use clap::{Args, Subcommand};
use gristmill_common::spec::{AccessLog, Extract, GroupBy, JobSpec, Kind, Wc, WordCount};
use gristmill_input::FirstText;
use gristmill_mapper::JobFile;

use crate::exec_args::{ExecArgs, Local};
use crate::exit::usage;
use crate::grep_args::GrepArgs;
use crate::job_args::JobArgs;
use crate::pos_args::PosArgs;
use crate::quarantine_limit::QuarantineLimit;

/// One subcommand per kind.
#[derive(Subcommand, Debug)]
pub enum KindCommand<R: Args> {
    /// How often each word occurs
    ///
    /// Output: word TAB count, sorted by the words' bytes.
    #[command(after_help = "Examples:
  gristmill run word-count corpus/ -o out
  gristmill run word-count --words ascii --top 100 books.zip -o -")]
    WordCount(JobCommand<WordCount, R>),
    /// Records that match a pattern, in input order
    #[command(after_help = "Examples:
  gristmill run grep 'timeout|refused' logs/ -o out
  gristmill run grep -l -e error -e fatal logs/
  gristmill run grep -c -F ' 500 ' access.log.gz -o -
  gristmill run grep --record-start '^[0-9]{4}-' OutOfMemory app.log.zst -o -")]
    Grep(JobCommand<GrepArgs, R>),
    /// Hits and bytes of web server access logs, by group
    ///
    /// Output: the fields of --by, hits, bytes (and the number of distinct values), sorted by key.
    /// Lines that do not parse are counted and quarantined.
    #[command(after_help = "Examples:
  gristmill run access-log --by status logs/ -o out
  gristmill run access-log --by path --top 20 --where 'status = 404' logs/ -o -
  gristmill run access-log --by time:day --distinct host logs/ -o out
  gristmill run access-log --by status 's3://bucket/logs/2026-11*' -o s3://bucket/report")]
    AccessLog(JobCommand<AccessLog, R>),
    /// Counts and exact figures of JSON lines, logfmt, CSV and server logs, by group
    ///
    /// Output: the fields of --by, hits, and the figures asked for, sorted by key. Lines that do
    /// not parse are counted and quarantined. A field that a line does not have is - in TSV, empty
    /// in CSV and missing in JSON; null is \N, or null in JSON.
    #[command(after_help = "Examples:
  gristmill run group-by --by service,level --where 'level != debug' app-logs/ -o -
  gristmill run group-by --by request.host,status --sum size --quantiles duration:0.5,0.95 caddy.log.zst -o -
  gristmill run group-by --by ts:hour --avg took --max took --distinct user.id app.jsonl -o -
  gristmill run group-by --parse alb --by target_status_code,time:hour --distinct client elb/ -o -
  gristmill run group-by --parse 'regex:^(?P<ts>\\S+) (?P<lvl>[A-Z]+)' --by lvl,ts:day app/ -o -
  gristmill run group-by --unwrap docker --parse logfmt --by level /var/lib/docker/containers/ -o -
  gristmill run group-by --by user.id --top 20 --where 'exists error and not path ~ ^/health' logs/ -o -
  gristmill run group-by --by country --sum amount --format csv --header orders.jsonl.gz -o -")]
    GroupBy(JobCommand<GroupBy, R>),
    /// Lines, words and bytes of each document
    #[command(after_help = "Examples:
  gristmill run wc texts.zip -o out
  gristmill run wc --format tsv src/ -o -")]
    Wc(JobCommand<Wc, R>),
    /// Each document's name and text, one JSON line a document
    #[command(after_help = "Examples:
  gristmill run extract mails.zip -o out
  gristmill run extract mails.zip -o - | sqlite-utils insert mails.db mails - --nl")]
    Extract(JobCommand<Extract, R>),
    /// Part-of-speech tags and lemmas of text: English, or any language with a model of its own
    ///
    /// Output: one sentence a line, word_TAG, in input order; or CoNLL-U, or one JSON object a
    /// sentence. `gristmill tagger train` makes a model from a treebank. Records are paragraphs, so
    /// that a sentence wrapped over lines stays whole.
    #[command(after_help = "Examples:
  gristmill run pos corpus/ -o out
  gristmill run pos --records lines --format conllu messages.txt.gz -o -
  gristmill run pos --tokenized --tagset universal sentences.txt -o -
  gristmill run pos --model fr.model --lemmas --format conllu texte.txt -o -")]
    Pos(JobCommand<PosArgs, R>),
    /// Your own program or Python function, over documents, lines or pieces
    #[command(after_help = EXEC_HELP)]
    Exec(ExecCommand<R>),
}

/// Examples of `exec`, and what its users must know.
const EXEC_HELP: &str = "Examples:
  gristmill run exec --each document -o ocr -- tesseract stdin stdout -l eng ::: scans.zip
  gristmill run exec --each document -o text -- pdftotext {} - ::: papers/
  gristmill run exec --each record --python tag.py:tag corpus/ -o tagged
  gristmill run exec --each chunk -o - -- awk '{print $9}' ::: logs/
  gristmill run exec --map ./map.py --reduce ./red.py --combine ./red.py \\
    --ship dict.txt logs/ --partitions 8 -o out
  gristmill run exec --map ./map.py --reduce sum logs/ -o out
  gristmill run exec --code '(line.split()[0], 1)' --reduce count logs/ -o out
  gristmill run exec --python tag.py:tag --try 20 corpus/
  gristmill produce exec --wait --python tag.py:tag corpus/    (over RabbitMQ: the
    same words, but -o and --try; mappers need `map --exec`, or leave it alone)

A unit whose program fails, hangs or takes too much memory is quarantined with
the exit status and the last of stderr; the rest goes on. A unit may run twice,
so what it does elsewhere happens at least once: GRISTMILL_CHUNK with
GRISTMILL_RECORD names it. docs/exec.md has the environment and the protocol.";

/// A kind's own options, then those of every job, then those of the command.
#[derive(Args, Debug)]
pub struct JobCommand<K: Args, R: Args> {
    /// The kind's options.
    #[command(flatten)]
    pub kind: K,
    /// The job's.
    #[command(flatten)]
    pub job: JobArgs,
    /// The command's.
    #[command(flatten)]
    pub command: R,
}

/// As [`JobCommand`], with the words of the user's own command behind all others.
#[derive(Args, Debug)]
pub struct ExecCommand<R: Args> {
    /// The kind's options.
    #[command(flatten)]
    pub kind: ExecArgs,
    /// The job's.
    #[command(flatten)]
    pub job: JobArgs,
    /// The command's.
    #[command(flatten)]
    pub command: R,
    /// The command, then ::: and the inputs
    #[arg(last = true, value_name = "COMMAND")]
    pub words: Vec<OsString>,
}

/// A job as typed, validated as far as the words alone allow.
#[derive(Debug)]
pub struct TypedJob<R> {
    /// The kind and its options.
    pub spec: JobSpec,
    /// `--format` was typed.
    pub format_typed: bool,
    /// The text that decided on `--parse auto`.
    pub first_text: Option<FirstText>,
    /// The files that mappers need for it.
    pub files: Vec<JobFile>,
    /// The inputs, as typed.
    pub inputs: Vec<OsString>,
    /// What ends a path in a list of inputs.
    pub separator: u8,
    /// How much may be in quarantine.
    pub quarantine_limit: QuarantineLimit,
    /// How many bytes of text all sources together may unfold to.
    pub max_expanded: Option<u64>,
    /// The command's own options.
    pub command: R,
    /// What of `exec` is for this machine alone.
    pub local: Local,
}

impl<R: Args> KindCommand<R> {
    /// The validated job.
    ///
    /// # Errors
    /// A usage error that names the option and the way out.
    pub fn into_job(self) -> anyhow::Result<TypedJob<R>> {
        match self {
            KindCommand::WordCount(words) => words.into_job(Kind::WordCount),
            KindCommand::Grep(words) => {
                let mut job = words.job;
                let kind = words.kind.into_options(&mut job.inputs)?;
                job_of(Kind::Grep(kind), job, words.command)
            }
            KindCommand::AccessLog(words) => words.into_job(Kind::AccessLog),
            KindCommand::GroupBy(words) => {
                words.into_job(|typed: GroupBy| Kind::GroupBy(typed.with_lists()))
            }
            KindCommand::Wc(words) => words.into_job(Kind::Wc),
            KindCommand::Extract(words) => words.into_job(Kind::Extract),
            KindCommand::Pos(words) => {
                let (options, file) = words.kind.into_options()?;
                let mut job = job_of(Kind::Pos(options), words.job, words.command)?;
                job.files.extend(file);
                Ok(job)
            }
            KindCommand::Exec(mut words) => {
                let inputs = std::mem::take(&mut words.job.inputs);
                let typed = words.kind.typed(words.words, inputs)?;
                words.job.inputs = typed.inputs;
                let mut job = job_of(Kind::Exec(typed.exec), words.job, words.command)?;
                if let Some(most) = typed.max_document {
                    job.spec.max_record = most;
                }
                job.local = typed.local;
                Ok(job)
            }
        }
    }
}

impl<K: Args, R: Args> JobCommand<K, R> {
    fn into_job(self, kind: impl FnOnce(K) -> Kind) -> anyhow::Result<TypedJob<R>> {
        job_of(kind(self.kind), self.job, self.command)
    }
}

fn job_of<R>(kind: Kind, job: JobArgs, command: R) -> anyhow::Result<TypedJob<R>> {
    if job.inputs.is_empty() {
        return Err(usage(
            "no INPUT: name files or folders, URLs, - for stdin, or @LIST for a file of paths",
        ));
    }
    Ok(TypedJob {
        spec: job.spec(kind)?,
        format_typed: job.format.is_some(),
        first_text: None,
        files: Vec::new(),
        inputs: job.inputs,
        separator: if job.null { 0 } else { b'\n' },
        quarantine_limit: job.allow_quarantine,
        max_expanded: job.max_expanded.map(|most| most.0),
        command,
        local: Local::default(),
    })
}
