//! Groups of rows: a group's totals and what belongs to them become one finished row.

use gristmill_common::spec::{Finish, TableShape};

use super::figures;
use crate::engine::reduce_error::ReduceError;

/// Turns the sorted rows of a table into the rows that are printed.
pub(crate) struct Groups<F> {
    distinct: bool,
    finish: Option<Finish>,
    finished: Vec<u128>,
    key: Vec<u8>,
    values: Vec<u128>,
    open: bool,
    give: F,
}

impl<F: FnMut(&[u8], &[u128]) -> Result<(), ReduceError>> Groups<F> {
    /// Gives each finished row, with the count of distinct values as its last column if the table
    /// has one, to `give`.
    pub(crate) fn new(shape: &TableShape, give: F) -> Self {
        Self {
            distinct: shape.distinct.is_some(),
            finish: shape.finish.clone(),
            finished: Vec::new(),
            key: Vec::new(),
            values: Vec::new(),
            open: false,
            give,
        }
    }

    /// Takes the next row in order.
    pub(crate) fn row(
        &mut self,
        key: &[u8],
        member: bool,
        values: &[u128],
    ) -> Result<(), ReduceError> {
        if let Some(finish) = &self.finish {
            figures::finish(finish, values, &mut self.finished)?;
            return (self.give)(key, &self.finished);
        }
        if !self.distinct {
            return (self.give)(key, values);
        }
        if member {
            // Encoded keys: a member's key is its group's and one field more.
            return match self.values.last_mut() {
                Some(count) if self.open && key.starts_with(&self.key) => {
                    *count += 1;
                    Ok(())
                }
                _ => Err(ReduceError::Malformed(
                    "a distinct value of a group that has no totals".into(),
                )),
            };
        }
        self.close()?;
        self.open = true;
        self.key.extend_from_slice(key);
        self.values.extend_from_slice(values);
        self.values.push(0);
        Ok(())
    }

    /// Gives the last group.
    pub(crate) fn close(&mut self) -> Result<(), ReduceError> {
        if self.open {
            (self.give)(&self.key, &self.values)?;
        }
        self.open = false;
        self.key.clear();
        self.values.clear();
        Ok(())
    }
}
