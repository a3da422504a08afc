//! Options of `wc`.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{KeyedBy, Shape, TableShape};
use crate::table::Merge;

/// Lines, words and bytes of each document, in document order.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wc {}

impl Wc {
    pub(super) fn shape(&self) -> Shape {
        Shape::Table(TableShape {
            keyed_by: KeyedBy::Document,
            columns: ["lines", "words", "bytes"]
                .map(|name| (name.into(), Merge::Sum))
                .into(),
            distinct: None,
            top: None,
            finish: None,
        })
    }
}
