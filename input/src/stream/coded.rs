//! What the slower codecs share: a staging buffer, concatenated streams, what follows their end.
//!
//! Decoders see the same lengths of input and output whatever the chunk size, so that what they
//! give before damage is always the same.

use super::{Damage, Input, Pull};

/// How much is decoded at once.
const STAGE: usize = 128 << 10;
/// How many bytes tell whether another stream begins.
const BEGINNING: usize = 32;

/// A decoder of one format.
pub(crate) trait Codec {
    /// The format's name.
    const NAME: &'static str;

    /// Zeros between and after streams are padding in multiples of this length, in bytes.
    const PADDING: u64 = 1;

    /// Whether a stream of the format begins with these bytes.
    fn begins(head: &[u8]) -> bool;

    /// Makes ready for another stream.
    ///
    /// # Errors
    /// When the decoder cannot be had.
    fn restart(&mut self) -> Result<(), String>;

    /// Decodes some of `input` into the spare room of `out`. True when the stream ended; an `Ok`
    /// that neither takes nor gives bytes says that the input is cut off.
    ///
    /// # Errors
    /// What is wrong with the stream.
    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError>;
}

/// What can be wrong inside a codec.
pub(crate) enum CodecError {
    /// The stream underneath is damaged.
    Beneath(Damage),
    /// The format is violated.
    Corrupt(String),
    /// The format is kept, but this is not decoded.
    Unusable(String),
}

impl From<Damage> for CodecError {
    fn from(damage: Damage) -> Self {
        CodecError::Beneath(damage)
    }
}

/// Decodes concatenated streams of one format to one.
pub(crate) struct Coded<'a, C> {
    input: Input<'a>,
    codec: C,
    stage: Vec<u8>,
    given: usize,
    total: u64,
    inside: bool,
    /// Zeros since the last stream ended.
    padding: u64,
    over: bool,
    failed: Option<Damage>,
}

impl<'a, C: Codec> Coded<'a, C> {
    /// Decodes `input`, which begins with a stream.
    pub(crate) fn new(input: Input<'a>, codec: C) -> Self {
        Self {
            input,
            codec,
            stage: Vec::with_capacity(STAGE),
            given: 0,
            total: 0,
            inside: true,
            padding: 0,
            over: false,
            failed: None,
        }
    }

    /// Says that the first stream's text begins at this offset of the whole text.
    pub(crate) fn from(mut self, text: u64) -> Self {
        self.total = text;
        self
    }

    fn damage(&self, trouble: CodecError) -> Damage {
        let at = |what: String| {
            format!(
                "{}: {what} at compressed byte {}, decompressed byte {}",
                C::NAME,
                self.input.offset(),
                self.total
            )
        };
        match trouble {
            CodecError::Beneath(damage) => damage,
            CodecError::Corrupt(what) => Damage::corrupt(at(what)),
            CodecError::Unusable(what) => Damage::unusable(at(what)),
        }
    }

    /// Decodes until the stage has bytes, or all streams ended.
    fn refill(&mut self) -> Result<(), Damage> {
        while self.stage.is_empty() && !self.over {
            if !self.inside {
                self.next_stream()?;
                continue;
            }
            let before = self.input.offset();
            let result = self.codec.step(&mut self.input, &mut self.stage);
            self.total += self.stage.len() as u64;
            match result {
                Ok(true) => self.inside = false,
                Ok(false) => {
                    if self.stage.is_empty() && self.input.offset() == before {
                        return Err(self.damage(CodecError::Corrupt("truncated data".into())));
                    }
                }
                Err(trouble) => return Err(self.damage(trouble)),
            }
        }
        Ok(())
    }

    /// Looks for another stream after the one that ended; padding zeros are stepped over.
    fn next_stream(&mut self) -> Result<(), Damage> {
        let rest = self.input.fill()?;
        let ended = rest.is_empty();
        let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
        let offset = self.input.offset();
        if zeros > 0 {
            self.input.consume(zeros);
            self.padding += zeros as u64;
        } else if !self.padding.is_multiple_of(C::PADDING) {
            let reason = format!(
                "{}: padding of {} zeros, no multiple of {}, before compressed byte {offset}",
                C::NAME,
                self.padding,
                C::PADDING
            );
            return Err(Damage::corrupt(reason).after_end(self.input.peek(8)));
        } else if ended {
            self.over = true;
        } else {
            let rest = self.input.peek(BEGINNING);
            if !C::begins(rest) {
                let reason = format!(
                    "{}: garbage after the end, at compressed byte {offset}",
                    C::NAME
                );
                return Err(Damage::corrupt(reason).after_end(&rest[..rest.len().min(8)]));
            }
            self.padding = 0;
            let restarted = self.codec.restart();
            restarted.map_err(|what| self.damage(CodecError::Unusable(what)))?;
            self.inside = true;
        }
        Ok(())
    }
}

impl<C: Codec> Pull for Coded<'_, C> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        if self.given == self.stage.len() {
            if let Some(damage) = self.failed.take() {
                return Err(damage);
            }
            self.stage.clear();
            self.given = 0;
            if let Err(damage) = self.refill() {
                if self.stage.is_empty() {
                    return Err(damage);
                }
                self.failed = Some(damage);
            }
        }
        let take = (self.stage.len() - self.given).min(max);
        out.extend_from_slice(&self.stage[self.given..self.given + take]);
        self.given += take;
        Ok(take)
    }
}
