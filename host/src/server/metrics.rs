//! `/metrics` in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use http::StatusCode;

use super::Reply;
use crate::host::Host;

/// Everything that is counted.
pub async fn show(host: &Host) -> Reply {
    let counts = match host.store.counts().await {
        Ok(counts) => counts,
        Err(error) => return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let figures = &host.figures;
    let read = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
    let problems = host.problems().len() as u64;
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
        );
    };
    metric(
        "fonio_messages_accepted_total",
        "counter",
        "Messages accepted since the start.",
        read(&figures.accepted),
    );
    metric(
        "fonio_messages_refused_total",
        "counter",
        "Requests to the inbox that were refused since the start.",
        read(&figures.refused),
    );
    metric(
        "fonio_messages_unauthorized_total",
        "counter",
        "Requests among those refused that did not show what the project asks of who sends messages.",
        read(&figures.unauthorized),
    );
    metric(
        "fonio_requests_denied_total",
        "counter",
        "Requests to the API and for metrics without a sign-in or the role they take, since the start.",
        read(&figures.denied),
    );
    metric(
        "fonio_steps_succeeded_total",
        "counter",
        "Steps that succeeded since the start.",
        read(&figures.steps_succeeded),
    );
    metric(
        "fonio_steps_failed_total",
        "counter",
        "Steps that failed since the start.",
        read(&figures.steps_failed),
    );
    metric(
        "fonio_guest_cpu_microseconds_total",
        "counter",
        "CPU time of all guests since the start.",
        read(&figures.guest_cpu_us),
    );
    metric(
        "fonio_reloads_total",
        "counter",
        "Reloads that swapped the project.",
        read(&figures.reloads),
    );
    metric(
        "fonio_reloads_failed_total",
        "counter",
        "Reloads that kept the old project.",
        read(&figures.reloads_failed),
    );
    metric(
        "fonio_project_problems",
        "gauge",
        "Problems in the project's files as they are now.",
        problems,
    );
    metric(
        "fonio_store_messages_total",
        "counter",
        "Messages that this store ever accepted.",
        counts.messages,
    );
    metric(
        "fonio_store_runs_total",
        "counter",
        "Runs that this store ever started.",
        counts.runs,
    );
    metric(
        "fonio_store_runs_failed",
        "gauge",
        "Failed runs in the store.",
        counts.runs_failed,
    );
    metric(
        "fonio_steps_queued",
        "gauge",
        "Steps that wait.",
        counts.steps_queued,
    );
    metric(
        "fonio_steps_running",
        "gauge",
        "Steps that run.",
        counts.steps_running,
    );
    Reply::text("text/plain; version=0.0.4; charset=utf-8", text)
}
