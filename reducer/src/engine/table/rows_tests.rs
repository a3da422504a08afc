//! The table in memory against the obvious one, and its word about memory.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

const COLUMNS: [Merge; 3] = [Merge::Sum, Merge::Min, Merge::Max];

fn add(table: &mut Rows, key: &[u8], member: bool, values: &[u128]) -> Result<(), Full> {
    let row = Row { key, member };
    let mut heads = [Head::default(); BATCH];
    table.look_up(std::slice::from_ref(&row), &mut heads);
    table.add(heads[0], &row, values)
}

fn drain(table: &mut Rows) -> Vec<(Vec<u8>, bool, Vec<u128>)> {
    let mut all = Vec::new();
    let drained: Result<(), Infallible> = table.drain_sorted(|key, member, values| {
        all.push((key.to_vec(), member, values.to_vec()));
        Ok(())
    });
    drained.unwrap();
    all
}

/// Keys that meet often: prefixes of each other, zeros, and lengths around what is kept inline.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(b'a'), 2 => Just(0u8), 1 => Just(0xFF), 1 => any::<u8>()];
    prop_oneof![
        prop::collection::vec(byte.clone(), 0..5),
        prop::collection::vec(byte, 10..16)
    ]
}

fn values() -> impl Strategy<Value = u128> {
    prop_oneof![
        0u128..9,
        any::<u64>().prop_map(u128::from),
        Just(u128::from(u64::MAX)),
        any::<u128>().prop_map(|value| value >> 2)
    ]
}

proptest! {
    #[test]
    fn rows_merge_and_sort_like_a_btree_map(
        rounds in prop::collection::vec(
            prop::collection::vec((keys(), values(), values(), values()), 0..60),
            1..3,
        )
    ) {
        let mut table = Rows::new(COLUMNS.to_vec(), 1 << 20);
        // The table is used again after it was drained.
        for rows in rounds {
            let mut obvious: BTreeMap<Vec<u8>, [u128; 3]> = BTreeMap::new();
            for (key, a, b, c) in rows {
                let new = [a, b, c];
                obvious
                    .entry(key.clone())
                    .and_modify(|old| {
                        for (at, merge) in COLUMNS.iter().enumerate() {
                            merge.apply(&mut old[at], new[at]);
                        }
                    })
                    .or_insert(new);
                prop_assert_eq!(add(&mut table, &key, false, &new), Ok(()));
            }
            let expected: Vec<_> = obvious
                .into_iter()
                .map(|(key, values)| (key, false, values.to_vec()))
                .collect();
            prop_assert_eq!(drain(&mut table), expected);
        }
    }
}

#[test]
fn a_member_is_kept_once_and_has_no_values() {
    let mut table = Rows::new(COLUMNS.to_vec(), 1 << 20);
    for _ in 0..3 {
        add(&mut table, b"g", false, &[1, 1, 1]).unwrap();
        // The values stand where those of the row before it stood.
        add(&mut table, b"g/m", true, &[u128::MAX, 1, 1]).unwrap();
    }
    assert!(table.high.is_empty());
    assert_eq!(
        drain(&mut table),
        [
            (b"g".to_vec(), false, vec![3, 1, 1]),
            (b"g/m".to_vec(), true, vec![])
        ]
    );
}

#[test]
fn i8_a_full_table_is_within_its_budget_and_near_it() {
    for budget in [20_000, 1_000_000, 7_000_000] {
        for length in [6, 40] {
            let mut table = Rows::new(vec![Merge::Sum], budget);
            let mut rows = 0u64;
            loop {
                let key = format!("{rows:0length$}");
                if add(&mut table, key.as_bytes(), false, &[1]).is_err() {
                    break;
                }
                rows += 1;
            }
            let held = table.words.capacity() * 8 + table.arena.capacity() + table.index.len() * 8;
            assert!(held <= budget, "{held} of {budget}");
            assert!(held >= budget / 4, "{held} of {budget}");
            // Nothing was taken of the row that did not fit, and the memory is used again.
            assert_eq!(drain(&mut table).len() as u64, rows);
            for number in 0..rows {
                let key = format!("{number:0length$}");
                add(&mut table, key.as_bytes(), false, &[1]).unwrap();
            }
        }
    }
}

#[test]
fn an_empty_table_takes_a_row_larger_than_its_budget() {
    let mut table = Rows::new(vec![Merge::Sum], 10);
    let key = vec![b'x'; 100_000];
    add(&mut table, &key, false, &[1]).unwrap();
    assert_eq!(add(&mut table, b"y", false, &[1]), Err(Full));
    assert_eq!(drain(&mut table).len(), 1);
    add(&mut table, b"y", false, &[1]).unwrap();
}
