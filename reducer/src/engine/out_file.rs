//! One file of the output while it is written: buffered, maybe compressed, hashed on the way.
//!
//! It must not know what the bytes mean. The hash is of the bytes as they lie on the disk, so
//! nothing is read again.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gristmill_common::spec::Compress;
use sha2::{Digest, Sha256};

use crate::engine::error::FileError;
use crate::engine::files::TempFile;
use crate::engine::gzip::Gzip;

/// Bytes collected before they are encoded or written. Encoders always get blocks of this size, so
/// that compressed bytes do not depend on how the content arrived.
const BLOCK: usize = 256 << 10;

/// The level of zstd output: fixed, since it shows in the bytes.
const ZSTD_LEVEL: i32 = 3;

/// A file of the output, or the stream in its place.
pub(crate) struct OutFile {
    name: String,
    block: Vec<u8>,
    encoder: Encoder,
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

enum Encoder {
    Plain(Hashed),
    Gz(Box<Gzip<Hashed>>),
    Zst(zstd::Encoder<'static, Hashed>),
}

/// Where a file's bytes go.
pub(crate) enum Target {
    /// Into a file under a temporary name.
    File(TempFile),
    /// To a stream such as stdout.
    Stream(Box<dyn Write + Send>),
}

/// Counts and hashes what passes.
struct Hashed {
    to: Target,
    hash: Sha256,
    bytes: u64,
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
            encoder,
            shown,
        })
    }

    /// What errors name.
    pub(crate) fn shown(&self) -> &Path {
        &self.shown
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), FileError> {
        if matches!(self.encoder, Encoder::Plain(_)) && bytes.len() >= BLOCK {
            self.pass_on()?;
            return self.encode(bytes);
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

    /// Hands an uncompressed stream what was collected, so that its reader sees it now.
    pub(crate) fn flush_stream(&mut self) -> Result<(), FileError> {
        if let Encoder::Plain(Hashed {
            to: Target::Stream(_),
            ..
        }) = self.encoder
        {
            self.pass_on()?;
            if let Encoder::Plain(plain) = &mut self.encoder {
                plain
                    .flush()
                    .map_err(FileError::new("write", &self.shown))?;
            }
        }
        Ok(())
    }

    /// Writes the rest and waits until a file is on the disk.
    pub(crate) fn finish(mut self) -> Result<Finished, FileError> {
        self.pass_on()?;
        let wrong = |error| FileError::new("write", &self.shown)(error);
        let mut hashed = match self.encoder {
            Encoder::Plain(hashed) => hashed,
            Encoder::Gz(gzip) => gzip.finish().map_err(wrong)?,
            Encoder::Zst(zstd) => zstd.finish().map_err(wrong)?,
        };
        hashed.flush().map_err(wrong)?;
        let temp = match hashed.to {
            Target::File(temp) => {
                temp.sync()?;
                Some(temp)
            }
            Target::Stream(_) => None,
        };
        Ok(Finished {
            name: self.name,
            bytes: hashed.bytes,
            sha256: hex(&hashed.hash.finalize()),
            temp,
        })
    }

    fn pass_on(&mut self) -> Result<(), FileError> {
        let block = std::mem::take(&mut self.block);
        let passed = if block.is_empty() {
            Ok(())
        } else {
            self.encode(&block)
        };
        self.block = block;
        self.block.clear();
        passed
    }

    fn encode(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        match &mut self.encoder {
            Encoder::Plain(plain) => plain.write_all(bytes),
            Encoder::Gz(gzip) => gzip.write_all(bytes),
            Encoder::Zst(zstd) => zstd.write_all(bytes),
        }
        .map_err(FileError::new("write", &self.shown))
    }
}

impl fmt::Debug for OutFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutFile").field("name", &self.name).finish()
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            Target::File(temp) => temp.file().write(bytes)?,
            Target::Stream(stream) => stream.write(bytes)?,
        };
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            Target::File(_) => Ok(()),
            Target::Stream(stream) => stream.flush(),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        text
    })
}
