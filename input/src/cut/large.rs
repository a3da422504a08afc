//! A document too large for a chunk: its bytes go to a file, and its piece says how many they are.

use std::io::Write;

use gristmill_common::chunk::{MAX_SAMPLE, sample_of};
use gristmill_common::large::LargeDocuments;

use super::cutter::Cutter;
use super::document::Doc;
use super::feed::Feed;
use crate::error::Halt;
use crate::stream::Damage;

/// How much is read at once, in bytes.
const STEP: usize = 1 << 20;

impl Cutter<'_> {
    /// Takes a document whose first bytes are at the end of the body to its end.
    pub(super) fn large(
        &mut self,
        mut doc: Doc<'_>,
        mut feed: Feed<'_>,
        place: &LargeDocuments,
    ) -> Result<(), Halt> {
        if !place.reserve() {
            return Err(Halt::Stopped);
        }
        let path = place.path(self.packer.split(), doc.ordinal);
        let failed = |error| Halt::Temporary {
            path: path.clone(),
            error,
        };
        let mut bytes = self.packer.body.split_off(doc.start);
        let head = sample_of(&bytes[..bytes.len().min(MAX_SAMPLE + 4)]).to_vec();
        let file = place.create(self.packer.split(), doc.ordinal);
        let mut file = file.map_err(failed)?;
        let mut len = 0_u64;
        while !bytes.is_empty() {
            len += bytes.len() as u64;
            // One that is too large is only counted.
            if len <= place.largest() {
                file.write_all(&bytes).map_err(failed)?;
            }
            bytes.clear();
            feed.fill(&mut bytes, STEP);
        }
        let whole = feed.ended_well();
        let mut damage = feed.ended.flatten();
        if len > place.largest() {
            let reason = too_large(len, place.largest());
            damage = Some(match damage {
                Some(mut found) if !whole => {
                    found.reason = format!("{reason}, cut off: {}", found.reason);
                    found
                }
                _ => Damage::unusable(reason),
            });
        }
        if whole && len <= place.largest() {
            place.put(file);
            place.free(place.largest() - len);
            doc.start = self.packer.make_room(doc.place.document.len(), doc.start)?;
            let mut piece = doc.piece(1, 0, true);
            piece.large = len;
            self.packer.piece(piece);
        } else {
            // What cannot be removed goes with its folder.
            let _ = std::fs::remove_file(&path);
            place.free(place.largest());
            if let Some(damage) = &mut damage {
                damage.sample = head;
            }
        }
        if let Some(damage) = damage {
            self.doc_fault(&mut doc, damage)?;
        }
        self.end_single()
    }
}

/// Why a document is set aside.
pub(super) fn too_large(len: u64, most: u64) -> String {
    format!("a document of {len} bytes, larger than the {most} allowed (--max-document)")
}
