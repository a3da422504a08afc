//! What a model knows of words: Brown clusters and ambiguity classes, put together into its
//! lexicon. Must not know of weights.

use std::collections::{BTreeSet, HashMap};

use super::data::TagCounts;
use crate::hash;
use crate::lexicon::{self, Entry};
use crate::word;

/// Brown clusters.
pub(super) struct Clusters {
    /// Path by lexicon key.
    pub(super) paths: HashMap<u32, u32>,
    /// Keys of capitalised forms whose lower-case form says the same: not worth storing.
    redundant: Vec<u32>,
}

/// Reads lines of word, TAB, number.
pub(super) fn read_clusters(content: &str) -> Clusters {
    let mut paths = HashMap::new();
    // Cluster 0 stands for words too rare to be clustered.
    let words = || {
        content
            .lines()
            .filter_map(|l| l.split_once('\t'))
            .filter_map(|(w, n)| Some((w, n.parse::<u32>().ok().filter(|n| *n > 0)?)))
    };
    for (word, path) in words() {
        paths
            .entry(lexicon::key(hash::bytes(word.as_bytes())))
            .or_insert(path);
    }
    let mut redundant = Vec::new();
    let mut scratch = String::new();
    for (word, _) in words() {
        let view = word::view(word, &mut scratch);
        let (exact, lower) = (lexicon::key(view.exact), lexicon::key(view.lower));
        if exact != lower && paths.get(&exact) == paths.get(&lower) {
            redundant.push(exact);
        }
    }
    for key in &redundant {
        paths.remove(key);
    }
    Clusters { paths, redundant }
}

/// What the model knows of words: an entry each, the clusters' paths, the ambiguity classes.
pub(super) fn build_lexicon(
    clusters: &Clusters,
    counts: &TagCounts,
) -> (Vec<(u32, Entry)>, Vec<u32>, Vec<u64>) {
    debug_assert!(
        clusters
            .redundant
            .iter()
            .all(|key| !clusters.paths.contains_key(key))
    );
    let paths: Vec<u32> = clusters
        .paths
        .values()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .take(60_000)
        .collect();
    let classes: Vec<u64> = counts
        .0
        .keys()
        .map(|key| counts.class(*key, None))
        .filter(|c| *c != 0)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .take(60_000)
        .collect();
    let keys: BTreeSet<u32> = clusters
        .paths
        .keys()
        .chain(counts.0.keys())
        .copied()
        .collect();
    let lexicon = keys
        .into_iter()
        .map(|key| {
            let cluster = clusters
                .paths
                .get(&key)
                .and_then(|path| paths.binary_search(path).ok());
            let class = classes.binary_search(&counts.class(key, None)).ok();
            (
                key,
                Entry {
                    cluster: cluster.map_or(0, |at| at as u16 + 1),
                    class: class.map_or(0, |at| at as u16 + 1),
                },
            )
        })
        .collect();
    (lexicon, paths, classes)
}
