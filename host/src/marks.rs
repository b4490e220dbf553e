//! By what a system knows a request again that a step sent before its host died.

use fonio_sandbox::RequestMarks;
use fonio_store::ClaimedStep;
use http::HeaderName;

use crate::live::Live;

/// Marks the requests of a step, if its project says in which header: the same in each attempt, and different from those
/// of every other step. When the run began is part of it, because a store that was begun anew or restored from a backup
/// gives numbers a second time.
pub(crate) fn marks(live: &Live, claimed: &ClaimedStep) -> Option<RequestMarks> {
    let job = live.project.job(&claimed.job)?;
    let header = live
        .project
        .settings
        .idempotency_header(&job.adaptor.name)?;
    let header = HeaderName::from_bytes(header.as_bytes()).ok()?;
    let ClaimedStep {
        run,
        run_created_ms,
        step,
        ..
    } = claimed;
    let step = format!("{}/{run}/{run_created_ms}/{step}", live.project.id);
    Some(RequestMarks::new(header, &step))
}
