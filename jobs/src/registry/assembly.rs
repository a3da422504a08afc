//! Putting entries together that travelled in parts. Bounded: a hostile or broken writer cannot
//! make a reader hold more than a few unfinished entries.

use std::collections::VecDeque;

use bytes::Bytes;

use super::codec::{MAX_EVENT, decode_event, decode_foreign_log_head, decode_log_part};
use super::event::{Entry, Event, LogHead};
use gristmill_common::job::JobName;
use gristmill_common::wire::WireError;

/// How many unfinished entries are kept (and of how many bytes in all: [`MAX_EVENT`]); past it the
/// oldest goes.
const MAX_UNFINISHED: usize = 16;
/// How many messages may lie between two parts of an entry, which a writer sends one after the
/// other; past it the entry is void, for all readers alike. Without a limit nobody could tell where
/// a reader may begin: an entry that a killed writer left unfinished might be finished some day.
const MAX_GAP: i64 = 1000;

#[derive(Debug, Default)]
pub(super) struct Assembly {
    unfinished: VecDeque<Unfinished>,
}

#[derive(Debug)]
struct Unfinished {
    key: (JobName, u64, u64),
    parts: u32,
    bytes: Vec<u8>,
    next: u32,
    /// The offsets of its first part and of its latest.
    first: i64,
    latest: i64,
}

/// An entry that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) entry: Entry,
    /// The offset of its first part.
    pub(super) first: i64,
    /// How many parts it had.
    pub(super) parts: u32,
    /// Its number ([`LogHead::entry`]).
    pub(super) number: u64,
    /// How many bytes its event took, encoded.
    pub(super) bytes: usize,
}

impl Assembly {
    /// Whether no entry is begun and not whole: then a reader that begins here misses nothing.
    pub(super) fn is_clean(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// Takes the message of the log at an offset; gives the entry that it completes, if it does.
    pub(super) fn take(
        &mut self,
        message: &Bytes,
        offset: i64,
    ) -> Result<Option<Whole>, WireError> {
        let oldest = offset.saturating_sub(MAX_GAP);
        self.unfinished.retain(|one| one.latest >= oldest);
        let (head, body) = match decode_log_part(message) {
            Err(WireError::Version(version)) => return foreign(message, version, offset),
            decoded => decoded?,
        };
        if head.parts == 1 {
            return whole(&head, &body, offset).map(Some);
        }
        let key = (head.job.clone(), head.run, head.entry);
        let at = self.unfinished.iter().position(|one| one.key == key);
        let mut one = match at.and_then(|at| self.unfinished.remove(at)) {
            Some(one) => one,
            None => Unfinished {
                key,
                parts: head.parts,
                bytes: Vec::new(),
                next: 0,
                first: offset,
                latest: offset,
            },
        };
        if head.part < one.next {
            // A part that was published twice.
            self.unfinished.push_back(one);
            return Ok(None);
        }
        // One writer publishes the parts in order, so a gap means that its start is lost.
        if head.part != one.next || head.parts != one.parts {
            return Err(WireError::Malformed(format!(
                "part {} of {} where {} was expected",
                head.part, head.parts, one.next
            )));
        }
        if one.bytes.len() + body.len() > MAX_EVENT {
            return Err(WireError::Oversized(one.bytes.len() + body.len()));
        }
        one.bytes.extend_from_slice(&body);
        one.next += 1;
        one.latest = offset;
        if one.next == one.parts {
            return whole(&head, &one.bytes, one.first).map(Some);
        }
        self.unfinished.push_back(one);
        let held = |unfinished: &VecDeque<Unfinished>| -> usize {
            unfinished.iter().map(|one| one.bytes.len()).sum()
        };
        while self.unfinished.len() > MAX_UNFINISHED || held(&self.unfinished) > MAX_EVENT {
            self.unfinished.pop_front();
        }
        Ok(None)
    }
}

/// An entry of another version, of which no more is known than what it is about.
fn foreign(message: &Bytes, version: u16, offset: i64) -> Result<Option<Whole>, WireError> {
    let head = decode_foreign_log_head(message)?;
    let is_first = head.part == 0 && head.job != JobName::of_no_job();
    Ok(is_first.then(|| Whole {
        first: offset,
        parts: 1,
        number: head.entry,
        bytes: message.len(),
        entry: Entry {
            job: head.job,
            run: head.run,
            at: head.at,
            event: Event::Foreign { version },
        },
    }))
}

fn whole(head: &LogHead, bytes: &[u8], first: i64) -> Result<Whole, WireError> {
    Ok(Whole {
        first,
        parts: head.parts,
        number: head.entry,
        bytes: bytes.len(),
        entry: Entry {
            job: head.job.clone(),
            run: head.run,
            at: head.at,
            event: decode_event(bytes)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry::Event;
    use crate::registry::{encode_event, encode_log_part};
    use gristmill_common::wire::{self, BodyForm, MessageKind};

    fn part(entry: u64, part: u32, parts: u32, body: &[u8]) -> Bytes {
        let head = LogHead {
            job: "j".parse().unwrap(),
            run: 1,
            at: 2,
            entry,
            part,
            parts,
        };
        encode_log_part(&head, body.to_vec(), BodyForm::Raw).unwrap()
    }

    fn event() -> (Event, Vec<u8>) {
        let event = Event::Failed {
            reason: "0123456789".into(),
        };
        let bytes = encode_event(&event).unwrap();
        (event, bytes)
    }

    #[test]
    fn parts_come_together_also_interleaved_and_doubled() {
        let (event, bytes) = event();
        let mut assembly = Assembly::default();
        for number in 0..2 {
            for (at, entry) in [7, 8, 7].into_iter().enumerate() {
                let message = part(entry, number, 3, &bytes[number as usize * 4..][..4]);
                let offset = i64::from(number) * 10 + at as i64;
                assert_eq!(assembly.take(&message, offset), Ok(None));
                assert!(!assembly.is_clean());
            }
        }
        for (number, first) in [(8, 1), (7, 0)] {
            let whole = assembly.take(&part(number, 2, 3, &bytes[8..]), 20);
            let whole = whole.unwrap().unwrap();
            assert_eq!((whole.first, whole.parts), (first, 3));
            assert_eq!((whole.number, whole.bytes), (number, bytes.len()));
            let found = whole.entry;
            assert_eq!((found.event, found.run, found.at), (event.clone(), 1, 2));
        }
        assert!(assembly.is_clean());
    }

    #[test]
    fn an_entry_of_another_version_is_known_by_its_job() {
        let (_, bytes) = event();
        let version = |message: &Bytes, version: u16| -> Bytes {
            let mut message = message.to_vec();
            let at = message.len() - 6;
            message[at..at + 2].copy_from_slice(&version.to_le_bytes());
            message.into()
        };
        let message = part(7, 0, 1, &bytes);
        let mut assembly = Assembly::default();
        for foreign in [3, 4, 6, u16::MAX] {
            let found = assembly.take(&version(&message, foreign), 0);
            let found = found.unwrap().unwrap().entry;
            assert_eq!(found.event, Event::Foreign { version: foreign });
            assert_eq!((found.job.as_str(), found.run, found.at), ("j", 1, 2));
        }
        // Nobody knows what came before; of an entry in parts only the first counts.
        assert!(assembly.take(&version(&message, 2), 0).is_err());
        let second = version(&part(8, 1, 2, &bytes), 3);
        assert_eq!(assembly.take(&second, 1), Ok(None));
    }

    #[test]
    fn a_lost_start_is_an_error_and_unfinished_entries_are_bounded() {
        let mut assembly = Assembly::default();
        assert!(assembly.take(&part(1, 1, 2, b"x"), 0).is_err());
        for entry in 0..100 {
            let message = part(entry, 0, 2, b"x");
            assert_eq!(assembly.take(&message, entry as i64), Ok(None));
            assert!(assembly.unfinished.len() <= MAX_UNFINISHED);
        }
        // Contradictions end an entry.
        assert!(assembly.take(&part(99, 1, 3, b"x"), 100).is_err());
        assert!(assembly.take(&part(5, 0, u32::MAX, b"x"), 101).is_err());
    }

    #[test]
    fn an_entry_whose_parts_lie_too_far_apart_is_void_for_all_readers() {
        let (event, bytes) = event();
        let message = |number: usize| part(7, number as u32, 3, &bytes[number * 4..][..4]);
        for (third, is_whole) in [(MAX_GAP + 1, true), (MAX_GAP + 2, false)] {
            let mut assembly = Assembly::default();
            assert_eq!(assembly.take(&message(0), 0), Ok(None));
            assert_eq!(assembly.take(&message(1), 1), Ok(None));
            let last = part(7, 2, 3, &bytes[8..]);
            let taken = assembly.take(&last, third);
            let found = taken.ok().flatten().map(|whole| whole.entry.event);
            assert_eq!(found, is_whole.then(|| event.clone()));
            assert!(assembly.is_clean());
        }
    }

    proptest! {
        #[test]
        fn hostile_events_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut assembly = Assembly::default();
            let _ = assembly.take(&part(1, 0, 1, &body), 0);
            let _ = assembly.take(&Bytes::from(body), 1);
        }

        #[test]
        fn hostile_names_never_pass(name in "\\PC{0,70}") {
            let good = name.parse::<JobName>().is_ok();
            // A job name is encoded as its text is.
            let head = (name, 1u64, 2u64, 3u64, 0u32, 1u32);
            let (_, bytes) = event();
            let message = wire::encode(MessageKind::LogPart, &head, bytes, BodyForm::Raw).unwrap();
            prop_assert_eq!(Assembly::default().take(&message, 0).is_ok(), good);
        }
    }
}
