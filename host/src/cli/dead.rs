//! `fonio dead …`: runs that have failed and that nobody has decided about.

use clap::Subcommand;
use serde_json::Map;

use super::runs::{Decide, Listing, RetryDead, Status, What};
use super::{Exit, Failure};

/// Dead letters: runs that have failed and that nobody has done again or discarded.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// Lists dead letters, newest first.
    List(Listing),
    /// Does dead letters again, the oldest first: those of these numbers, or all that the options leave.
    Retry(RetryDead),
    /// Takes dead letters off the list; the runs stay failed, and can be done again by `fonio runs retry`.
    Discard(Decide),
}

impl DeadCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            DeadCommand::List(list) => list.execute(Some(Status::Dead)).await,
            DeadCommand::Retry(retry) => retry.execute().await,
            DeadCommand::Discard(decide) => decide.execute(What::Discard, Map::new()).await,
        }
    }
}
