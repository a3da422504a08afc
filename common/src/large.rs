//! Documents too large for a chunk: files in a folder that the reader and the mapper of one process
//! share, within a bound.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::shutdown::Shutdown;
use crate::temp_folder::TempFolder;

/// How often a stop is looked for while there is no room.
const LOOK: Duration = Duration::from_millis(100);

/// Where large documents wait for their mapper. Its folder goes with it.
#[derive(Debug)]
pub struct LargeDocuments {
    folder: TempFolder,
    /// The largest document, in bytes.
    largest: u64,
    used: Mutex<u64>,
    freed: Condvar,
    shutdown: Shutdown,
}

impl LargeDocuments {
    /// Room for two documents of `largest` bytes, in a new folder in `tmp`.
    ///
    /// # Errors
    /// When there can be no folder.
    pub fn new(tmp: &Path, largest: u64, shutdown: &Shutdown) -> io::Result<Arc<Self>> {
        let folder = TempFolder::new(tmp, "large")?;
        Ok(Arc::new(Self {
            folder,
            largest,
            used: Mutex::default(),
            freed: Condvar::new(),
            shutdown: shutdown.clone(),
        }))
    }

    /// The largest document, in bytes.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// The folder of all documents.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of a document, named by its split and its number there.
    #[must_use]
    pub fn path(&self, split: u32, ordinal: u32) -> PathBuf {
        self.folder.path().join(format!("{split}-{ordinal}"))
    }

    /// Waits for room for a document of any allowed size; false after a stop.
    #[must_use]
    pub fn reserve(&self) -> bool {
        let mut used = self.used.lock();
        while *used > self.largest {
            if self.shutdown.is_stopping() {
                return false;
            }
            self.freed.wait_for(&mut used, LOOK);
        }
        *used += self.largest;
        true
    }

    /// Gives room back: what a document did not need, or all of it.
    pub fn free(&self, bytes: u64) {
        let mut used = self.used.lock();
        *used = used.saturating_sub(bytes);
        self.freed.notify_all();
    }

    /// Removes a document of `bytes` bytes.
    pub fn remove(&self, split: u32, ordinal: u32, bytes: u64) {
        // What cannot be removed goes with the folder.
        if std::fs::remove_file(self.path(split, ordinal)).is_ok() {
            self.free(bytes);
        }
    }
}
