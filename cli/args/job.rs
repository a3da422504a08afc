//! How a job is run or fed to a broker: options of `run` and `produce`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gristmill_common::job::JobName;
use gristmill_common::size::ByteSize;

use super::broker::{BrokerArgs, PatienceArgs};

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
    /// Known so that it is refused with the way out: results go where the reducers put them.
    #[arg(short, long, value_name = "DIR", hide = true)]
    pub output: Option<PathBuf>,
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
    /// What travels: the text in chunks; compressed files as they are; or splits, which name files
    /// that mappers read themselves [default: splits where all inputs are URLs; files where most
    /// are compressed and small, but for pos and exec; else chunks]
    ///
    /// With files, compressed files and archives of up to 12 MiB travel as they lie on disk, and
    /// mappers unpack them; of all others the text travels in chunks. It takes the producer a tenth
    /// of the time.
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
    /// Small compressed inputs as they are, and the text of others in chunks.
    Files,
    /// The names of the inputs, for mappers to read.
    Splits,
}
