//! Table keys of several fields, encoded so that byte order is the order of the tuples.
//!
//! Method: each field is escaped (`00` becomes `00 FF`) and closed by `00 01`, the order-preserving
//! tuple encoding known from FoundationDB's tuple layer. A shorter tuple sorts before any longer
//! one that starts with it, so a group's totals come before its distinct values.

/// Closes a field; sorts below an escaped zero byte and below every other byte.
const END: [u8; 2] = [0x00, 0x01];

/// Appends one field to an encoded key.
#[inline]
pub fn push_field(key: &mut Vec<u8>, field: &[u8]) {
    escape(key, field);
    key.extend_from_slice(&END);
}

/// Appends one field that is a mark and what it says of, as [`push_field`] would them end to end.
#[inline]
pub fn push_marked(key: &mut Vec<u8>, mark: u8, field: &[u8]) {
    escape(key, &[mark]);
    escape(key, field);
    key.extend_from_slice(&END);
}

#[inline]
fn escape(key: &mut Vec<u8>, field: &[u8]) {
    match has_zero(field) {
        false => key.extend_from_slice(field),
        true => escape_zeros(key, field),
    }
}

/// Whether a zero is among these bytes. Most fields are short: a call that searches them would cost
/// more than this.
#[inline]
fn has_zero(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let in_word = |bytes: &[u8; 8]| {
        let word = u64::from_le_bytes(*bytes);
        word.wrapping_sub(ONES) & !word & HIGH != 0
    };
    match bytes.last_chunk() {
        // Most of its bytes may have been looked at.
        Some(last) => bytes.as_chunks().0.iter().any(in_word) || in_word(last),
        None => bytes.contains(&0),
    }
}

#[cold]
fn escape_zeros(key: &mut Vec<u8>, field: &[u8]) {
    let mut rest = field;
    while let Some(zero) = memchr::memchr(0, rest) {
        key.extend_from_slice(&rest[..zero]);
        key.extend_from_slice(&[0x00, 0xFF]);
        rest = &rest[zero + 1..];
    }
    key.extend_from_slice(rest);
}

/// Takes the fields of an encoded key apart. `None` if the bytes are not such a key.
#[must_use]
pub fn fields(mut key: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    while !key.is_empty() {
        let (field, rest) = split_field(key)?;
        all.push(field);
        key = rest;
    }
    Some(all)
}

/// The length of the first `count` encoded fields of a key: the prefix shared by a group's rows.
#[must_use]
pub fn prefix_len(key: &[u8], count: usize) -> Option<usize> {
    let mut at = 0;
    for _ in 0..count {
        loop {
            let zero = at + memchr::memchr(0, key.get(at..)?)?;
            at = zero + 2;
            match key.get(zero + 1)? {
                0x01 => break,
                0xFF => {}
                _ => return None,
            }
        }
    }
    Some(at)
}

fn split_field(key: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut field = Vec::new();
    let mut rest = key;
    loop {
        let zero = memchr::memchr(0, rest)?;
        field.extend_from_slice(&rest[..zero]);
        let mark = *rest.get(zero + 1)?;
        rest = &rest[zero + 2..];
        match mark {
            0x01 => return Some((field, rest)),
            0xFF => field.push(0),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(tuple: &[Vec<u8>]) -> Vec<u8> {
        let mut key = Vec::new();
        for field in tuple {
            push_field(&mut key, field);
        }
        key
    }

    #[test]
    fn a_zero_is_found_wherever_it_is() {
        for len in 0..40 {
            for byte in [0, 1, 0x7F, 0x80, 0x81, 0xFF] {
                let mut bytes = vec![byte.max(1); len];
                assert!(!has_zero(&bytes));
                for at in 0..len {
                    let before = std::mem::take(&mut bytes[at]);
                    assert!(has_zero(&bytes), "{at} of {len} beside {byte}");
                    bytes[at] = before;
                }
            }
        }
    }

    fn tuple() -> impl Strategy<Value = Vec<Vec<u8>>> {
        // Few distinct bytes, so that prefixes, zeros and escapes meet often.
        let byte = prop_oneof![Just(0u8), Just(1), Just(0xFF), Just(b'a'), any::<u8>()];
        prop::collection::vec(prop::collection::vec(byte, 0..5), 0..4)
    }

    proptest! {
        #[test]
        fn order_is_kept_and_fields_come_back(a in tuple(), b in tuple()) {
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
            prop_assert_eq!(fields(&encode(&a)).unwrap(), a.clone());
            for count in 0..=a.len() {
                prop_assert_eq!(prefix_len(&encode(&a), count), Some(encode(&a[..count]).len()));
            }
        }

        #[test]
        fn a_mark_is_the_first_byte(mark in any::<u8>(), field in tuple()) {
            let field = field.concat();
            let mut key = Vec::new();
            push_marked(&mut key, mark, &field);
            prop_assert_eq!(key, encode(&[[&[mark], &field[..]].concat()]));
        }

        #[test]
        fn hostile_keys_are_refused_not_fatal(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = fields(&bytes);
            let _ = prefix_len(&bytes, 3);
        }
    }
}
