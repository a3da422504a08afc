//! Bodies by shards: what goes in comes out, and what is no body is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn each_row_comes_back_in_the_shard_of_its_key(
        all in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 0..30), (any::<u128>(), any::<bool>()), 0..50,
        ),
        step in 1usize..=SHARDS,
    ) {
        let mut body = TableBody::default();
        for (key, (value, member)) in &all {
            match member {
                true => body.push_member(key),
                false => body.push_row(key, &[*value]),
            }
        }
        let body = body.take_bytes(3);
        let mut back = BTreeMap::new();
        for first in 0..step {
            let mut rows = ShardRows::of(&body, first, step).unwrap();
            let mut values = [0];
            while let Some((shard, row)) = rows.next_row(&mut values).unwrap() {
                prop_assert_eq!(shard, KeyWords::of(row.key).shard());
                prop_assert_eq!(shard % step, first);
                let value = if row.member { all[row.key].0 } else { values[0] };
                back.insert(row.key.to_vec(), (value, row.member));
            }
        }
        prop_assert_eq!(back, all);
    }

    #[test]
    fn hostile_bodies_end_in_an_error(body in prop::collection::vec(0u8..20, 0..80)) {
        let Ok(mut rows) = ShardRows::all(&body) else {
            return Ok(());
        };
        let mut seen = 0;
        while let Ok(Some(_)) = rows.next_row(&mut [0; 3]) {
            seen += 1;
            prop_assert!(seen <= body.len());
        }
    }
}

#[test]
fn a_row_moves_to_the_next_body() {
    let (mut body, mut next) = (TableBody::default(), TableBody::default());
    body.push_row(b"a", &[1]);
    let last = body.append(b"b", |shard| push_row(shard, b"b", &[2]));
    body.move_last(last, &mut next);
    let rows = |mut body: TableBody| {
        let body = body.take_bytes(0);
        let mut values = [0];
        let mut rows = ShardRows::all(&body).unwrap();
        let (_, row) = rows.next_row(&mut values).unwrap().unwrap();
        (row.key.to_vec(), values[0])
    };
    assert_eq!((body.len(), next.len()), (3, 3));
    assert_eq!(rows(body), (b"a".to_vec(), 1));
    assert_eq!(rows(next), (b"b".to_vec(), 2));
}

proptest! {
    #[test]
    fn short_keys_are_read_as_they_lie(key in prop::collection::vec(any::<u8>(), 0..=INLINE)) {
        let mut bytes = [0; INLINE];
        bytes[..key.len()].copy_from_slice(&key);
        let words: Vec<u8> = words_of_short(&key).iter().flat_map(|word| word.to_be_bytes()).collect();
        prop_assert_eq!(&words[..], &bytes[..]);
    }
}

#[test]
fn lengths_must_add_up() {
    let mut body = TableBody::default();
    body.push_row(b"a key", &[1]);
    let body = body.take_bytes(0);
    assert!(shards_of(&body).is_ok());
    assert!(shards_of(&body[..body.len() - 1]).is_err());
    assert!(shards_of(&body[..3]).is_err());
    assert!(shards_of(&[&body[..], b"x"].concat()).is_err());
    assert_eq!(shards_of(b"").unwrap(), [b"" as &[u8]; SHARDS]);
}

#[test]
fn the_shard_of_a_key_is_frozen() {
    // Mappers and reducers of one wire version must agree.
    let shards = [
        &b""[..],
        b"GET",
        b"robots.txt",
        b"/a/path/longer/than/twelve",
    ];
    let shards = shards.map(|key| KeyWords::of(key).shard());
    assert_eq!(shards, [12, 9, 9, 7]);
}

#[test]
fn shards_are_about_equally_large() {
    for prefix in ["", "10.0.0.", "/a/longer/path/to/a/page-"] {
        let mut counts = [0u32; SHARDS];
        for number in 0..16_000 {
            counts[KeyWords::of(format!("{prefix}{number}").as_bytes()).shard()] += 1;
        }
        let fair = |count: &u32| (850..1150).contains(count);
        assert!(counts.iter().all(fair), "{prefix}: {counts:?}");
    }
}
