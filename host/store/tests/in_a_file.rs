//! The shared suite, over a store in a file.

/// Which store the suite opens.
const STORE: common::Kind = common::Kind::File;

#[path = "suite/again.rs"]
mod again;
#[path = "suite/bodies.rs"]
mod bodies;
#[path = "suite/claims.rs"]
mod claims;
#[path = "suite/clocks.rs"]
mod clocks;
#[path = "suite/collections.rs"]
mod collections;
#[path = "suite/common.rs"]
mod common;
#[path = "suite/cron.rs"]
mod cron;
#[path = "suite/durable.rs"]
mod durable;
#[path = "suite/events.rs"]
mod events;
#[path = "suite/flow.rs"]
mod flow;
#[path = "suite/forget.rs"]
mod forget;
#[path = "suite/history.rs"]
mod history;
#[path = "suite/keys.rs"]
mod keys;
#[path = "suite/model.rs"]
mod model;
#[path = "suite/parked.rs"]
mod parked;
#[path = "suite/retention.rs"]
mod retention;
#[path = "suite/search.rs"]
mod search;
#[path = "suite/turns.rs"]
mod turns;
#[path = "suite/turns_histories.rs"]
mod turns_histories;
#[path = "suite/turns_model.rs"]
mod turns_model;
