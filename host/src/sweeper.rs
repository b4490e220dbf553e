//! Forgets what `[retention]` does not keep: looks at the store again and again, a little at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fonio_project::{Keep, Retention};
use fonio_store::{Erased, Kept};

use crate::host::Host;

/// Between two looks, at most: so long what is due stays in addition. One that finds nothing reads five short lists.
const EVERY_MAX: Duration = Duration::from_secs(60);

/// Between two looks, at least; also how often what ended runs do not leave is looked for.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Sweeps until the host stops. It may break off anywhere: the next look goes on from there.
pub async fn run(host: Arc<Host>) {
    let mut generations = host.generations();
    while !host.is_stopping() {
        let sleep = match host.live() {
            None => EVERY_MAX,
            Some(live) => {
                let retention = &live.project.settings.retention;
                tokio::select! {
                    () = sweep(&host, retention) => {}
                    () = host.stopping() => return,
                }
                match retention.keep {
                    Keep::Always => interval(retention),
                    Keep::Failure | Keep::Never => EVERY_MIN,
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            changed = generations.changed() => if changed.is_err() { return },
            () = host.stopping() => return,
        }
    }
}

async fn sweep(host: &Host, retention: &Retention) {
    match host.store.sweep(kept(retention), interval(retention)).await {
        Ok(erased) => count(host, erased),
        Err(error) => {
            tracing::error!(%error, "what is older than it is kept cannot be forgotten; trying again");
        }
    }
}

fn count(host: &Host, erased: Erased) {
    let Erased {
        messages,
        runs,
        dataclips,
        logs,
    } = erased;
    let swept = &host.figures.swept;
    for (figure, gone) in [
        (&swept.messages, messages),
        (&swept.runs, runs),
        (&swept.dataclips, dataclips),
        (&swept.logs, logs),
    ] {
        figure.fetch_add(gone, Ordering::Relaxed);
    }
}

fn kept(retention: &Retention) -> Kept {
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Kept {
        messages_ms: ms(retention.messages),
        runs_ms: ms(retention.runs),
        dataclips_ms: ms(retention.dataclips.unwrap_or(retention.runs)),
        logs_ms: ms(retention.logs.unwrap_or(retention.runs)),
    }
}

/// What the store is told when the project is loaded, before any of its runs ends.
pub(crate) fn kept_at_all(keep: Keep) -> fonio_store::Keep {
    match keep {
        Keep::Always => fonio_store::Keep::Always,
        Keep::Failure => fonio_store::Keep::Failure,
        Keep::Never => fonio_store::Keep::Never,
    }
}

/// A tenth of the shortest time that something is kept, within limits.
fn interval(retention: &Retention) -> Duration {
    let times = [
        Some(retention.messages),
        Some(retention.runs),
        retention.dataclips,
        retention.logs,
    ];
    let shortest = times.into_iter().flatten().min().unwrap_or(EVERY_MAX);
    (shortest / 10).clamp(EVERY_MIN, EVERY_MAX)
}
