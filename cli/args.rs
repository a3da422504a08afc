//! The command line of the binary: its subcommands and what every one of them understands.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use gristmill_common::job::JobName;
use gristmill_common::size::ByteSize;
use gristmill_rabbitmq::DEFAULT_HEARTBEAT;

use crate::commands::exec_key::ExecKeyArgs;
use crate::commands::fields::FieldsArgs;
use crate::commands::rerun::Share;
use crate::commands::tagger::TaggerCommand;
use crate::job_args::KindCommand;
use crate::program_args::ProgramArgs;

/// The version and the git revision that was built.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("GRISTMILL_BUILT_FROM"),
    ")"
);

/// Run a text job over a pile of archives, and prove that nothing was lost or doubled.
#[derive(Parser, Debug)]
#[command(
    name = "gristmill",
    version = VERSION,
    about,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  gristmill run word-count corpus/ -o out          count the words of every file in a folder
  gristmill run access-log --by status logs/       hits and bytes by status, to the terminal
  gristmill run wc s3://bucket/texts/              over object storage
  gristmill fields app.jsonl                       what a log holds, for run group-by
  gristmill verify out logs/                       check the output against its inputs

Exit codes:
  0 complete   1 failed   2 usage   3 complete, but more is in quarantine than allowed   130 interrupted"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say nothing but errors
    #[arg(
        short,
        long,
        global = true,
        env = "GRISTMILL_QUIET",
        value_parser = FalseyValueParser::new()
    )]
    pub quiet: bool,
    /// How the workers' log is written to stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "GRISTMILL_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
    /// Say more; where stderr is no terminal, print progress now and then
    #[arg(
        long,
        global = true,
        conflicts_with = "quiet",
        env = "GRISTMILL_VERBOSE",
        value_parser = FalseyValueParser::new()
    )]
    pub verbose: bool,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a job on this machine: archives in, merged files out
    #[command(subcommand)]
    Run(Box<KindCommand<RunArgs>>),
    /// Feed a job to a broker: archives in, chunks on its queues
    ///
    /// Prints the job's name. Run again, it resumes: what the broker has is not sent twice.
    #[command(subcommand)]
    Produce(Box<KindCommand<ProduceArgs>>),
    /// Work on the jobs of a broker, one compute thread per core, until told to stop
    Map(MapArgs),
    /// Merge the results of a broker's jobs into files, until told to stop
    Reduce(ReduceArgs),
    /// Show the jobs of a broker: how far they are, how fast, and what they wait for
    ///
    /// While a job is active it listens to the workers' reports for 2.5 seconds.
    Status(StatusArgs),
    /// Show the jobs of a broker on a web page, live
    ///
    /// The page changes nothing. It is for this machine alone unless --token-file says otherwise.
    Dashboard(DashboardArgs),
    /// Cancel a job: its queues and results are dropped
    Cancel(CancelArgs),
    /// Try the chunks again that could not be run at all, and complete the output
    Replay(ReplayArgs),
    /// Make a pair of keys, with which mappers know whose programs to run
    ExecKey(ExecKeyArgs),
    /// Ask a worker's --listen address whether it is ready: exit code 0, or 1
    Health(HealthArgs),
    /// Check whether a broker is fit, with the way out of what it finds
    Doctor(DoctorArgs),
    /// Map one chunk; for `map` itself
    #[command(hide = true, name = gristmill_mapper::SUBCOMMAND)]
    IsolatedChunk,
    /// Read one split; for `map` itself
    #[command(hide = true, name = gristmill_mapper::READER)]
    IsolatedSplit,
    /// Run programs; for `run exec` itself
    #[command(hide = true, name = gristmill_mapper::KEEPER)]
    ExecKeeper,
    /// Check an output folder: every file's hash, and that no record is missing
    Verify(VerifyArgs),
    /// Write an output folder as one HTML page: account, result, what was set aside, hashes
    Report(ReportArgs),
    /// Show what a log holds: its fields, how many records have each, types and examples
    Fields(FieldsArgs),
    /// Train and measure models for pos
    #[command(subcommand)]
    Tagger(TaggerCommand),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder; it is made if it is missing
        dir: PathBuf,
    },
}

/// Options of `run`: none of them changes the output's bytes.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Folder for the results, s3://BUCKET/FOLDER, or - to write the one part to stdout
    #[arg(
        short,
        long,
        value_name = "OUT",
        default_value = "-",
        help_heading = "Output"
    )]
    pub output: PathBuf,
    /// Replace an earlier job's output in OUT (nothing else is ever replaced)
    #[arg(long, help_heading = "Output")]
    pub force: bool,
    /// Write the results as a page too, OUT.report.html beside OUT
    #[arg(long, help_heading = "Output")]
    pub report: bool,
    /// With -o -: where the quarantined records go
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub quarantine: Option<PathBuf>,
    /// With -o -: where the manifest goes
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub manifest: Option<PathBuf>,
    /// Threads for reading and threads for computing [default: one per core]
    #[arg(
        short = 'j',
        long,
        value_name = "N",
        env = "GRISTMILL_THREADS",
        help_heading = "Resources"
    )]
    pub threads: Option<usize>,
    /// Memory for buffers and reduce state, at least 16MiB; what does not fit goes to temporary
    /// files [default: 512MiB, but half of the container's limit at most]
    #[arg(
        long,
        value_name = "SIZE",
        env = "GRISTMILL_MEMORY",
        help_heading = "Resources"
    )]
    pub memory: Option<ByteSize>,
    /// How the input is cut.
    #[command(flatten)]
    pub cutting: CuttingArgs,
}

/// How the input is cut, in one process or for a broker.
#[derive(Args, Clone, Debug)]
pub struct CuttingArgs {
    /// Only show what would be read: each source's format, size and splits, and what would be set
    /// aside
    #[arg(long, help_heading = "Input")]
    pub dry_run: bool,
    /// Text in one chunk, the unit of work, from 4KiB to 2MiB [default: 1MiB; for a broker, where
    /// each message costs, 2MiB, and 512KiB for pos, 128KiB for exec]
    #[arg(
        long,
        value_name = "SIZE",
        env = "GRISTMILL_CHUNK_SIZE",
        help_heading = "Resources"
    )]
    pub chunk_size: Option<ByteSize>,
    /// Folder for temporary files [default: the system's]
    #[arg(
        long,
        value_name = "DIR",
        env = "GRISTMILL_TMP",
        help_heading = "Resources"
    )]
    pub tmp: Option<PathBuf>,
}

/// How to reach the broker.
#[derive(Args, Clone, Debug)]
pub struct BrokerArgs {
    /// amqp://user:password@host:port/vhost or amqps://…; several hosts or URLs, separated by
    /// commas, are the nodes of one broker [default: amqp://127.0.0.1]
    ///
    /// May be given several times. All nodes, and all addresses of a name, are tried; a role whose
    /// node is gone goes on with another. In user, password and virtual host write %2F for /, %40
    /// for @, %3A for : and %25 for %. A password here shows in the process list: --broker-file or
    /// the environment hide it.
    #[arg(
        long,
        value_name = "URL",
        env = "GRISTMILL_BROKER",
        hide_env_values = true,
        help_heading = "Broker"
    )]
    pub broker: Vec<String>,
    /// A file with the URL or URLs (a mounted secret)
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_BROKER_FILE",
        conflicts_with = "broker",
        help_heading = "Broker"
    )]
    pub broker_file: Option<PathBuf>,
    /// In which order the nodes of the broker are tried
    #[arg(
        long,
        value_name = "ORDER",
        value_enum,
        default_value = "shuffled",
        env = "GRISTMILL_BROKER_ORDER",
        help_heading = "Broker"
    )]
    pub broker_order: NodeOrder,
    /// For amqps: a PEM file of certificate authorities to trust instead of the system's
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_CA",
        help_heading = "Broker"
    )]
    pub ca: Option<PathBuf>,
    /// For amqps: a PEM file with the client's certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_CLIENT_CERT",
        requires = "client_key",
        help_heading = "Broker"
    )]
    pub client_cert: Option<PathBuf>,
    /// For amqps: a PEM file with the client's key
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_CLIENT_KEY",
        requires = "client_cert",
        help_heading = "Broker"
    )]
    pub client_key: Option<PathBuf>,
    /// Seconds of silence after which both sides give the connection up (about twice); 0 is never
    #[arg(long, value_name = "SECONDS", env = "GRISTMILL_HEARTBEAT", default_value_t = DEFAULT_HEARTBEAT, help_heading = "Broker")]
    pub heartbeat: u16,
}

/// In which order the nodes of a broker are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum NodeOrder {
    /// In another order each time, so that many processes share the nodes
    Shuffled,
    /// As they are listed
    Listed,
}

/// How long a command that does not serve waits for a broker.
#[derive(Args, Clone, Copy, Debug)]
pub struct PatienceArgs {
    /// Give up, with exit code 1, when no broker has answered for so long; 0 is never
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        env = "GRISTMILL_CONNECT_TIMEOUT",
        help_heading = "Broker"
    )]
    pub connect_timeout: u64,
}

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

/// Options of `produce`: none of them changes the output's bytes.
#[derive(Args, Debug)]
pub struct ProduceArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How long it is waited for.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// The job's name [default: the kind and a hash of options and inputs]
    #[arg(long, value_name = "NAME", help_heading = "Job")]
    pub job: Option<JobName>,
    /// Wait until the job is done, and end with its exit code
    #[arg(long, help_heading = "Job")]
    pub wait: bool,
    /// Write the results as a page too, JOB.report.html beside the job's folder, where this command
    /// sees that folder
    #[arg(long, requires = "wait", help_heading = "Job")]
    pub report: bool,
    /// Run anew what is finished or has failed, or what belongs to an output directory that no
    /// reducer serves, and replace its output
    #[arg(long, help_heading = "Job")]
    pub force: bool,
    /// What travels: the text in chunks, or splits, which name files that mappers read themselves
    /// [default: splits where all inputs are URLs, else chunks]
    ///
    /// With splits the producer reads nothing, and more mappers make the job faster: the files must
    /// lie under the same path for them, in a folder that `gristmill map --inputs` names, or be
    /// objects in a folder of a URL that it names.
    #[arg(
        long,
        value_name = "WHAT",
        env = "GRISTMILL_SEND",
        help_heading = "Job"
    )]
    pub send: Option<SendWord>,
    /// For exec: vouch for the program with this key of `gristmill exec-key`, for seven days
    #[arg(
        long,
        value_name = "KEYFILE",
        env = "GRISTMILL_SIGN",
        help_heading = "Job"
    )]
    pub sign: Option<PathBuf>,
    /// Bytes of chunks that may lie on the broker, and half of it of results; past it the producer
    /// waits (at least 32MiB)
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1GiB",
        env = "GRISTMILL_BACKLOG",
        help_heading = "Resources"
    )]
    pub backlog: ByteSize,
    /// Threads for reading [default: one per core]
    #[arg(
        short = 'j',
        long,
        value_name = "N",
        env = "GRISTMILL_THREADS",
        help_heading = "Resources"
    )]
    pub threads: Option<usize>,
    /// How the input is cut.
    #[command(flatten)]
    pub cutting: CuttingArgs,
}

/// What a producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SendWord {
    /// The text of the inputs, in chunks.
    Chunks,
    /// The names of the inputs, for mappers to read.
    Splits,
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
  chunks_per_second, bytes_per_second (of text, mapped)
  results_waiting      in queues, for a reducer
  outcomes_durable     with its reducers: one for each chunk and partition that it concerns
  partitions, partitions_closed
  records, quarantined (while it runs: so far)
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

/// Options of `report`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill report out                   writes out.report.html beside the folder
  gristmill report out -o - | less       the page to stdout

The page is one file: it needs no network, and its tables are there without scripts.
Exit codes: 0 written, 1 the folder is no output, or does not hold what its manifest says")]
pub struct ReportArgs {
    /// Folder with a job's results
    #[arg(value_name = "OUT")]
    pub folder: PathBuf,
    /// The page's file, or - for stdout [default: OUT.report.html]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
}

/// Options of `verify`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill verify out            hashes, and records in = mapped + quarantined per source
  gristmill verify out logs/      the same, with the records counted anew from the inputs
  gristmill verify out logs/ --rerun 1%   and a sample of an exec job's chunks run again
  gristmill verify s3://bucket/out        an output in object storage

Exit codes: 0 it holds, 1 it does not")]
pub struct VerifyArgs {
    /// Folder with a job's results, or its s3:// URL
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// The job's inputs, as they were given to it: their records are counted anew
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<std::ffi::OsString>,
    /// Paths in an @LIST end with a NUL byte
    #[arg(short = '0', long)]
    pub null: bool,
    /// Threads for reading [default: one per core]
    #[arg(short = 'j', long, value_name = "N", env = "GRISTMILL_THREADS")]
    pub threads: Option<usize>,
    /// Run this share of an exec job's chunks twice, in the folder where it was run, and look for
    /// their results in the output
    #[arg(long, value_name = "P%", requires = "inputs")]
    pub rerun: Option<Share>,
}
