//! What is written down of a step before it starts: that its credential's secrets are shown to its guests.

use std::fmt;
use std::sync::Arc;

use fonio_access::{Access, Event, What};
use fonio_sandbox::{FailureKind, StepFailure};
use fonio_store::ClaimedStep;

use crate::host::Host;
use crate::live::Live;

/// Where it is written. `fonio run`, which has no store, has none.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// The secrets of `credential` will be shown; on disk when this returns.
    ///
    /// # Errors
    /// When it could not be written, and why. The step must not run then.
    fn revealed(&self, credential: &str) -> Result<(), String>;
}

/// Writes down that `credential` is revealed, if one is and there is where to write.
///
/// # Errors
/// What must not happen unrecorded does not happen.
pub async fn write(
    ledger: Option<&Arc<dyn Ledger>>,
    credential: Option<&str>,
) -> Result<(), StepFailure> {
    let (Some(ledger), Some(credential)) = (ledger, credential) else {
        return Ok(());
    };
    let (ledger, name) = (Arc::clone(ledger), credential.to_owned());
    let written = tokio::task::spawn_blocking(move || ledger.revealed(&name)).await;
    let why = match written {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(stopped) => stopped.to_string(),
    };
    let said = format!(
        "the credential `{credential}` is revealed to this job, and that could not be written into the audit log: {why}"
    );
    Err(StepFailure::new(FailureKind::Load, "AuditError", said))
}

/// The host's audit log, for one step.
pub struct AuditLog {
    access: Access,
    project: String,
    /// Of what: the job, the run, the step.
    of: String,
}

impl AuditLog {
    /// Nothing before the host has one.
    pub fn of_step(host: &Host, live: &Live, step: &ClaimedStep) -> Option<Arc<dyn Ledger>> {
        let of = format!("job {}, run {}, step {}", step.job, step.run, step.step);
        Some(Arc::new(AuditLog {
            access: host.access.get()?.clone(),
            project: live.project.id.clone(),
            of,
        }))
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditLog").field(&self.of).finish()
    }
}

impl Ledger for AuditLog {
    fn revealed(&self, credential: &str) -> Result<(), String> {
        let event = Event::new("host", What::Reveal).in_tenant(&self.project);
        let written = self.access.record(&event.of(credential, &self.of));
        written.map_err(|error| error.to_string())
    }
}
