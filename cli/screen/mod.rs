//! `status --watch` on a terminal: one screen that is drawn again in place.
//!
//! It shows what `crate::watch` sees, as the dashboard does, and must not know where that is from.

mod draw;
mod line;
mod terminal;

use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use self::terminal::Terminal;
use crate::watch::{View, Watch};

pub use self::terminal::is_drawable;

/// SIGTSTP: Ctrl-Z.
const STOP: i32 = 20;

/// How the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No job that is watched goes on.
    Done,
    /// Nobody sees it any more: a signal, or a terminal that is gone.
    Left,
}

/// Draws what `watch` sees until all of its jobs have ended, or a signal asks for a stop. The
/// terminal is left as it was.
///
/// # Errors
/// When the log of jobs cannot be read or the terminal cannot be written.
pub async fn show(watch: Watch, signals: &mut Signals) -> anyhow::Result<Ended> {
    let (sender, mut views) = watch::channel(View::new(&Value::Null));
    let mut watching = std::pin::pin!(watch.run(sender));
    let mut seen = Value::Null;
    let mut terminal = None;
    loop {
        tokio::select! {
            ended = &mut watching => return ended.map(|()| Ended::Left),
            changed = views.changed() => {
                changed?;
                let view = serde_json::from_slice(&views.borrow_and_update().json())?;
                seen = with_known_jobs(view, seen);
                match seen["jobs_active"].as_u64() {
                    Some(0) => return Ok(Ended::Done),
                    Some(_) => {}
                    // The log is not read yet.
                    None if terminal.is_none() => continue,
                    None => {}
                }
            }
            _ = signals.resize.recv() => {}
            _ = signals.stop.recv() => {
                if !is_job() {
                    continue;
                }
                terminal = None;
                // Until somebody sends SIGCONT (`fg`).
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?;
            }
            () = asked(&mut signals.interrupt, &mut signals.terminate) => return Ok(Ended::Left),
        }
        let shown = match &mut terminal {
            Some(shown) => shown,
            None => terminal.insert(Terminal::enter()?),
        };
        if !shown.draw(|size| draw::lines(&seen, size))? {
            return Ok(Ended::Left);
        }
    }
}

/// Whether a shell that has more than one job started this one, and can go on with it after a stop
/// (POSIX: the process group is not orphaned).
///
/// The ids are nix's, and not rustix's: in a container the session's leader, or the group's, may
/// be a process outside it, whose id reads 0 inside (pid_namespaces(7)), which rustix has no value
/// for.
fn is_job() -> bool {
    use nix::unistd::{getpgid, getppid, getsid};
    let parent = Some(getppid());
    getsid(parent) == getsid(None) && getpgid(parent) != getpgid(None)
}

/// A view, with the jobs of the one before if the broker did not tell them.
fn with_known_jobs(mut view: Value, mut before: Value) -> Value {
    if view.get("jobs").is_none() {
        for name in ["jobs", "jobs_all", "jobs_active"] {
            if let Some(known) = before.get_mut(name) {
                view[name] = known.take();
            }
        }
    }
    view
}

async fn asked(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What may happen beside news.
pub struct Signals {
    resize: Signal,
    stop: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Watches for signals of the terminal from now on, until the process ends.
    ///
    /// # Errors
    /// When they cannot be watched.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            resize: signal(SignalKind::window_change())?,
            stop: signal(SignalKind::from_raw(STOP))?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits until a signal asks for a stop.
    pub async fn asked(&mut self) {
        asked(&mut self.interrupt, &mut self.terminate).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn jobs_that_the_broker_does_not_tell_stay_on_the_screen() {
        let before = json!({"jobs": ["a"], "jobs_all": 1, "jobs_active": 1, "at": 1});
        let view = with_known_jobs(json!({"at": 2}), before);
        assert_eq!(
            view,
            json!({"jobs": ["a"], "jobs_all": 1, "jobs_active": 1, "at": 2})
        );
        let view = with_known_jobs(json!({"jobs": []}), view);
        assert_eq!(view, json!({"jobs": []}));
        assert_eq!(with_known_jobs(json!({}), Value::Null), json!({}));
    }
}
