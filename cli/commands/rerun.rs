//! `gristmill verify --rerun`: some of an exec job's chunks run again, for programs that do not
//! give the same twice.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use gristmill_common::chunk::ChunkHead;
use gristmill_common::code::first_changed;
use gristmill_common::entries::Entry;
use gristmill_common::id::content_hash;
use gristmill_common::large::LargeDocuments;
use gristmill_common::name::shown;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{Each, Exec, Format, JobSpec, Kind, Shape};
use gristmill_input::{ChunkSink, Halt, Plan, Reading, read_split};
use gristmill_mapper::{Host, Prepared, Rerun};
use gristmill_reducer::part_name;
use memchr::memmem;

use crate::commands::set_aside::SetAside;
use crate::exit::usage;

/// How much of a part is searched at a time, in bytes.
const WINDOW: usize = 4 << 20;
/// The most findings.
const FINDINGS: usize = 100;

/// A share of chunks: `1%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text
            .strip_suffix('%')
            .and_then(|text| text.trim().parse().ok());
        let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
        percent
            .map(Share)
            .ok_or_else(|| format!("`{text}` is no percentage such as 1%"))
    }
}

impl Share {
    /// Whether a chunk belongs to it: the same chunks each time, the first always.
    fn has(self, head: &ChunkHead) -> bool {
        let id = head.id;
        let place = content_hash(id.to_string().as_bytes()) as f64 / u64::MAX as f64;
        (id.split, id.index) == (0, 0) || place * 100.0 < self.0
    }
}

/// What was run again.
#[derive(Debug, Default)]
pub struct Reran {
    /// Chunks run.
    pub chunks: u64,
    /// Chunks there are.
    pub of: u64,
    /// What is not as it was, in words.
    pub findings: Vec<String>,
}

/// Runs a share of the chunks of an output's job twice, and looks for the results in its parts.
///
/// # Errors
/// When the job is none of `exec`, its program is another by now, or the inputs cannot be read.
pub fn rerun(output: &Path, spec: &JobSpec, plan: &Plan, share: Share) -> anyhow::Result<Reran> {
    let Kind::Exec(exec) = &spec.kind else {
        return Err(usage(
            "--rerun is for outputs of exec: all other kinds give the same always",
        ));
    };
    check_files(exec)?;
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let tmp = std::env::temp_dir();
    let large = match exec.each {
        Each::Document => Some(LargeDocuments::new(&tmp, spec.max_record, &shutdown)?),
        Each::Record | Each::Chunk => None,
    };
    let host = Host {
        keep_going: true,
        ..Host::here()
    };
    let ready = || {
        let prepared = Prepared::on(spec, Vec::new(), &host);
        prepared.map_err(|error| usage(error.to_string()))
    };
    let (one, other) = (ready()?, ready()?);
    let reading = Reading::new(plan, spec, tmp, &progress, &shutdown)?.with_large(large.clone());
    let mut again = Again {
        rerun: Rerun::new(&one, &other),
        prepared: [&one, &other],
        set_aside: SetAside::read(output)?,
        share,
        large,
        parts: PartFiles::of(output, spec),
        reran: Reran::default(),
    };
    for split in 0..plan.splits().len() as u32 {
        match read_split(&reading, split, &mut again) {
            Ok(_) => {}
            Err(Halt::Stopped) => break,
            Err(halt) => return Err(halt.into()),
        }
    }
    Ok(again.reran)
}

/// Refuses a program that is not the one that the output is of.
fn check_files(exec: &Exec) -> anyhow::Result<()> {
    let Some((file, error)) = first_changed(&exec.files, Path::new("")) else {
        return Ok(());
    };
    let name = &file.name;
    Err(usage(match error {
        Some(error) => format!("--rerun: {name}: {error}"),
        None => format!("--rerun: {name} is not the file that the output was made with"),
    }))
}

struct Again<'a> {
    rerun: Rerun,
    prepared: [&'a Prepared; 2],
    set_aside: SetAside,
    share: Share,
    large: Option<std::sync::Arc<LargeDocuments>>,
    parts: Option<PartFiles>,
    reran: Reran,
}

impl ChunkSink for Again<'_> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        self.reran.of += 1;
        let mut runs = self.share.has(&head);
        for piece in head.pieces.iter().filter(|piece| piece.large > 0) {
            // What is too large for a chunk is gone after one run.
            runs = false;
            if let Some(large) = &self.large {
                large.remove(head.id.split, piece.ordinal, piece.large);
            }
        }
        if !runs {
            return Ok(());
        }
        self.reran.chunks += 1;
        let reran = self.rerun.chunk(self.prepared[0], &head, &body);
        if let Some(why) = self.prepared.iter().find_map(|run| run.cannot_go_on()) {
            return Err(Halt::Sink(format!("--rerun: {why}").into()));
        }
        let what = judge(&reran, &self.set_aside, self.parts.as_mut())
            .map_err(|error| Halt::Sink(error.into()))?;
        if let (Some(what), Some(piece)) = (what, head.pieces.first()) {
            let name = shown(&piece.document);
            let finding = format!(
                "chunk {} ({name} at byte {}): {what}",
                head.id, piece.offset
            );
            self.reran.findings.push(finding);
        }
        match self.reran.findings.len() >= FINDINGS {
            true => Err(Halt::Stopped),
            false => Ok(()),
        }
    }
}

/// What is not as it was, in words, if anything is.
fn judge(
    reran: &gristmill_mapper::Reran<'_>,
    set_aside: &SetAside,
    parts: Option<&mut PartFiles>,
) -> io::Result<Option<String>> {
    if !reran.same {
        return Ok(Some("your program gave two results".into()));
    }
    let records = |entries: &mut dyn Iterator<Item = Entry<'_>>| {
        entries
            .map(|entry| entry.records())
            .fold(0, u64::saturating_add)
    };
    let now = records(&mut reran.set_aside.iter());
    let new = records(&mut (reran.set_aside.iter()).filter(|entry| !set_aside.has(entry)));
    if new > 0 {
        return Ok(Some(format!(
            "{now} records are set aside now, {new} of them not in the output's quarantine"
        )));
    }
    let found = match parts {
        Some(parts) => parts.find(reran.results)?,
        None => true,
    };
    Ok((!found).then(|| "your program gave two results: this one is not in the output".into()))
}

/// The part files of an output in input order, searched forwards.
struct PartFiles {
    paths: std::vec::IntoIter<PathBuf>,
    part: Option<File>,
    /// Where in the part the last result that was found ends.
    at: u64,
}

impl PartFiles {
    /// The files, if results stand in them as the program wrote them.
    fn of(output: &Path, spec: &JobSpec) -> Option<Self> {
        let plain = spec.kind.shape() == Shape::Ordered
            && spec.compress.is_none()
            && spec.format != Format::Tar;
        let paths: Vec<_> = (0..spec.partitions)
            .map(|partition| output.join(part_name(partition, spec)))
            .collect();
        plain.then(|| Self {
            paths: paths.into_iter(),
            part: None,
            at: 0,
        })
    }

    /// Whether a chunk's results stand behind those that were found before. Those of one chunk are
    /// in one part.
    fn find(&mut self, wanted: &[u8]) -> io::Result<bool> {
        if wanted.is_empty() {
            return Ok(true);
        }
        let mut paths = self.paths.clone();
        if let Some(part) = &mut self.part
            && let Some(end) = search(part, self.at, wanted)?
        {
            self.at = end;
            return Ok(true);
        }
        while let Some(path) = paths.next() {
            let mut part = File::open(path)?;
            if let Some(end) = search(&mut part, 0, wanted)? {
                (self.paths, self.part, self.at) = (paths, Some(part), end);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where `wanted` ends in a file, if it stands behind `from`.
fn search(file: &mut File, from: u64, wanted: &[u8]) -> io::Result<Option<u64>> {
    let finder = memmem::Finder::new(wanted);
    let mut window = Vec::new();
    let mut at = from;
    file.seek(SeekFrom::Start(from))?;
    loop {
        let most = (WINDOW.max(wanted.len()) + wanted.len()) as u64 - window.len() as u64;
        let got = Read::by_ref(file).take(most).read_to_end(&mut window)?;
        if let Some(found) = finder.find(&window) {
            return Ok(Some(at + (found + wanted.len()) as u64));
        }
        if got == 0 {
            return Ok(None);
        }
        let over = window.len().saturating_sub(wanted.len() - 1);
        window.drain(..over);
        at += over as u64;
    }
}
