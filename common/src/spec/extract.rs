//! Options of `extract`.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Shape;

/// One JSON line a document: its name and its text.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {}

impl Extract {
    pub(super) fn shape(&self) -> Shape {
        Shape::Ordered
    }
}
