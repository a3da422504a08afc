//! Rounds trained weights to the small integers that ship. Must not know how they were trained.

use std::collections::BTreeMap;

use crate::model::parts::SparseRows;
use crate::model::table::row_key;

/// Rounds `weights` (one per tag) to multiples of `step`, takes those up to `dead` steps for 0,
/// drops rows whose largest weight is below `least` steps,
/// and sorts by key. Of two rows with one 32-bit key the heavier stays.
pub(crate) fn quantise<'a>(
    rows: impl Iterator<Item = (u64, &'a [f32])>,
    tags: usize,
    step: f32,
    least: i32,
    dead: i32,
) -> SparseRows {
    let mut kept: BTreeMap<u32, (i32, Vec<i8>)> = BTreeMap::new();
    for (key, weights) in rows {
        // All tags' scores may shift together: take the middle out, so that fewer weights are far
        // from zero.
        let mut sorted: Vec<f32> = weights[..tags].to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let middle = sorted[tags / 2];
        let row: Vec<i8> = weights[..tags]
            .iter()
            .map(|w| ((w - middle) / step).round().clamp(-127.0, 127.0) as i8)
            .map(|w| if i32::from(w).abs() <= dead { 0 } else { w })
            .collect();
        let heaviest = row.iter().map(|w| i32::from(*w).abs()).max().unwrap_or(0);
        if heaviest < least.max(1) {
            continue;
        }
        let slot = kept.entry(row_key(key)).or_insert((0, Vec::new()));
        if heaviest > slot.0 {
            *slot = (heaviest, row);
        }
    }
    let mut out = SparseRows::default();
    for (key, (_, row)) in kept {
        out.keys.push(key);
        out.masks.push(
            row.iter()
                .enumerate()
                .filter(|(_, w)| **w != 0)
                .fold(0, |mask, (tag, _)| mask | 1 << tag),
        );
        out.weights
            .extend(row.iter().filter(|w| **w != 0).map(|w| *w as u8));
    }
    out
}
