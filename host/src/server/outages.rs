//! Systems that are out, for the API and for `/metrics`.

use std::fmt::Write;

use fonio_store::StoreError;
use serde_json::{Value, json};

use crate::host::Host;

/// Systems of a project that have a line of their own in `/metrics`; jobs may name any number.
const ORIGINS_MAX: usize = 20;

/// Each system that is out or that steps wait for: since when, when it is asked next, which jobs and how many steps wait.
pub(super) async fn shown(host: &Host) -> Result<Vec<Value>, StoreError> {
    let parked = host.store.parked().await?;
    let steps = |origin: &str| {
        let its = parked.iter().filter(|parked| parked.origin == origin);
        its.map(|parked| parked.steps).sum::<u64>()
    };
    let known = host.outages.shown();
    let shown = known.iter().map(|outage| {
        let mut shown = json!(outage);
        shown["parked"] = steps(&outage.origin).into();
        shown
    });
    Ok(shown.collect())
}

/// What `/metrics` shows of each project, by its labels (`tenant="clinic"`, or nothing).
pub(super) async fn metrics(
    text: &mut String,
    hosts: &[(String, &Host)],
) -> Result<(), StoreError> {
    text.push_str(
        "# HELP fonio_steps_parked Steps that wait for a system that is out.\n# TYPE fonio_steps_parked gauge\n",
    );
    for (label, host) in hosts {
        let parked = host.store.parked().await?;
        let steps: u64 = parked.iter().map(|parked| parked.steps).sum();
        let label = braced(label);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "fonio_steps_parked{label} {steps}");
    }
    text.push_str(
        "# HELP fonio_breaker_open Systems that are out, at most 20 of a project.\n# TYPE fonio_breaker_open gauge\n",
    );
    for (label, host) in hosts {
        for outage in host.outages.shown().iter().take(ORIGINS_MAX) {
            let origin = outage.origin.replace('\\', "\\\\").replace('"', "\\\"");
            let labels = [format!("origin=\"{origin}\""), label.clone()];
            let labels: Vec<String> = labels.into_iter().filter(|it| !it.is_empty()).collect();
            let _ = writeln!(text, "fonio_breaker_open{} 1", braced(&labels.join(",")));
        }
    }
    Ok(())
}

fn braced(labels: &str) -> String {
    if labels.is_empty() {
        return String::new();
    }
    format!("{{{labels}}}")
}
