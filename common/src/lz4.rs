//! Bytes as their length (a little-endian u32) and one LZ4 block.

use std::cell::RefCell;

use crate::wire::WireError;

/// Bytes of the length.
const LENGTH: usize = 4;

/// Makes of a body its length and its LZ4 block, if that saves an eighth. The buffer stays the
/// body's, so that it is one to use again.
pub(crate) fn pack(body: &mut Vec<u8>) -> bool {
    thread_local! {
        static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BLOCK.with_borrow_mut(|block| {
        let most = lz4_flex::block::get_maximum_output_size(body.len());
        if block.len() < most {
            block.resize(most, 0);
        }
        let Ok(len) = lz4_flex::block::compress_into(body, block) else {
            return false;
        };
        let pays = LENGTH + len < body.len() - body.len() / 8;
        if pays {
            let raw_len = body.len() as u32;
            body.clear();
            body.extend_from_slice(&raw_len.to_le_bytes());
            body.extend_from_slice(&block[..len]);
        }
        pays
    })
}

/// Undoes [`pack`] into a buffer from `buffer`, which is asked for a capacity; more than `most`
/// bytes are refused.
pub(crate) fn unpack(
    packed: &[u8],
    most: usize,
    buffer: impl FnOnce(usize) -> Vec<u8>,
) -> Result<Vec<u8>, WireError> {
    let Some((len, block)) = packed.split_first_chunk::<LENGTH>() else {
        return Err(WireError::Length(packed.len()));
    };
    let len = u32::from_le_bytes(*len) as usize;
    if len > most {
        return Err(WireError::Oversized(len));
    }
    let mut unpacked = buffer(len);
    unpacked.resize(len, 0);
    match lz4_flex::block::decompress_into(block, &mut unpacked) {
        Ok(found) if found == len => Ok(unpacked),
        Ok(found) => Err(WireError::Length(found)),
        Err(error) => Err(WireError::Malformed(error.to_string())),
    }
}
