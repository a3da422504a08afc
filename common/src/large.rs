//! Documents too large for a chunk: files in a folder that the reader and the mapper of one process
//! share, within a bound. What is read of them must be what was written: programs get at the files.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use xxhash_rust::xxh3::Xxh3;

use crate::id::content_hash;
use crate::shutdown::Shutdown;
use crate::temp_folder::TempFolder;

/// How often a stop is looked for while there is no room.
const LOOK: Duration = Duration::from_millis(100);
/// How much of a file is hashed at once, in bytes.
const BLOCK: usize = 256 << 10;

/// Where large documents wait for their mapper. Its folder goes with it.
#[derive(Debug)]
pub struct LargeDocuments {
    folder: TempFolder,
    /// The largest document, in bytes.
    largest: u64,
    used: Mutex<u64>,
    /// Hashes of the documents, by their splits and numbers there.
    hashes: Mutex<HashMap<(u32, u32), u64>>,
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
            hashes: Mutex::default(),
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

    /// Begins the file of a document.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self, split: u32, ordinal: u32) -> io::Result<LargeFile> {
        Ok(LargeFile {
            of: (split, ordinal),
            file: File::create(self.path(split, ordinal))?,
            hash: Xxh3::new(),
        })
    }

    /// A document is written whole.
    pub fn put(&self, written: LargeFile) {
        let LargeFile { of, hash, .. } = written;
        self.hashes.lock().insert(of, hash.digest());
    }

    /// Whether the file of a document holds what was written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_unchanged(&self, split: u32, ordinal: u32) -> io::Result<bool> {
        let mut file = File::open(self.path(split, ordinal))?;
        let mut hash = Xxh3::new();
        let mut block = vec![0; BLOCK];
        loop {
            match file.read(&mut block)? {
                0 => break,
                read => hash.update(&block[..read]),
            }
        }
        Ok(self.hashes.lock().get(&(split, ordinal)) == Some(&hash.digest()))
    }

    /// Whether these are the bytes of a document that were written.
    #[must_use]
    pub fn is(&self, split: u32, ordinal: u32, bytes: &[u8]) -> bool {
        self.hashes.lock().get(&(split, ordinal)) == Some(&content_hash(bytes))
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
            self.hashes.lock().remove(&(split, ordinal));
            self.free(bytes);
        }
    }
}

/// The file of a document that is being written.
pub struct LargeFile {
    of: (u32, u32),
    file: File,
    hash: Xxh3,
}

impl Write for LargeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_was_changed_or_never_written_whole_is_told() {
        let tmp = tempfile::tempdir().unwrap();
        let place = LargeDocuments::new(tmp.path(), 100, &Shutdown::new()).unwrap();
        for ordinal in [0, 1] {
            let mut file = place.create(7, ordinal).unwrap();
            file.write_all(b"a document").unwrap();
            file.write_all(b" in parts").unwrap();
            if ordinal == 0 {
                place.put(file);
            }
        }
        assert!(place.is_unchanged(7, 0).unwrap());
        assert!(place.is(7, 0, b"a document in parts"));
        assert!(!place.is_unchanged(7, 1).unwrap());
        std::fs::write(place.path(7, 0), "a document in pArts").unwrap();
        assert!(!place.is_unchanged(7, 0).unwrap());
        place.remove(7, 0, 19);
        assert!(place.is_unchanged(7, 0).is_err());
        assert!(!place.is(7, 0, b"a document in parts"));
    }
}
