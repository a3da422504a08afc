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
const MAX_UNFINISHED: usize = 4;

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
}

impl Assembly {
    /// Takes one message of the log; gives the entry that it completes, if it does.
    pub(super) fn take(&mut self, message: &Bytes) -> Result<Option<Entry>, WireError> {
        let (head, body) = match decode_log_part(message) {
            Err(WireError::Version(version)) => return foreign(message, version),
            decoded => decoded?,
        };
        if head.parts == 1 {
            return entry(&head, &body).map(Some);
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
        if one.next == one.parts {
            return entry(&head, &one.bytes).map(Some);
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
fn foreign(message: &Bytes, version: u16) -> Result<Option<Entry>, WireError> {
    let head = decode_foreign_log_head(message)?;
    let is_first = head.part == 0 && head.job != JobName::of_no_job();
    Ok(is_first.then_some(Entry {
        job: head.job,
        run: head.run,
        at: head.at,
        event: Event::Foreign { version },
    }))
}

fn entry(head: &LogHead, bytes: &[u8]) -> Result<Entry, WireError> {
    Ok(Entry {
        job: head.job.clone(),
        run: head.run,
        at: head.at,
        event: decode_event(bytes)?,
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
        encode_log_part(&head, body.to_vec()).unwrap()
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
            for entry in [7, 8, 7] {
                let message = part(entry, number, 3, &bytes[number as usize * 4..][..4]);
                assert_eq!(assembly.take(&message), Ok(None));
            }
        }
        for entry in [8, 7] {
            let found = assembly
                .take(&part(entry, 2, 3, &bytes[8..]))
                .unwrap()
                .unwrap();
            assert_eq!((found.event, found.run, found.at), (event.clone(), 1, 2));
        }
        assert!(assembly.unfinished.is_empty());
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
        for foreign in [3, 5, u16::MAX] {
            let found = assembly.take(&version(&message, foreign)).unwrap().unwrap();
            assert_eq!(found.event, Event::Foreign { version: foreign });
            assert_eq!((found.job.as_str(), found.run, found.at), ("j", 1, 2));
        }
        // Nobody knows what came before; of an entry in parts only the first counts.
        assert!(assembly.take(&version(&message, 2)).is_err());
        let second = version(&part(8, 1, 2, &bytes), 3);
        assert_eq!(assembly.take(&second), Ok(None));
    }

    #[test]
    fn a_lost_start_is_an_error_and_unfinished_entries_are_bounded() {
        let mut assembly = Assembly::default();
        assert!(assembly.take(&part(1, 1, 2, b"x")).is_err());
        for entry in 0..100 {
            assert_eq!(assembly.take(&part(entry, 0, 2, b"x")), Ok(None));
            assert!(assembly.unfinished.len() <= MAX_UNFINISHED);
        }
        // Contradictions end an entry.
        assert!(assembly.take(&part(99, 1, 3, b"x")).is_err());
        assert!(assembly.take(&part(5, 0, u32::MAX, b"x")).is_err());
    }

    proptest! {
        #[test]
        fn hostile_events_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut assembly = Assembly::default();
            let _ = assembly.take(&part(1, 0, 1, &body));
            let _ = assembly.take(&Bytes::from(body));
        }

        #[test]
        fn hostile_names_never_pass(name in "\\PC{0,70}") {
            let good = name.parse::<JobName>().is_ok();
            // A job name is encoded as its text is.
            let head = (name, 1u64, 2u64, 3u64, 0u32, 1u32);
            let (_, bytes) = event();
            let message = wire::encode(MessageKind::LogPart, &head, bytes, BodyForm::Raw).unwrap();
            prop_assert_eq!(Assembly::default().take(&message).is_ok(), good);
        }
    }
}
