//! The run-time tables against a plain map, and the margin of a best tag.

use std::collections::BTreeMap;

use super::parts::{RowRef, Rows, SparseRows};
use super::sparse::SparseTable;
use super::table::{MOST_TAGS, Places, Scores, Table};
use crate::hash::Random;

/// Random rows; many keys lie close together, so that ranges of the index are shared.
fn rows(count: usize, random: &mut Random) -> BTreeMap<u32, [i8; MOST_TAGS]> {
    (0..count)
        .map(|number| {
            let key = match number % 3 {
                0 => random.next() as u32,
                1 => 0x7000_0000 + random.below(4000) as u32,
                _ => u32::MAX - random.below(200) as u32,
            };
            let mut row = [0; MOST_TAGS];
            for _ in 0..random.below(6) {
                row[random.below(MOST_TAGS)] = random.next() as i8;
            }
            (key | 1, row)
        })
        .collect()
}

fn packed(rows: &BTreeMap<u32, [i8; MOST_TAGS]>) -> SparseRows {
    let mut out = SparseRows::with_room(rows.len());
    for (&key, row) in rows {
        let present = row.iter().enumerate().filter(|(_, weight)| **weight != 0);
        out.push(RowRef {
            key,
            mask: present.clone().fold(0, |mask, (tag, _)| mask | 1 << tag),
            weights: &present.map(|(_, weight)| *weight as u8).collect::<Vec<_>>(),
        });
    }
    out
}

#[test]
fn both_tables_give_the_rows_put_in_and_no_others() {
    let mut random = Random::new(3);
    for count in [0, 1, 2, 300, 20_000] {
        let rows = rows(count, &mut random);
        let packed = packed(&rows);
        let (dense, sparse): (Table, SparseTable) = (packed.to(), packed.to());
        let near = |key: u32| [key.wrapping_sub(2), key, key.wrapping_add(2)];
        let strangers = (0..2000)
            .map(|_| random.next() as u32 | 1)
            .collect::<Vec<_>>();
        for key in rows.keys().copied().flat_map(near).chain(strangers) {
            let expected = rows
                .get(&key)
                .map_or([0; MOST_TAGS], |row| row.map(i16::from));
            let mut places = Places::<1>::NONE;
            dense.seek(key, &mut places);
            let mut scores = Scores::ZERO;
            dense.add(places.as_slice(), &mut scores);
            assert_eq!(scores.0, expected, "dense, key {key:#x} of {count}");
            places.clear();
            sparse.expect(key, &mut places);
            sparse.seek_expected(&mut places);
            let mut scores = Scores::ZERO;
            for place in places.as_slice() {
                sparse.add(*place, &mut scores);
            }
            assert_eq!(scores.0, expected, "sparse, key {key:#x} of {count}");
        }
    }
}

#[test]
fn a_lead_is_sure_when_no_other_lane_is_within_the_margin() {
    let mut scores = Scores::blank(3);
    assert_eq!(scores.lead(0), (0, false), "three equals: the first");
    scores.0[2] = 10;
    assert_eq!(scores.best(), 2);
    assert_eq!(scores.lead(9), (2, true));
    assert_eq!(scores.lead(10), (2, false));
    scores.0[..3].copy_from_slice(&[-300, -200, -400]);
    assert_eq!(scores.lead(99), (1, true), "lanes without a tag never win");
    assert_eq!(scores.lead(100), (1, false));
}
