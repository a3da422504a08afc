//! Groups of rows: a group's totals and what belongs to them become one finished row.

use gristmill_common::spec::TableShape;

use super::figures::Figures;
use crate::engine::reduce_error::ReduceError;

/// Turns the sorted rows of a table into the rows that are printed.
pub(crate) struct Groups<F> {
    members: bool,
    figures: Option<Figures>,
    key: Vec<u8>,
    values: Vec<u128>,
    open: bool,
    give: F,
}

impl<F: FnMut(&[u8], &[u128]) -> Result<(), ReduceError>> Groups<F> {
    /// Gives each finished row to `give`: with the figures of the table's finish, or as it is, with
    /// the count of distinct values as its last column if the table has one.
    pub(crate) fn new(shape: &TableShape, give: F) -> Result<Self, ReduceError> {
        Ok(Self {
            members: shape.has_members() || shape.has_buckets(),
            figures: Figures::new(shape)?,
            key: Vec::new(),
            values: Vec::new(),
            open: false,
            give,
        })
    }

    /// Takes the next row in order.
    pub(crate) fn row(
        &mut self,
        key: &[u8],
        member: bool,
        values: &[u128],
    ) -> Result<(), ReduceError> {
        if !self.members {
            return finish(&mut self.figures, key, values, &mut self.give);
        }
        if member {
            return self.member(key);
        }
        if let (Some(figures), true) = (&mut self.figures, self.open)
            && let Some(field @ [_, ..]) = key.strip_prefix(&self.key[..])
        {
            // All groups' keys have as many fields: this one has one more, and is what it counts.
            return figures.bucket(field, values[0]);
        }
        self.close()?;
        self.open = true;
        self.key.extend_from_slice(key);
        self.values.extend_from_slice(values);
        if self.figures.is_none() {
            self.values.push(0);
        }
        Ok(())
    }

    fn member(&mut self, key: &[u8]) -> Result<(), ReduceError> {
        // Encoded keys: a member's key is its group's and one field more.
        let field = key.strip_prefix(&self.key[..]).filter(|_| self.open);
        match (field, &mut self.figures, self.values.last_mut()) {
            (Some(field), Some(figures), _) => figures.member(field),
            (Some(_), None, Some(count)) => {
                *count += 1;
                Ok(())
            }
            _ => Err(ReduceError::Malformed(
                "a distinct value of a group that has no totals".into(),
            )),
        }
    }

    /// Gives the last group.
    pub(crate) fn close(&mut self) -> Result<(), ReduceError> {
        if self.open {
            finish(&mut self.figures, &self.key, &self.values, &mut self.give)?;
        }
        self.open = false;
        self.key.clear();
        self.values.clear();
        Ok(())
    }
}

fn finish(
    figures: &mut Option<Figures>,
    key: &[u8],
    values: &[u128],
    give: &mut impl FnMut(&[u8], &[u128]) -> Result<(), ReduceError>,
) -> Result<(), ReduceError> {
    let Some(figures) = figures else {
        return give(key, values);
    };
    match figures.finish(key, values)? {
        Some((key, row)) => give(key, row),
        None => Ok(()),
    }
}
