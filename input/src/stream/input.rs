//! A stream with a look-ahead buffer: what decoders and archive walkers read from.

use super::{Damage, Pull};

/// How much is pulled at once: large enough that calls cost nothing, small beside a chunk.
const BUFFER: usize = 256 << 10;
/// How much is pulled of a stream that is only looked at before its bytes go on to a chunk.
const GLANCE: usize = 1 << 10;

/// A buffered stream. Reads larger than the buffer's rest go past it.
pub(crate) struct Input<'a> {
    source: Box<dyn Pull + 'a>,
    buffer: Vec<u8>,
    at: usize,
    /// Bytes of the stream before the buffer's first.
    before: u64,
    ended: bool,
    failed: Option<Damage>,
    size: usize,
    /// The length of the whole stream, if it is known.
    length: Option<u64>,
}

impl<'a> Input<'a> {
    /// Buffers a stream that is read through the buffer.
    pub(crate) fn new(source: impl Pull + 'a) -> Self {
        Self::sized(source, BUFFER)
    }

    /// Buffers the beginning of a stream, to see what it is.
    pub(crate) fn glance(source: impl Pull + 'a) -> Self {
        Self::sized(source, GLANCE)
    }

    /// Buffers a stream of at most `length` bytes.
    pub(crate) fn short(source: impl Pull + 'a, length: u64) -> Self {
        let size = usize::try_from(length).map_or(BUFFER, |length| length.clamp(1, BUFFER));
        Self::sized(source, size)
    }

    fn sized(source: impl Pull + 'a, size: usize) -> Self {
        Self {
            source: Box::new(source),
            buffer: Vec::new(),
            at: 0,
            before: 0,
            ended: false,
            failed: None,
            size,
            length: None,
        }
    }

    /// Buffers the rest of a stream that is `length` bytes long, from `offset` on.
    pub(crate) fn resumed(source: impl Pull + 'a, offset: u64, length: u64) -> Self {
        Self {
            before: offset,
            length: Some(length),
            ..Self::sized(source, BUFFER)
        }
    }

    /// Says that the stream is the rest of one, from `offset` on.
    pub(crate) fn from(mut self, offset: u64) -> Self {
        self.before = offset;
        self
    }

    /// Says how long the whole stream is.
    pub(crate) fn of_length(mut self, length: Option<u64>) -> Self {
        self.length = length;
        self
    }

    /// The length of the whole stream, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Reads on through a full buffer.
    pub(crate) fn widen(&mut self) {
        self.size = BUFFER;
    }

    /// Offset in the stream of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// The bytes buffered; pulls some if there are none. Empty at the end of the stream.
    ///
    /// # Errors
    /// When the stream is damaged here.
    pub(crate) fn fill(&mut self) -> Result<&[u8], Damage> {
        self.want(1)
    }

    /// At least `least` bytes, fewer only when the stream ends before.
    ///
    /// # Errors
    /// When the stream is damaged before.
    pub(crate) fn want(&mut self, least: usize) -> Result<&[u8], Damage> {
        self.gather(least);
        match &self.failed {
            Some(damage) if self.buffer.len() - self.at < least => Err(damage.clone()),
            _ => Ok(&self.buffer[self.at..]),
        }
    }

    /// At least `least` bytes, fewer only when the stream ends or breaks before.
    pub(crate) fn peek(&mut self, least: usize) -> &[u8] {
        self.gather(least);
        &self.buffer[self.at..]
    }

    fn gather(&mut self, least: usize) {
        while self.buffer.len() - self.at < least && !self.ended && self.failed.is_none() {
            if self.at > 0 {
                self.before += self.at as u64;
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            let room = self.size.max(least) - self.buffer.len();
            self.buffer.reserve_exact(room);
            match self.source.pull(&mut self.buffer, room) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(damage) => self.failed = Some(damage),
            }
        }
    }

    /// Steps over `count` buffered bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.buffer.len());
    }

    /// Steps over `count` bytes of the stream; returns how many there were.
    ///
    /// # Errors
    /// When the stream is damaged before.
    pub(crate) fn skip(&mut self, count: u64) -> Result<u64, Damage> {
        let mut left = count;
        while left > 0 {
            let have = self.fill()?.len() as u64;
            if have == 0 {
                break;
            }
            let step = have.min(left);
            self.consume(step as usize);
            left -= step;
        }
        Ok(count - left)
    }
}

impl Pull for Input<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let buffered = self.buffer.len() - self.at;
        if buffered > 0 || max < self.size / 4 {
            let bytes = self.fill()?;
            let take = bytes.len().min(max);
            out.extend_from_slice(&bytes[..take]);
            self.consume(take);
            return Ok(take);
        }
        if let Some(damage) = &self.failed {
            return Err(damage.clone());
        }
        if self.ended {
            return Ok(0);
        }
        // Nothing buffered and much wanted: straight into the caller's buffer.
        self.before += self.at as u64;
        self.buffer.clear();
        self.at = 0;
        let start = out.len();
        let result = self.source.pull(out, max);
        self.before += (out.len() - start) as u64;
        match &result {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(damage) => self.failed = Some(damage.clone()),
        }
        result
    }
}
