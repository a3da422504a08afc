//! Messages of the broker: none may end the program or take more memory than a message may have.

use bytes::Bytes;
use gristmill_common::id::content_hash;
use gristmill_common::outcome::Outcome;
use gristmill_common::shards::{SHARDS, ShardRows};
use gristmill_common::table;
use gristmill_common::wire::{self, Check, Message};
use gristmill_jobs::{file, registry, report};

const FOOTER: usize = 32;

/// Corrects the lengths and hashes of a message, behind which the decoder would see nothing: the
/// fuzzer's last bytes become a footer.
fn mend(bytes: &[u8]) -> Option<Bytes> {
    let (content, footer) = bytes.split_last_chunk::<FOOTER>()?;
    let mut footer = *footer;
    let wanted = u32::from_le_bytes(footer[20..24].try_into().ok()?) as usize;
    let head_len = wanted.min(content.len());
    let (body, head) = content.split_at(content.len() - head_len);
    footer[..8].copy_from_slice(&content_hash(body).to_le_bytes());
    footer[8..16].copy_from_slice(&content_hash(head).to_le_bytes());
    footer[16..20].copy_from_slice(&(body.len() as u32).to_le_bytes());
    footer[20..24].copy_from_slice(&(head_len as u32).to_le_bytes());
    footer[26..28].copy_from_slice(&wire::VERSION.to_le_bytes());
    footer[28..].copy_from_slice(b"GMW1");
    Some([content, &footer].concat().into())
}

fn read(message: &Bytes) {
    for check in [Check::Full, Check::Head] {
        match wire::decode(message, check) {
            Ok(Message::Outcome(Outcome { body, .. })) => {
                for columns in [0, 1, table::MAX_COLUMNS] {
                    let Ok(mut rows) = ShardRows::all(&body) else {
                        continue;
                    };
                    let mut values = [0; table::MAX_COLUMNS];
                    while let Ok(Some((shard, _))) = rows.next_row(&mut values[..columns]) {
                        assert!(shard < SHARDS);
                    }
                }
            }
            Ok(Message::Chunk(chunk)) => assert!(chunk.body.len() <= wire::MAX_MESSAGE),
            Ok(_) | Err(_) => {}
        }
    }
    let _ = file::decode_file(message);
    let _ = report::decode_report(message);
    if let Ok((_, part)) = registry::decode_log_part(message) {
        let _ = registry::decode_event(&part);
    }
}

/// Decodes them as every kind of message, as they are and with lengths and hashes put right.
pub fn check(bytes: &[u8]) {
    read(&Bytes::copy_from_slice(bytes));
    let _ = registry::decode_event(bytes);
    if let Some(message) = mend(bytes) {
        read(&message);
    }
}
