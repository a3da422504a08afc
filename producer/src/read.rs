//! Reading one split: opening its sources, peeling off what they are packed in, cutting them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{JobSpec, Limits};

use crate::cut::{Account, ChunkSink, Cutter, Place, Rules};
use crate::error::Halt;
use crate::plan::{Plan, Source, SourceKind};
use crate::sniff::{self, Format, sniff};
use crate::stream::{Damage, Gzip, Input, RawFile};

/// More levels than this are not followed whatever the limit says: each takes stack.
const MAX_DEPTH: u32 = 64;

/// What reading a job's splits needs beside the plan.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    #[expect(dead_code, reason = "nested zips, which need it, come next")]
    pub(crate) tmp: PathBuf,
    pub(crate) progress: &'a Progress,
    pub(crate) shutdown: &'a Shutdown,
}

impl<'a> Reading<'a> {
    /// Prepares reading; `tmp` is the folder for nested archives that need seeking.
    ///
    /// # Errors
    /// When the `--record-start` pattern is not a regular expression.
    pub fn new(
        plan: &'a Plan,
        spec: &JobSpec,
        tmp: PathBuf,
        progress: &'a Progress,
        shutdown: &'a Shutdown,
    ) -> Result<Self, regex::Error> {
        Ok(Self {
            plan,
            rules: Rules::new(spec, plan.chunk_size())?,
            limits: spec.limits,
            tmp,
            progress,
            shutdown,
        })
    }
}

/// Reads the split number `split` and gives its chunks to `sink`, in order. Splits are independent
/// of each other: any may be read at any time, on any thread.
///
/// # Errors
/// When a stop was asked for, the sink wants no more, or the job is to fail on damage.
pub fn read_split(
    reading: &Reading<'_>,
    split: u32,
    sink: &mut dyn ChunkSink,
) -> Result<Account, Halt> {
    let mut cutter = Cutter::new(&reading.rules, split, sink);
    let plan = reading.plan;
    let Some(planned) = plan.splits().get(split as usize) else {
        return cutter.finish();
    };
    for number in planned.sources.clone() {
        let source = &plan.sources()[number as usize];
        let mut walker = Walker {
            reading,
            cutter: &mut cutter,
            number,
            source,
        };
        walker.source()?;
        Progress::add(&reading.progress.sources_done, 1);
    }
    cutter.finish()
}

/// Walks one source: from layer to layer, down to the documents.
struct Walker<'w, 's> {
    reading: &'w Reading<'w>,
    cutter: &'w mut Cutter<'s>,
    number: u32,
    source: &'w Source,
}

impl<'w> Walker<'w, '_> {
    fn source(&mut self) -> Result<(), Halt> {
        let name = &self.source.name;
        match self.open() {
            Ok(file) => self.stream(name, Input::new(file), 0),
            Err(damage) => self.fault(name, 0, damage),
        }
    }

    fn open(&self) -> Result<RawFile<'w>, Damage> {
        let Reading {
            progress, shutdown, ..
        } = *self.reading;
        let cannot = |error: io::Error| Damage::unusable(format!("cannot be opened: {error}"));
        let path = &self.source.path;
        let (file, size) = match &self.source.kind {
            SourceKind::Unreadable { reason } => return Err(Damage::unusable(reason.clone())),
            SourceKind::File { size } => {
                // Not blocking, in case a FIFO took the file's place.
                let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
                let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
                let file = file.map_err(cannot)?;
                if !file.metadata().map_err(cannot)?.is_file() {
                    return Err(Damage::unusable("is no longer a regular file"));
                }
                (file, Some(*size))
            }
            SourceKind::Stream => (File::open(path).map_err(cannot)?, None),
            SourceKind::Stdin => {
                let stdin = rustix::io::dup(std::io::stdin());
                (File::from(stdin.map_err(|e| cannot(e.into()))?), None)
            }
        };
        Ok(RawFile::new(file, size, progress, shutdown))
    }

    fn place<'n>(&self, document: &'n [u8]) -> Place<'n>
    where
        'w: 'n,
    {
        Place {
            source: self.number,
            source_name: &self.source.name,
            document,
        }
    }

    fn fault(&mut self, document: &[u8], offset: u64, damage: Damage) -> Result<(), Halt> {
        let place = self.place(document);
        self.cutter.fault(place, offset, damage)
    }

    /// Cuts what the stream is, or what is in it, `depth` layers down.
    fn stream(&mut self, name: &[u8], mut input: Input<'_>, depth: u32) -> Result<(), Halt> {
        // Damage here is met again by whoever reads on.
        let format = input.want(sniff::ENOUGH).map_or(Format::Plain, sniff);
        let deepest = self.reading.limits.depth.min(MAX_DEPTH);
        if format != Format::Plain && depth >= deepest {
            let reason = format!("packed more than {deepest} levels deep (limit of depth)");
            return self.fault(name, 0, Damage::unusable(reason));
        }
        match format {
            Format::Plain => {
                let place = self.place(name);
                self.cutter.document(place, &mut input)
            }
            Format::Gzip => self.stream(name, Input::new(Gzip::new(input)), depth + 1),
        }
    }
}
