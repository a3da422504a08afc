//! The account of the sources: records in, mapped and set aside.

use gristmill_reducer::{Account, Totals, Verified};

use crate::clip::clip;

/// The most sources that a page lists.
const MOST: usize = 1000;

/// The longest name of a source on the page, in characters.
const NAME: usize = 300;

/// The sources that a page lists, those with something missing or set aside first.
#[derive(Debug)]
pub(crate) struct AccountView {
    pub(crate) totals: Totals,
    pub(crate) sources: Vec<SourceRow>,
    /// How many sources are not listed.
    pub(crate) left_out: usize,
}

/// One source's account.
#[derive(Debug)]
pub(crate) struct SourceRow {
    pub(crate) name: String,
    pub(crate) account: Account,
    /// Records that are neither mapped nor set aside; a sound output has none.
    pub(crate) missing: u64,
}

impl AccountView {
    pub(crate) fn new(verified: &Verified) -> Self {
        let mut order: Vec<usize> = (0..verified.sources.len()).collect();
        let missing = |account: &Account| {
            let known = account.mapped.saturating_add(account.quarantined);
            account.records.saturating_sub(known)
        };
        order.sort_by_key(|&at| {
            let (_, account) = &verified.sources[at];
            let worst = (missing(account), account.quarantined);
            (std::cmp::Reverse(worst), at)
        });
        let sources = (order.iter().take(MOST))
            .map(|&at| {
                let (name, account) = &verified.sources[at];
                SourceRow {
                    name: clip(name, NAME),
                    account: *account,
                    missing: missing(account),
                }
            })
            .collect();
        Self {
            totals: verified.totals,
            sources,
            left_out: verified.sources.len().saturating_sub(MOST),
        }
    }
}
