//! How often and how long something is tried: back-off after what passes, and an end of patience.

use std::time::{Duration, Instant, SystemTime};

use gristmill_input::ObjectError;

use crate::bucket::Bucket;
use crate::error::Failure;

/// The first wait, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a store that never answered is tried: a wrong address should show soon.
const UNKNOWN: Duration = Duration::from_secs(10);
/// How long a store that answered before is tried without any byte.
const KNOWN: Duration = Duration::from_secs(120);
/// How often a store may say that the bucket is elsewhere.
const REGIONS: u32 = 3;

/// The tries of one request.
pub(crate) struct Tries<'b> {
    bucket: &'b Bucket,
    since: Instant,
    wait: Duration,
    regions: u32,
}

impl<'b> Tries<'b> {
    pub(crate) fn new(bucket: &'b Bucket) -> Self {
        Self {
            bucket,
            since: Instant::now(),
            wait: WAIT.0,
            regions: 0,
        }
    }

    /// Something came: patience begins anew.
    pub(crate) fn progressed(&mut self) {
        self.since = Instant::now();
        self.wait = WAIT.0;
    }

    /// Waits until another try is due.
    ///
    /// # Errors
    /// When there should be none.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), ObjectError> {
        let (reason, asked) = match failure {
            Failure::Passing { reason, wait } => (reason, wait),
            Failure::Region(region) if self.regions < REGIONS => {
                self.regions += 1;
                self.bucket.is_in(region);
                return Ok(());
            }
            Failure::Region(region) => {
                return Err(failed(format!(
                    "the store sends from region to region ({region})"
                )));
            }
            Failure::Final(error) => return Err(error),
            Failure::Absent(code) => return Err(failed(absent(&code))),
            Failure::Condition => return Err(failed("the store refuses a condition".into())),
            Failure::Exists => return Err(failed("the store answers 409: a conflict".into())),
        };
        let patience = match self.bucket.has_answered() {
            true => KNOWN,
            false => UNKNOWN,
        };
        let wait = asked.unwrap_or_else(|| varied(self.wait));
        if self.since.elapsed() + wait > patience {
            let tried = self.since.elapsed().as_secs();
            return Err(failed(format!("{reason} (tried for {tried} seconds)")));
        }
        tracing::debug!(bucket = self.bucket.name(), reason, ?wait, "trying again");
        tokio::time::sleep(wait).await;
        self.wait = (self.wait * 2).min(WAIT.1);
        Ok(())
    }
}

/// What is absent, in words.
pub(crate) fn absent(code: &str) -> String {
    match code {
        "NoSuchBucket" | "ContainerNotFound" => "there is no such bucket".into(),
        _ => "there is no such object".into(),
    }
}

fn failed(reason: String) -> ObjectError {
    ObjectError::Failed(reason)
}

/// Half of a time, and a random share of the other half: many clients should not come at once.
fn varied(time: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let share = now.map_or(0, |now| now.subsec_micros() % 1000);
    time / 2 + time / 2 * share / 1000
}
