//! Options of the workers, `map` and `reduce`, and of what asks them for their health.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use gristmill_common::job::JobName;
use gristmill_common::size::ByteSize;

use super::broker::BrokerArgs;
use crate::program_args::ProgramArgs;

/// Where a worker answers questions about itself.
#[derive(Args, Clone, Copy, Debug)]
pub struct ListenArgs {
    /// Answer GET /livez, /readyz and /metrics (Prometheus) here, such as 127.0.0.1:9464
    /// [default: nowhere]
    ///
    /// Anybody who reaches the address may ask; answers hold no text of the inputs and no secrets.
    #[arg(
        long,
        value_name = "ADDR",
        env = "GRISTMILL_LISTEN",
        help_heading = "Operation"
    )]
    pub listen: Option<SocketAddr>,
}

/// Options of `health`.
#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 yes, 1 no or no answer")]
pub struct HealthArgs {
    /// Where the worker listens; 0.0.0.0 and `::` mean this machine
    #[arg(long, value_name = "ADDR", env = "GRISTMILL_LISTEN")]
    pub addr: SocketAddr,
    /// Only whether it is alive, whatever the broker does
    #[arg(long)]
    pub live: bool,
    /// How long an answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub timeout: u64,
}

/// Options of `map`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill map --broker amqp://queue.example        work on whatever comes
  gristmill map --job word-count-0123456789ab        only on this job, and end with it
  gristmill map --inputs /mnt/logs                   also on jobs whose files it reads itself
  gristmill map --inputs s3://bucket/logs/           also on jobs over these objects

SIGTERM or Ctrl-C: take nothing new, finish what is in hand, exit 0; a second one: at once.")]
pub struct MapArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// Questions about this process.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Only this job; the mapper ends when it does
    #[arg(long, value_name = "NAME")]
    pub job: Option<JobName>,
    /// Programs of jobs.
    #[command(flatten)]
    pub programs: ProgramArgs,
    /// A folder whose files jobs may have this mapper read (produce --send splits), or a URL such
    /// as s3://bucket/folder/; may be given several times [default: none]
    ///
    /// Whoever may submit a job reads what lies in it. Links that lead out of it are not followed.
    /// Objects are read with this process's credentials.
    #[arg(
        long,
        value_name = "DIR|URL",
        value_delimiter = ',',
        env = "GRISTMILL_INPUTS"
    )]
    pub inputs: Vec<PathBuf>,
    /// Folder for what programs read and write [default: the system's]
    #[arg(long, value_name = "DIR", env = "GRISTMILL_TMP")]
    pub tmp: Option<PathBuf>,
    /// Compute threads [default: one per core]
    #[arg(short = 'j', long, value_name = "N", env = "GRISTMILL_THREADS")]
    pub threads: Option<usize>,
    /// A chunk that takes longer is run apart, in processes that may use so much processor time
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        env = "GRISTMILL_CHUNK_TIMEOUT"
    )]
    pub chunk_timeout: u64,
    /// Memory of a process that runs a chunk apart [default: 1GiB, but half of the container's
    /// limit at most]
    #[arg(long, value_name = "SIZE", env = "GRISTMILL_CHUNK_MEMORY")]
    pub chunk_memory: Option<ByteSize>,
    /// How long a stop may take before it is enforced
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 25,
        env = "GRISTMILL_DRAIN_TIMEOUT"
    )]
    pub drain_timeout: u64,
}

/// Options of `reduce`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill reduce -o results/                       finished jobs land in results/JOB/
  gristmill reduce -o state/ --publish s3://bucket/results     and in s3://bucket/results/JOB/
  gristmill reduce -o results/ --exec signed --exec-keys team.key.pub     runs reduce programs, too

Any number of reducers may share a folder, and share the work then; a job belongs to one folder.

SIGTERM or Ctrl-C: make durable what was taken, exit 0; a second one: at once.")]
pub struct ReduceArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// Questions about this process.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Folder for the finished jobs, and for the ledgers of the unfinished
    #[arg(short, long, value_name = "DIR", env = "GRISTMILL_OUTPUT")]
    pub output: PathBuf,
    /// Put each finished job's output to object storage too, such as s3://bucket/results: its files
    /// land in URL/JOB, the manifest last, before the job counts as finished
    #[arg(long, value_name = "URL", env = "GRISTMILL_PUBLISH")]
    pub publish: Option<String>,
    /// Memory for reduce state, at least 16MiB; what does not fit goes to temporary files [default:
    /// 64MiB, but half of the container's limit at most]
    #[arg(long, value_name = "SIZE", env = "GRISTMILL_MEMORY")]
    pub memory: Option<ByteSize>,
    /// Only this job; the reducer ends when it does, with 3 if anything was quarantined
    #[arg(long, value_name = "NAME")]
    pub job: Option<JobName>,
    /// Programs of jobs.
    #[command(flatten)]
    pub programs: ProgramArgs,
    /// Folder for temporary files [default: the system's]
    #[arg(long, value_name = "DIR", env = "GRISTMILL_TMP")]
    pub tmp: Option<PathBuf>,
    /// A sealed job that lacks chunks counts as stalled when nothing was heard of it for so long
    /// (mappers say every 10 seconds that they are at work)
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 600,
        env = "GRISTMILL_STALL_AFTER"
    )]
    pub stall_after: u64,
    /// How long a stop may take before it is enforced
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 25,
        env = "GRISTMILL_DRAIN_TIMEOUT"
    )]
    pub drain_timeout: u64,
}
