//! A job as JSON.

use gristmill_jobs::registry::Phase;
use serde_json::json;

use super::{Heard, JobView};
use crate::phrases;

impl JobView<'_> {
    /// The job as an object: `StatusArgs` documents its fields.
    #[must_use]
    pub fn json(&self, heard: &Heard) -> serde_json::Value {
        let (job, estimate, stats) = (self.job, &self.estimate, self.stats.as_ref());
        let totals = match job.phase {
            Phase::Finished(totals) => Some(totals),
            _ => None,
        };
        let so_far = stats.filter(|stats| stats.reducers > 0);
        let reason = match &job.phase {
            Phase::Failed { reason } => Some(reason),
            _ => None,
        };
        let mut view = json!({
            "job": job.name,
            "kind": job.submission.spec.kind.name(),
            "state": self.state.name(),
            "reason": reason,
            "seconds": self.age.as_secs(),
            "percent": estimate.percent.map(phrases::tenths),
            "eta_seconds": estimate.eta.map(|eta| phrases::whole(eta).as_secs()),
            "splits": job.submission.plan_summary.splits,
            "splits_published": job.splits.len(),
            "chunks_published": estimate.published,
            "chunks_total": estimate.total,
            "sealed": job.sealed.is_some(),
            "chunks_mapped": estimate.mapped,
            "chunks_left": estimate.left,
            "chunks_waiting": self.chunks,
            "chunks_in_hand": stats.map(|stats| stats.in_hand),
            "chunks_per_second": stats.map(|stats| phrases::tenths(stats.chunks_per_second)),
            "bytes_per_second": stats.map(|stats| stats.bytes_per_second as u64),
            "results_waiting": self.results,
            "outcomes_durable": so_far.map(|stats| stats.outcomes.0),
            "dead": (totals.filter(|_| job.is_over())).map_or(self.dead, |totals| totals.foreign_messages),
            "missing": (job.missing.as_ref()).and_then(|(_, count)| (*count != u64::MAX).then_some(count)),
            "partitions": job.submission.spec.partitions,
            "partitions_closed": job.closed.len(),
            "directory": job.claim.as_ref().map(|claim| &claim.directory),
            "place": job.claim.as_ref().map(|claim| &claim.place),
            "output": self.output(),
            "output_there": job.output_there,
            "troubles": self.troubles,
            "records": totals.map(|totals| totals.records),
            "quarantined": (totals.map(|totals| totals.quarantined))
                .or(so_far.map(|stats| stats.quarantined)),
            "skipped_chunks": totals.map(|totals| totals.skipped_chunks),
            "replays": job.replays,
            "left_alone": self.left_alone,
            "reducers_left_alone": self.reducers_left_alone,
            "workers": stats.map(|stats| json!({
                "producers": stats.producers,
                "mappers": stats.mappers,
                "reducers": stats.reducers,
            })),
            "waits_for": self.waits_for,
            "broker_alarm": heard.alarm,
            "reports_error": heard.reports_error,
        });
        // The macro takes no more fields than those.
        view["bytes_read_per_second"] =
            json!(stats.map(|stats| stats.bytes_read_per_second as u64));
        view["outcomes_per_second"] =
            json!(stats.map(|stats| phrases::tenths(stats.outcomes_per_second)));
        view["quarantined_for"] = (self.reasons.iter())
            .map(|(reason, times)| json!({"reason": reason, "entries": times}))
            .collect();
        view
    }
}
