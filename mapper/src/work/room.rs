//! Which chunks of jobs that run programs may be begun.
//!
//! What such a chunk starts may end the whole container, and the mapper with it. Nobody is left
//! then to see which chunk it was: so a suspect is run while no other is.

/// Room for chunks of jobs that run programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// For any.
    All,
    /// For a suspect.
    Suspect,
    /// For none.
    Full,
}

impl Room {
    /// What room there is with or without suspects that wait; `running` says of each chunk of such
    /// jobs that is in flight whether it is run alone.
    pub(super) fn beside(mut running: impl Iterator<Item = bool>, suspect_waits: bool) -> Self {
        match running.next() {
            None if suspect_waits => Room::Suspect,
            None => Room::All,
            Some(alone) if alone || suspect_waits => Room::Full,
            Some(_) => Room::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspect_waits_until_nothing_runs_and_nothing_is_begun_beside_it() {
        let beside = |running: &[bool], waits| Room::beside(running.iter().copied(), waits);
        assert_eq!(beside(&[], false), Room::All);
        assert_eq!(beside(&[false, false], false), Room::All);
        assert_eq!(beside(&[false], true), Room::Full);
        assert_eq!(beside(&[], true), Room::Suspect);
        assert_eq!(beside(&[true], false), Room::Full);
        assert_eq!(beside(&[true], true), Room::Full);
    }
}
