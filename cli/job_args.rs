//! The options of every job, whatever it does.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use gristmill_common::size::ByteSize;
use gristmill_common::spec::{
    Compress, Each, EncodingErrors, Format, JobSpec, Kind, Limits, MAX_PARTITIONS, MAX_RECORD,
    OnCorrupt, Records, SPEC_VERSION,
};

use crate::exit::usage;
use crate::quarantine_limit::QuarantineLimit;

/// Options of every job: all of them decide the output's bytes, but for `--allow-quarantine` and
/// `--max-expanded`.
#[derive(Args, Debug)]
pub struct JobArgs {
    /// Files, folders, URLs (s3://, gs://, az://, https://), - for stdin, or @LIST for a file with
    /// one path a line (see -0)
    ///
    /// Formats are detected from content, not from names: plain text, gzip, bzip2, xz, lzip, lzma,
    /// zstd, lz4, zlib, snappy, zip, tar, ar (.deb), cpio, and these inside each other. UTF-16 with
    /// a byte-order mark is decoded. What is no text, such as an image, is named and set aside;
    /// exec takes any bytes as they are. Lines of an @LIST may end with CRLF.
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// Paths in an @LIST end with a NUL byte, as `find -print0` writes them
    #[arg(short = '0', long, help_heading = "Input")]
    pub null: bool,
    /// In folders and archives, only files that match one of these globs
    ///
    /// A glob without a slash is for the file's name, one with a slash for its path in the folder
    /// or archive. An archive that matches itself is read whole; any other, told by its bytes, is
    /// opened, and its members are chosen by their own paths. At a URL, an archive that does not
    /// match is opened only if its name ends as those of archives do (.zip, .tar.gz, …).
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    pub include: Vec<String>,
    /// In folders and archives, no files that match one of these globs
    ///
    /// A folder that matches is left out with all that is below it: --exclude node_modules.
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    pub exclude: Vec<String>,
    /// In folders, read files and folders whose names begin with a dot too
    #[arg(long, short = '.', help_heading = "Input")]
    pub hidden: bool,
    /// In folders, follow links
    #[arg(long, short = 'L', help_heading = "Input")]
    pub follow: bool,
    /// What a record is [default: lines; extract: document]
    #[arg(long, value_enum, help_heading = "Input")]
    pub records: Option<RecordsArg>,
    /// A record begins at each line that matches (for stack traces)
    #[arg(
        long,
        value_name = "REGEX",
        conflicts_with = "records",
        help_heading = "Input"
    )]
    pub record_start: Option<String>,
    /// What happens to records that are not UTF-8
    #[arg(long, value_enum, default_value = "keep", help_heading = "Input")]
    pub encoding_errors: EncodingErrors,
    /// The longest record; a longer one is quarantined, but for wc, which has no limit
    /// (at most 64MiB; over a broker 3MiB)
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "2MiB",
        help_heading = "Input"
    )]
    pub max_record: ByteSize,
    /// Damaged archives: use what is good and quarantine the rest, or fail
    #[arg(long, value_enum, default_value = "salvage", help_heading = "Input")]
    pub on_corrupt: OnCorrupt,
    /// Archives inside archives, at most N levels
    #[arg(long, value_name = "N", default_value_t = Limits::default().depth, help_heading = "Input")]
    pub max_depth: u32,
    /// Members of one source, over all its levels
    #[arg(long, value_name = "N", default_value_t = Limits::default().entries, help_heading = "Input")]
    pub max_entries: u64,
    /// The largest nested archive that may be copied to a temporary file because it needs seeking
    ///
    /// It bounds the holes of a sparse tar member, too.
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(Limits::default().spool), help_heading = "Input")]
    pub max_spool: ByteSize,
    /// The most bytes of text that all sources together may unfold to; past it the job fails
    #[arg(
        long,
        value_name = "SIZE",
        env = "GRISTMILL_MAX_EXPANDED",
        help_heading = "Input"
    )]
    pub max_expanded: Option<ByteSize>,
    /// Number of part files, up to 256
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Output")]
    pub partitions: u32,
    /// Form of the part files [default: the kind's own; group-by on a terminal: table]
    ///
    /// word-count, access-log: tsv, jsonl. wc: jsonl, tsv. grep: text; with -c or -l text, jsonl.
    /// group-by: tsv, jsonl, csv, table. extract: jsonl. pos: text, conllu, jsonl.
    #[arg(long, value_enum, help_heading = "Output")]
    pub format: Option<Format>,
    /// Compress the part files
    #[arg(long, value_enum, help_heading = "Output")]
    pub compress: Option<Compress>,
    /// The most bytes of quarantine.jsonl; past it the job fails
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256MiB",
        help_heading = "Output"
    )]
    pub max_quarantine: ByteSize,
    /// Exit with 0, not 3, while at most N records or P % of them are quarantined
    #[arg(
        long,
        value_name = "N|P%",
        default_value = "0",
        env = "GRISTMILL_ALLOW_QUARANTINE",
        help_heading = "Output"
    )]
    pub allow_quarantine: QuarantineLimit,
}

/// `--records` as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RecordsArg {
    /// Lines, ended by LF or CRLF
    Lines,
    /// Separated by blank lines
    Paragraphs,
    /// The whole document
    Document,
}

impl JobArgs {
    /// The spec of a job that does this.
    ///
    /// # Errors
    /// A usage error that names the option and the way out.
    pub fn spec(&self, kind: Kind) -> anyhow::Result<JobSpec> {
        if self.max_record.0 == 0 || self.max_record.0 > MAX_RECORD {
            return Err(usage(format!(
                "--max-record {}: from 1B to {}",
                self.max_record,
                ByteSize(MAX_RECORD)
            )));
        }
        if self.partitions == 0 || self.partitions > MAX_PARTITIONS {
            return Err(usage(format!(
                "--partitions {}: from 1 to {MAX_PARTITIONS}",
                self.partitions
            )));
        }
        let formats = kind.formats();
        let format = self.format.unwrap_or(formats[0]);
        if !formats.contains(&format) {
            let known: Vec<String> = formats.iter().map(|format| format_name(*format)).collect();
            return Err(usage(format!(
                "--format {}: {} writes {}",
                format_name(format),
                kind.name(),
                known.join(" or ")
            )));
        }
        let records = match (&self.record_start, self.records) {
            (Some(pattern), _) => Records::Start(pattern.clone()),
            (None, Some(RecordsArg::Lines)) => Records::Lines,
            (None, Some(RecordsArg::Paragraphs)) => Records::Paragraphs,
            (None, Some(RecordsArg::Document)) => Records::Document,
            (None, None) => kind.default_records(),
        };
        if let Kind::Exec(exec) = &kind
            && (exec.each == Each::Document) != (records == Records::Document)
        {
            return Err(usage(match exec.each {
                Each::Document => {
                    "exec: --each document takes whole documents, and --records says what else a record \
                     is: leave one of them out"
                }
                _ => {
                    "exec: --records document makes a record of a whole document: that is --each document"
                }
            }));
        }
        Ok(JobSpec {
            version: SPEC_VERSION,
            kind,
            records,
            encoding_errors: self.encoding_errors,
            max_record: self.max_record.0,
            on_corrupt: self.on_corrupt,
            limits: Limits {
                depth: self.max_depth,
                entries: self.max_entries,
                spool: self.max_spool.0,
            },
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            hidden: self.hidden,
            follow: self.follow,
            partitions: self.partitions,
            format,
            compress: self.compress,
            max_quarantine: self.max_quarantine.0,
        })
    }
}

fn format_name(format: Format) -> String {
    format
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}
