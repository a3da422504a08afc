//! The part files of an output, decompressed, one after the other.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use gristmill_common::spec::Compress;
use gristmill_reducer::{Manifest, OutputFiles, is_part_name};

use crate::ReportError;
use crate::csv::{Field, next_record};

/// The longest line that is read, in bytes: a row is a key of at most 1 MiB, escaped, and its
/// numbers.
const MAX_LINE: u64 = 8 << 20;

/// A part file, opened.
pub(crate) struct PartFile<'f> {
    /// Its place and name, for people.
    shown: String,
    reader: Box<dyn BufRead + 'f>,
    line: u64,
}

impl<'f> PartFile<'f> {
    /// Opens a file of the output.
    pub(crate) fn open(
        output: &'f dyn OutputFiles,
        name: &str,
        compress: Option<Compress>,
    ) -> Result<Self, ReportError> {
        let shown = format!("{}/{name}", output.shown());
        let opened = output.open(name).and_then(|file| {
            let file = BufReader::new(file);
            Ok(match compress {
                None => Box::new(file) as Box<dyn BufRead>,
                Some(Compress::Gz) => Box::new(BufReader::new(MultiGzDecoder::new(file))),
                Some(Compress::Zst) => Box::new(BufReader::new(zstd::Decoder::with_buffer(file)?)),
            })
        });
        match opened {
            Ok(reader) => Ok(Self {
                shown,
                reader,
                line: 0,
            }),
            Err(error) => Err(ReportError::Read { file: shown, error }),
        }
    }

    /// The part files of an output, in order.
    pub(crate) fn all(
        output: &'f dyn OutputFiles,
        manifest: &'f Manifest,
    ) -> impl Iterator<Item = Result<Self, ReportError>> {
        (manifest.files.iter())
            .filter(|file| is_part_name(&file.name))
            .map(move |file| Self::open(output, &file.name, manifest.spec.compress))
    }

    /// Everything that it holds as comma-separated values, but for its first lines; the error of
    /// `each` says what is wrong with a record.
    pub(crate) fn for_each_csv(
        &mut self,
        skipped: usize,
        mut each: impl FnMut(&[Field]) -> Result<(), String>,
    ) -> Result<(), ReportError> {
        for number in 0.. {
            let read = next_record(&mut self.reader, MAX_LINE as usize, &mut self.line);
            match read.map_err(|error| self.unreadable(error))? {
                Some(fields) if number >= skipped => {
                    each(&fields).map_err(|what| self.malformed(what))?;
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// The next line without its end, or `None` at the end of the file.
    pub(crate) fn next_line<'b>(
        &mut self,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<&'b [u8]>, ReportError> {
        buffer.clear();
        let got = self
            .reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', buffer);
        let length = got.map_err(|error| self.unreadable(error))?;
        if length == 0 {
            return Ok(None);
        }
        self.line += 1;
        match buffer.strip_suffix(b"\n") {
            Some(line) => Ok(Some(line)),
            None if length as u64 == MAX_LINE => Err(self.malformed("the line is too long")),
            None => Ok(Some(buffer)),
        }
    }

    /// Everything else that the file holds, in pieces.
    pub(crate) fn for_each_piece(
        &mut self,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), ReportError> {
        loop {
            let piece = match self.reader.fill_buf() {
                Ok(piece) => piece,
                Err(error) => return Err(self.unreadable(error)),
            };
            if piece.is_empty() {
                return Ok(());
            }
            each(piece);
            let length = piece.len();
            self.reader.consume(length);
        }
    }

    /// The error that the line read last is not as its format says.
    pub(crate) fn malformed(&self, what: impl Into<String>) -> ReportError {
        ReportError::Malformed {
            file: self.shown.clone(),
            line: self.line,
            what: what.into(),
        }
    }

    fn unreadable(&self, error: std::io::Error) -> ReportError {
        let file = self.shown.clone();
        ReportError::Read { file, error }
    }
}
