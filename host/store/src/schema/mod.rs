//! What the tables hold, for either database, and how an older store is brought up to date.
//!
//! Open steps live in `queue` and move to `steps` when they are settled. So the queue is small and ordered by its key,
//! claiming the oldest needs no secondary index, and accepting a message with one matching job is three appends.
//! Steps that wait for a time, to be begun or tried again, are in `later` until it comes; first steps of runs that wait for
//! other runs in `held`, and how many runs are in each lane in `lanes`.
//! Runs that have failed are in `dead` until somebody decides about them, so that finding them takes no index over the status
//! of runs, which every start and end of one would write.
//! The steps of a run go one after another: of those that are open one is in the queue, the others in `waiting`.
//!
//! What every step or run writes at one place (the last output of a job, how many runs have ended) has a row for each
//! host, so that hosts never wait for each other's commits, nor for each other in a circle.
//!
//! Both lists of migrations lead to the same tables; that of PostgreSQL is shorter, as it began later.

pub(crate) mod postgres;
pub(crate) mod sqlite;
#[cfg(test)]
mod versions;
