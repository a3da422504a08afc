//! Options of the commands that look at the jobs of a broker or change them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use gristmill_common::job::JobName;

use super::broker::{BrokerArgs, PatienceArgs};

/// The fields that `status --json` writes.
const STATUS_JSON: &str = "\
Fields of --json, one object a line; null is what is not known:
  job, kind
  directory, place     the id of the output directory that owns it, and where it lies (host:path)
  output               of a finished job: host:path; output_there: false if it was gone when last asked
  state                unsealed, running, stalled, finished, failed, cancelled or foreign (of another
                       version: then only `format` is known)
  reason               why it has failed
  seconds              since it was submitted
  percent              of all chunks that are mapped
  eta_seconds          until all are mapped, as fast as in the last 10 seconds
  splits, splits_published; sealed (whether all chunks are published)
  chunks_published     so far
  chunks_total         exact once sealed, before that reckoned from the bytes read
  chunks_mapped, chunks_left, chunks_waiting (in queues), chunks_in_hand (of mappers)
  bytes_read_per_second (of the inputs, by its producer), outcomes_per_second (made durable)
  chunks_per_second, bytes_per_second (of text, mapped)
  results_waiting      in queues, for a reducer
  outcomes_durable     with its reducers: one for each chunk and partition that it concerns
  partitions, partitions_closed
  records, quarantined (while it runs: so far)
  quarantined_for      while it runs: the commonest reasons, [{reason, entries}]
  skipped_chunks       chunks that could not be run at all; replays (how often they were tried again)
  missing              chunks, of a stalled job; null if nobody knows how many
  dead                 messages that were set aside as unusable
  workers              {producers, mappers, reducers} seen in the last 2.5 seconds
  left_alone           why mappers do not work on it: reasons, and how many mappers for each;
                       reducers_left_alone (the same of reducers)
  waits_for            in words
  troubles             why workers cannot go on: a full disk, refused messages
  broker_alarm         why the broker takes no messages
  reports_error        why the workers cannot be heard

With --workers, an object {\"worker\": …} for each worker follows:
  host, pid, version, role (produce, map or reduce), threads, memory (bytes)
  jobs                 that it works on; none while it waits for one
  bytes_per_second     of text, mapped
  trouble              why it does not go on";

/// Options of `status`.
#[derive(Args, Debug)]
#[command(after_long_help = STATUS_JSON)]
pub struct StatusArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How long it is waited for.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// Only this job
    #[arg(value_name = "JOB")]
    pub job: Option<JobName>,
    /// Also the jobs that ended more than a day ago
    #[arg(long)]
    pub all: bool,
    /// List all workers, too, also those that have no job: it listens for 2.5 seconds
    #[arg(long)]
    pub workers: bool,
    /// One JSON object a job and line
    #[arg(long)]
    pub json: bool,
    /// Show it again and again, until JOB (or, without one, every job) has ended
    ///
    /// On a terminal it is one screen of jobs and workers that is drawn again in place, with
    /// colours unless NO_COLOR is set; Ctrl-C leaves it and gives the terminal back as it was.
    /// Elsewhere, and with TERM=dumb, lines are printed again and again.
    #[arg(long)]
    pub watch: bool,
}

/// Options of `dashboard`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill dashboard --results results/      http://127.0.0.1:8642/, finished jobs open their report
  gristmill dashboard --listen 0.0.0.0:8642 --token-file token.txt")]
pub struct DashboardArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How long it is waited for.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// Where the page is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8642")]
    pub listen: SocketAddr,
    /// A reducer's folder: finished jobs in it open their report
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// A file with the token that viewers must have; the page asks for it
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Serve others than this machine without a token, if they name it localhost: for a container
    /// whose port is published on 127.0.0.1 alone
    #[arg(long, conflicts_with = "token_file")]
    pub no_token: bool,
}

/// Options of `cancel`.
#[derive(Args, Debug)]
pub struct CancelArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How long it is waited for.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// The job
    #[arg(value_name = "JOB")]
    pub job: JobName,
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How long it is waited for.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// The job: one that is finished, with chunks that could not be run at all
    #[arg(value_name = "JOB")]
    pub job: JobName,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How long it is waited for.
    #[command(flatten)]
    pub patience: PatienceArgs,
}
