//! `/metrics` in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use fonio_store::Counts;
use http::StatusCode;

use super::{Reply, outages};
use crate::host::Host;

/// One project as it is now.
struct Sample<'h> {
    /// `{tenant="clinic"}`, or nothing.
    label: String,
    host: &'h Host,
    counts: Counts,
}

struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    read: fn(&Sample<'_>) -> u64,
}

fn read(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}

/// Everything that is counted.
const METRICS: &[Metric] = &[
    Metric {
        name: "fonio_messages_accepted_total",
        kind: "counter",
        help: "Messages accepted since the start.",
        read: |at| read(&at.host.figures.accepted),
    },
    Metric {
        name: "fonio_messages_refused_total",
        kind: "counter",
        help: "Requests to the inbox that were refused since the start.",
        read: |at| read(&at.host.figures.refused),
    },
    Metric {
        name: "fonio_messages_unauthorized_total",
        kind: "counter",
        help: "Requests among those refused that did not show what the project asks of who sends messages.",
        read: |at| read(&at.host.figures.unauthorized),
    },
    Metric {
        name: "fonio_requests_denied_total",
        kind: "counter",
        help: "Requests to the API and for metrics without a sign-in or the role they take, since the start.",
        read: |at| read(&at.host.figures.denied),
    },
    Metric {
        name: "fonio_steps_succeeded_total",
        kind: "counter",
        help: "Steps that succeeded since the start.",
        read: |at| read(&at.host.figures.steps_succeeded),
    },
    Metric {
        name: "fonio_steps_failed_total",
        kind: "counter",
        help: "Steps that failed since the start.",
        read: |at| read(&at.host.figures.steps_failed),
    },
    Metric {
        name: "fonio_guest_cpu_microseconds_total",
        kind: "counter",
        help: "CPU time of all guests since the start.",
        read: |at| read(&at.host.figures.guest_cpu_us),
    },
    Metric {
        name: "fonio_reloads_total",
        kind: "counter",
        help: "Reloads that swapped the project.",
        read: |at| read(&at.host.figures.reloads),
    },
    Metric {
        name: "fonio_reloads_failed_total",
        kind: "counter",
        help: "Reloads that kept the old project.",
        read: |at| read(&at.host.figures.reloads_failed),
    },
    Metric {
        name: "fonio_swept_messages_total",
        kind: "counter",
        help: "Messages that retention has forgotten since the start.",
        read: |at| read(&at.host.figures.swept.messages),
    },
    Metric {
        name: "fonio_swept_runs_total",
        kind: "counter",
        help: "Runs that retention has forgotten since the start.",
        read: |at| read(&at.host.figures.swept.runs),
    },
    Metric {
        name: "fonio_swept_dataclips_total",
        kind: "counter",
        help: "States that retention has forgotten since the start.",
        read: |at| read(&at.host.figures.swept.dataclips),
    },
    Metric {
        name: "fonio_swept_logs_total",
        kind: "counter",
        help: "Logs of steps and attempts that retention has forgotten since the start.",
        read: |at| read(&at.host.figures.swept.logs),
    },
    Metric {
        name: "fonio_project_problems",
        kind: "gauge",
        help: "Problems in the project's files as they are now.",
        read: |at| at.host.problems().len() as u64,
    },
    Metric {
        name: "fonio_store_messages_total",
        kind: "counter",
        help: "Messages that this store ever accepted.",
        read: |at| at.counts.messages,
    },
    Metric {
        name: "fonio_store_runs_total",
        kind: "counter",
        help: "Runs that this store ever started.",
        read: |at| at.counts.runs,
    },
    Metric {
        name: "fonio_store_runs_failed",
        kind: "counter",
        help: "Runs that ever failed in this store, whatever was deleted or done again since.",
        read: |at| at.counts.runs_failed,
    },
    Metric {
        name: "fonio_steps_queued",
        kind: "gauge",
        help: "Steps that wait.",
        read: |at| at.counts.steps_queued,
    },
    Metric {
        name: "fonio_steps_held",
        kind: "gauge",
        help: "Steps among those that wait for the end of other runs (`concurrency`, `ordering_key`).",
        read: |at| at.counts.steps_held,
    },
    Metric {
        name: "fonio_steps_running",
        kind: "gauge",
        help: "Steps that run.",
        read: |at| at.counts.steps_running,
    },
    Metric {
        name: "fonio_steps_in_flight",
        kind: "gauge",
        help: "Steps that run on this very host.",
        read: |at| at.host.flights.count() as u64,
    },
    Metric {
        name: "fonio_steps_waiting",
        kind: "gauge",
        help: "Steps that wait for their time or their next attempt.",
        read: |at| at.counts.steps_waiting,
    },
    Metric {
        name: "fonio_store_runs_cancelled",
        kind: "counter",
        help: "Runs of this store that somebody ever ended.",
        read: |at| at.counts.runs_cancelled,
    },
];

/// A tenant's name has nothing in it that would have to be escaped.
fn tenant_label(tenant: &str) -> String {
    format!("tenant=\"{tenant}\"")
}

/// The figures of these projects, each with its tenant's name where there are several.
pub async fn show(hosts: &[(Option<&str>, &Host)]) -> Reply {
    let mut samples = Vec::new();
    for (tenant, host) in hosts {
        let counts = match host.store.counts().await {
            Ok(counts) => counts,
            Err(error) => {
                return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
            }
        };
        let label = tenant.map_or_else(String::new, |tenant| {
            format!("{{{}}}", tenant_label(tenant))
        });
        samples.push(Sample {
            label,
            host,
            counts,
        });
    }
    let mut text = String::new();
    for Metric {
        name,
        kind,
        help,
        read,
    } in METRICS
    {
        // Writing to a String cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for sample in &samples {
            let _ = writeln!(text, "{name}{} {}", sample.label, read(sample));
        }
    }
    let projects: Vec<(String, &Host)> = hosts
        .iter()
        .map(|(tenant, host)| (tenant.map_or_else(String::new, tenant_label), *host))
        .collect();
    if let Err(error) = outages::metrics(&mut text, &projects).await {
        return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    }
    Reply::text("text/plain; version=0.0.4; charset=utf-8", text)
}
