//! Putting a file together from its parts, in whatever order they come. Bounded: a hostile or
//! broken writer cannot make a reader hold more than one file of the largest size.

use std::collections::VecDeque;

use bytes::Bytes;

use super::part::{MAX_FILE, PartHead};
use gristmill_common::id::content_hash;

/// How many unfinished attempts are kept (and of how many bytes in all: [`MAX_FILE`]); past it the
/// oldest goes.
const MAX_UNFINISHED: usize = 4;

/// The parts of one file so far.
#[derive(Debug)]
pub struct Assembly {
    hash: u64,
    unfinished: VecDeque<Attempt>,
    wrong: u64,
    refused: u64,
}

#[derive(Debug)]
struct Attempt {
    id: u64,
    size: u64,
    parts: Vec<Option<Bytes>>,
    missing: usize,
    held: u64,
}

impl Assembly {
    /// Waits for the file with this hash.
    #[must_use]
    pub fn new(hash: u64) -> Self {
        Self {
            hash,
            unfinished: VecDeque::new(),
            wrong: 0,
            refused: 0,
        }
    }

    /// Takes one part; gives the file that it completes, if it does. What does not fit is ignored:
    /// parts of other files, of impossible size, or that are there already.
    pub fn take(&mut self, head: &PartHead, body: Bytes) -> Option<Bytes> {
        if head.hash != self.hash {
            return None;
        }
        if !head.fits(body.len()) {
            self.refused += 1;
            return None;
        }
        let known = |one: &Attempt| one.id == head.attempt && one.size == head.size;
        let at = self.unfinished.iter().position(known);
        let mut one = match at.and_then(|at| self.unfinished.remove(at)) {
            Some(one) => one,
            None => Attempt::new(head),
        };
        one.put(head.part, body);
        if one.missing == 0 {
            let file = one.join();
            if content_hash(&file) == self.hash {
                return Some(file);
            }
            self.wrong += 1;
            return None;
        }
        self.unfinished.push_back(one);
        while self.unfinished.len() > MAX_UNFINISHED || self.held() > MAX_FILE {
            self.unfinished.pop_front();
        }
        None
    }

    /// A message came that is no part at all.
    pub fn refuse(&mut self) {
        self.refused += 1;
    }

    /// What became of the parts so far, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut said = Vec::new();
        let parts = |one: &Attempt| (one.parts.len() - one.missing, one.parts.len());
        if let Some((there, all)) = self.unfinished.iter().map(parts).max() {
            said.push(format!("{there} of {all} parts are there"));
        }
        if self.wrong > 0 {
            said.push(format!("{} times its bytes had another hash", self.wrong));
        }
        if self.refused > 0 {
            said.push(format!("{} messages were no parts of it", self.refused));
        }
        match said.is_empty() {
            true => "no part of it is there".into(),
            false => said.join(", "),
        }
    }

    /// Bytes in hand.
    fn held(&self) -> u64 {
        self.unfinished.iter().map(|one| one.held).sum()
    }
}

impl Attempt {
    fn new(head: &PartHead) -> Self {
        // At most 512: the head's size was checked.
        let parts = head.parts() as usize;
        Self {
            id: head.attempt,
            size: head.size,
            parts: vec![None; parts],
            missing: parts,
            held: 0,
        }
    }

    fn put(&mut self, part: u32, body: Bytes) {
        if let Some(slot @ None) = self.parts.get_mut(part as usize) {
            self.held += body.len() as u64;
            self.missing -= 1;
            *slot = Some(body);
        }
    }

    fn join(self) -> Bytes {
        let mut file = Vec::with_capacity(self.size as usize);
        for part in self.parts.into_iter().flatten() {
            file.extend_from_slice(&part);
        }
        file.into()
    }
}

#[cfg(test)]
#[path = "assembly_tests.rs"]
mod tests;
