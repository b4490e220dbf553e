//! `fonio runs …`: what has run, runs, and waits; and what a person decides about it.

mod decide;
mod follow;
mod list;
mod show;
mod which;

use clap::Subcommand;

pub(crate) use decide::{Decide, RetryDead, What};
pub(crate) use list::{List, Listing};
pub(crate) use which::{Status, Which};

use super::{Exit, Failure};

/// Runs: what they did, what they wrote; doing them again and ending them.
///
/// Asks the host that runs on the data, one elsewhere (--url), or opens the data itself where no host runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Lists runs, newest first.
    List(List),
    /// Shows a run with its steps. With --follow, until it has ended; then exits as the run did: 0, 1, 3 or 10.
    Show(show::Show),
    /// Prints what the steps of a run wrote. With --follow, until it has ended; then exits as the run did.
    Logs(show::Logs),
    /// Does runs again that have ended, each as a new run: those of these numbers, or those that have failed and that the
    /// options leave, the oldest first.
    Retry(decide::Retry),
    /// Ends runs that have not ended.
    Cancel(decide::Cancel),
}

impl RunsCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            RunsCommand::List(list) => list.execute().await,
            RunsCommand::Show(show) => show.execute().await,
            RunsCommand::Logs(logs) => logs.execute().await,
            RunsCommand::Retry(retry) => retry.execute().await,
            RunsCommand::Cancel(cancel) => cancel.execute().await,
        }
    }
}
