//! How and where programs run on this machine: none of it decides the output's bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use gristmill_common::large::LargeDocuments;
use gristmill_common::own_program::own_program;
use gristmill_common::shutdown::Shutdown;

use super::confine::Confinement;

/// The machine's side of an `exec` job.
#[derive(Clone, Debug)]
pub struct Host {
    /// The binary `gristmill`, which is started again as the keeper of each program.
    pub gristmill: PathBuf,
    /// The folder for the programs' private folders.
    pub tmp: PathBuf,
    /// The folder that relative paths of the command line start at.
    pub folder: PathBuf,
    /// The program came with a job from elsewhere, and its files are in `folder`: what it names by
    /// a relative path must be among them.
    pub from_elsewhere: bool,
    /// How programs are confined, if they are.
    pub confinement: Option<Confinement>,
    /// Programs by name that are not looked for on the `PATH`.
    pub programs_at: BTreeMap<String, PathBuf>,
    /// The most programs that run at a time.
    pub programs: usize,
    /// How many workers are started at once, before there is anything to do; at least one.
    pub at_once: usize,
    /// Whether the job goes on although its first units all fail in the same way.
    pub keep_going: bool,
    /// Whether the programs' stderr is shown even if they end well.
    pub echo: bool,
    /// Where documents are that are too large for a chunk.
    pub large: Option<Arc<LargeDocuments>>,
    /// When it asks for a stop, programs are killed.
    pub shutdown: Shutdown,
}

impl Host {
    /// This machine as it is.
    #[must_use]
    pub fn here() -> Self {
        Self {
            gristmill: own_program().unwrap_or_else(|_| "gristmill".into()),
            tmp: std::env::temp_dir(),
            folder: std::env::current_dir().unwrap_or_else(|_| "/".into()),
            from_elsewhere: false,
            confinement: None,
            programs_at: BTreeMap::new(),
            programs: std::thread::available_parallelism().map_or(1, usize::from),
            at_once: 1,
            keep_going: false,
            echo: false,
            large: None,
            shutdown: Shutdown::new(),
        }
    }

    /// How many programs of up to `memory` bytes each may run at a time: as many as wanted, unless
    /// this machine has not the memory.
    pub(super) fn programs(&self, memory: u64) -> usize {
        let total = std::fs::read_to_string("/proc/meminfo").ok();
        let total = total.as_deref().and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("MemTotal:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        let fit = total.map_or(usize::MAX, |total| (total * 1024 / memory.max(1)) as usize);
        self.programs.min(fit).max(1)
    }
}
