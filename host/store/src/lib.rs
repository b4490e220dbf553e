//! Messages, runs, steps, dataclips and logs, kept durably in one SQLite file.
//!
//! The store knows nothing of WebAssembly, HTTP or project files: jobs and triggers are names, bodies and states bytes.
//!
//! ```text
//! accept ──> message + runs + queue ──> claim ──> (a host runs the step) ──> settle ──> steps + logs + dataclips
//!                              ^                                               │
//!                              └────────────── the steps that follow ──────────┘
//! ```
//!
//! Invariants:
//!
//! - Nothing is answered with `Ok` before it is durable: every change passes through `writer`, which answers after
//!   its commit.
//! - A step is open (in the table `queue`) or settled (in `steps`), never both and never neither; the move is one
//!   transaction with everything the step leaves behind. One that may not run yet is open elsewhere: in `waiting` behind
//!   others of its run, in `held` behind other runs (`lanes`), in `later` until its time.
//! - No step is handed out twice while the store is open (`queue`); after a crash, what was claimed waits again.
//! - Memory does not grow with what is stored: the queue in memory is a window, bodies wait for the writer within
//!   32 MiB, and every list has a limit.

// The helpers of `tests/` are used inside too, and know the crate by its name.
#[cfg(test)]
extern crate self as fonio_store;
#[cfg(test)]
#[path = "../tests/suite/common.rs"]
mod common;
#[cfg(test)]
const STORE: common::Kind = common::Kind::File;

mod accept;
mod again;
mod arrived;
mod backup;
mod begin;
mod bodies;
mod change;
mod claim;
mod collections;
mod copy;
mod dead;
mod deadline;
mod disk;
mod ended;
mod ending;
mod erase;
mod error;
mod forget;
#[cfg(test)]
mod full_disk;
mod hosts;
mod ids;
mod journal;
mod key;
mod lanes;
mod later;
mod link;
mod lock;
mod model;
mod numbers;
mod owner;
mod pages;
mod parked;
mod publish;
mod pulse;
mod queue;
mod queued;
mod read;
mod reader;
mod resume;
mod retention;
mod schema;
mod search;
mod server;
mod settle;
mod sql;
mod start;
mod store;
mod turn;
mod waiters;
mod window;
mod writer;

pub use again::{AgainFrom, AgainInput, RunAgain};
pub use arrived::FoundMessages;
pub use backup::{BackupError, Part, backup, restore};
pub use collections::{ITEMS_MAX, Item, ItemFilter, Items};
pub use copy::{Copied, compact, copy_to_server};
pub use deadline::Overdue;
pub use ended::Keep;
pub use ending::RunFailure;
pub use erase::Erased;
pub use error::StoreError;
pub use forget::{CANDIDATES_MAX, Candidate, FORGET_MAX};
pub use ids::{DataclipId, MessageId, RunId, StepId};
pub use journal::{Happened, JOURNAL_MAX, JournalEntry, JournalPage};
pub use key::{MessageKey, OtherBody};
pub use lock::{DirectoryLock, make_folder};
pub use model::{
    Accepted, AttemptDetail, ClaimedStep, Counts, FINAL_STATE_MAX_BYTES, FirstStep, KEY_KEPT_MS,
    LogLevel, LogLine, MESSAGES_MAX, MessageFilter, MessageSummary, NewMessage, NewRun, Next,
    RUN_LOG_MAX_BYTES, RUN_STEPS_MAX, RUNS_MAX, RunDetail, RunOutcome, RunStatus, RunSummary,
    STEPS_PER_RUN_MAX, Settled, Settlement, StepDetail, StepInput, StepOutcome, StepState,
    StepStatus, StoredMessage, leaf_names,
};
pub use parked::{PARKED_MAX, Parked, ParkedAttempt, Parking};
pub use publish::NewEvent;
pub use retention::Kept;
pub use search::{FoundRuns, Order, RunSearch, Standing};
pub use store::{Store, StoreOptions};
pub use turn::{HeldBy, Priority, RunRule, RunRules, Turn};
