//! Stopping in order: one token that every role watches.

use std::sync::Arc;

use tokio::sync::watch;

/// How far a stop has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Work goes on.
    Running,
    /// Take nothing new; finish or hand back what is in hand.
    Draining,
    /// Stop at once.
    Aborted,
}

/// A token to ask for a stop and to notice one. Clones share their state.
#[derive(Clone, Debug)]
pub struct Shutdown {
    stage: Arc<watch::Sender<Stage>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A token in [`Stage::Running`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            stage: Arc::new(watch::Sender::new(Stage::Running)),
        }
    }

    /// Moves on to `stage`; a stop is never taken back.
    pub fn advance(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let later = stage > *now;
            if later {
                *now = stage;
            }
            later
        });
    }

    /// The stage now.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Whether a stop of any kind has been asked for.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stage() > Stage::Running
    }

    /// Waits until the stage is at least `stage`.
    pub async fn reached(&self, stage: Stage) {
        // The sender lives as long as this token, so waiting cannot fail.
        let _ = self.stage.subscribe().wait_for(|now| *now >= stage).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_never_taken_back() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        assert!(!other.is_stopping());
        shutdown.advance(Stage::Aborted);
        other.advance(Stage::Draining);
        assert_eq!(shutdown.stage(), Stage::Aborted);
    }
}
