//! One file of the output while it is written: buffered, maybe compressed, hashed on the way.
//!
//! It must not know what the bytes mean. The hash is of the bytes as they lie on the disk, so
//! nothing is read again.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gristmill_common::spec::Compress;
use sha2::{Digest, Sha256};

use crate::engine::beside::Beside;
use crate::engine::error::FileError;
use crate::engine::files::TempFile;
use crate::engine::gzip::Gzip;
use crate::engine::hashed::{Hashed, Target};

/// Bytes collected before they are encoded or written. Encoders always get blocks of this size, so
/// that compressed bytes do not depend on how the content arrived.
const BLOCK: usize = 256 << 10;

/// The level of zstd output: fixed, since it shows in the bytes.
const ZSTD_LEVEL: i32 = 3;

/// After so many bytes other threads may help: a small file is not worth one.
const LARGE: usize = 4 << 20;

/// A file of the output, or the stream in its place.
pub(crate) struct OutFile {
    name: String,
    block: Vec<u8>,
    stages: Stages,
    /// Bytes that may still come before another thread helps; none if none may.
    before_help: Option<usize>,
    /// What errors name.
    shown: PathBuf,
}

/// A finished file: complete, hashed, not yet under its name.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its name in the output folder.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// The file under its temporary name; none for a stream.
    pub(crate) temp: Option<TempFile>,
}

/// Who does what.
enum Stages {
    /// This thread does all.
    Here(Encoder),
    /// This thread writes, another one hashes.
    Hashing {
        to: Target,
        bytes: u64,
        hash: Beside<Sha256>,
    },
    /// Another thread compresses, hashes and writes.
    Encoding(Beside<Encoder>),
    /// They are being handed over, or that has failed.
    Nowhere,
}

enum Encoder {
    Plain(Hashed),
    Gz(Box<Gzip<Hashed>>),
    Zst(zstd::Encoder<'static, Hashed>),
}

impl OutFile {
    /// Opens a file in the output folder.
    pub(crate) fn create(
        dir: &Path,
        name: String,
        compress: Option<Compress>,
    ) -> Result<Self, FileError> {
        let temp = TempFile::create(dir, &name)?;
        let shown = temp.target().to_owned();
        Self::new(name, Target::File(temp), compress, shown)
    }

    /// Writes to a stream that people know as `shown`.
    pub(crate) fn stream(
        name: String,
        stream: Box<dyn Write + Send>,
        compress: Option<Compress>,
        shown: &str,
    ) -> Result<Self, FileError> {
        Self::new(name, Target::Stream(stream), compress, shown.into())
    }

    fn new(
        name: String,
        to: Target,
        compress: Option<Compress>,
        shown: PathBuf,
    ) -> Result<Self, FileError> {
        let hashed = Hashed {
            to,
            hash: Sha256::new(),
            bytes: 0,
        };
        let encoder = match compress {
            None => Encoder::Plain(hashed),
            Some(Compress::Gz) => Encoder::Gz(Box::new(Gzip::new(hashed))),
            Some(Compress::Zst) => Encoder::Zst(
                zstd::Encoder::new(hashed, ZSTD_LEVEL)
                    .map_err(FileError::new("compress", &shown))?,
            ),
        };
        Ok(Self {
            name,
            block: Vec::with_capacity(BLOCK),
            stages: Stages::Here(encoder),
            before_help: None,
            shown,
        })
    }

    /// What errors name.
    pub(crate) fn shown(&self) -> &Path {
        &self.shown
    }

    /// Lets other threads compress and hash what becomes a large file.
    pub(crate) fn with_help(mut self) -> Self {
        self.before_help = Some(LARGE);
        self
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), FileError> {
        if bytes.len() >= BLOCK && self.is_plain() {
            self.pass_on()?;
            // With that, help may have come.
            if self.is_plain() {
                let written = self.here(bytes);
                return written.map_err(FileError::new("write", &self.shown));
            }
        }
        while self.block.len() + bytes.len() > BLOCK {
            let (head, tail) = bytes.split_at(BLOCK - self.block.len());
            self.block.extend_from_slice(head);
            self.pass_on()?;
            bytes = tail;
        }
        self.block.extend_from_slice(bytes);
        Ok(())
    }

    fn is_plain(&self) -> bool {
        matches!(self.stages, Stages::Here(Encoder::Plain(_)))
    }

    /// Appends bytes that need not be copied.
    pub(crate) fn write_shared(&mut self, bytes: &Bytes) -> Result<(), FileError> {
        if bytes.len() < BLOCK || !matches!(self.stages, Stages::Hashing { .. }) {
            return self.write(bytes);
        }
        self.pass_on()?;
        let Stages::Hashing {
            to,
            bytes: count,
            hash,
        } = &mut self.stages
        else {
            return self.write(bytes);
        };
        *count += bytes.len() as u64;
        let written = to.write_all(bytes);
        written
            .and_then(|()| hash.shared(bytes.clone()))
            .map_err(FileError::new("write", &self.shown))
    }

    /// Hands an uncompressed stream what was collected, so that its reader sees it now.
    pub(crate) fn flush_stream(&mut self) -> Result<(), FileError> {
        if !matches!(
            self.stages,
            Stages::Here(Encoder::Plain(Hashed {
                to: Target::Stream(_),
                ..
            })) | Stages::Hashing {
                to: Target::Stream(_),
                ..
            }
        ) {
            return Ok(());
        }
        self.pass_on()?;
        let (Stages::Here(Encoder::Plain(Hashed { to, .. })) | Stages::Hashing { to, .. }) =
            &mut self.stages
        else {
            return Ok(());
        };
        to.flush().map_err(FileError::new("write", &self.shown))
    }

    /// Writes the rest and waits until a file is on the disk.
    pub(crate) fn finish(mut self) -> Result<Finished, FileError> {
        self.pass_on()?;
        let shown = self.shown;
        let wrong = |error| FileError::new("write", &shown)(error);
        let (mut to, bytes, hash) = match self.stages {
            Stages::Here(encoder) => encoder.finish().map_err(wrong)?,
            Stages::Encoding(encoder) => {
                let encoder = encoder.finish().map_err(wrong)?;
                encoder.finish().map_err(wrong)?
            }
            Stages::Hashing { to, bytes, hash } => (to, bytes, hash.finish().map_err(wrong)?),
            Stages::Nowhere => return Err(wrong(lost())),
        };
        to.flush().map_err(wrong)?;
        let temp = match to {
            Target::File(temp) => {
                temp.sync()?;
                Some(temp)
            }
            Target::Stream(_) => None,
        };
        Ok(Finished {
            name: self.name,
            bytes,
            sha256: hex(&hash.finalize()),
            temp,
        })
    }

    fn pass_on(&mut self) -> Result<(), FileError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let mut block = std::mem::take(&mut self.block);
        let passed = match &mut self.stages {
            Stages::Hashing { to, bytes, hash } => {
                *bytes += block.len() as u64;
                to.write_all(&block).and_then(|()| hash.block(block))
            }
            Stages::Encoding(encoder) => encoder.block(block),
            Stages::Here(_) | Stages::Nowhere => self.here(&block).map(|()| {
                block.clear();
                block
            }),
        };
        self.block = passed.map_err(FileError::new("write", &self.shown))?;
        Ok(())
    }

    /// Does all on this thread; the last time, if the file is large.
    fn here(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Stages::Here(encoder) = &mut self.stages else {
            return Err(lost());
        };
        encoder.write_all(bytes)?;
        if let Some(left) = &mut self.before_help {
            *left = left.saturating_sub(bytes.len());
            if *left == 0 {
                self.before_help = None;
                self.get_help();
            }
        }
        Ok(())
    }

    fn get_help(&mut self) {
        self.stages = match std::mem::replace(&mut self.stages, Stages::Nowhere) {
            Stages::Here(Encoder::Plain(Hashed { to, hash, bytes })) => {
                let update = |hash: &mut Sha256, bytes: &[u8]| {
                    hash.update(bytes);
                    Ok(())
                };
                match Beside::start("hash", hash, update) {
                    Ok(hash) => Stages::Hashing { to, bytes, hash },
                    Err(hash) => Stages::Here(Encoder::Plain(Hashed { to, hash, bytes })),
                }
            }
            Stages::Here(encoder) => match Beside::start("compress", encoder, Encoder::write_all) {
                Ok(encoder) => Stages::Encoding(encoder),
                Err(encoder) => Stages::Here(encoder),
            },
            helped => helped,
        };
    }
}

impl Encoder {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Plain(plain) => plain.write_all(bytes),
            Encoder::Gz(gzip) => gzip.write_all(bytes),
            Encoder::Zst(zstd) => zstd.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<(Target, u64, Sha256)> {
        let hashed = match self {
            Encoder::Plain(hashed) => hashed,
            Encoder::Gz(gzip) => gzip.finish()?,
            Encoder::Zst(zstd) => zstd.finish()?,
        };
        Ok((hashed.to, hashed.bytes, hashed.hash))
    }
}

impl fmt::Debug for OutFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutFile").field("name", &self.name).finish()
    }
}

fn lost() -> io::Error {
    io::Error::other("nothing is there to write to")
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        text
    })
}

#[cfg(test)]
#[path = "out_file_tests.rs"]
mod tests;
