//! `fonio dead …`: runs that have failed and that nobody has decided about.

use clap::{Args, Subcommand, ValueEnum};

use super::runs::{Decide, Listing, Status, What};
use super::{Exit, Failure};

/// Dead letters: runs that have failed and that nobody has done again or discarded.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// Lists dead letters, newest first.
    List(Listing),
    /// Does dead letters again, the oldest first: those of these numbers, or all that the options leave.
    Retry(Retry),
    /// Takes dead letters off the list; the runs stay failed, and can be done again by `fonio runs retry`.
    Discard(Decide),
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// From the step that failed, or from the start as their trigger would start them today.
    #[arg(long, value_enum, default_value_t = From::Failed)]
    from: From,
    #[command(flatten)]
    decide: Decide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    Failed,
    Start,
}

impl DeadCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            DeadCommand::List(list) => list.execute(Some(Status::Dead)).await,
            DeadCommand::Retry(retry) => {
                let from = match retry.from {
                    From::Failed => "failed",
                    From::Start => "start",
                };
                let from = std::iter::once(("from", from.into()));
                retry.decide.execute(What::Retry, from).await
            }
            DeadCommand::Discard(decide) => decide.execute(What::Discard, std::iter::empty()).await,
        }
    }
}
