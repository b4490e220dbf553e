//! Fonio's host: receive, match, queue, claim, run, settle.
//!
//! - [`cli`]: what a person types; `serve` puts the rest together.
//! - [`host`]: what everything that serves shares; [`live`]: the project as it runs, with its [`adaptors`] and what was
//!   [`authored`];
//!   [`reload`]: how it changes; [`collections`]: values that its jobs keep; [`events`]: what
//!   they tell each other.
//! - [`adaptors`]: which adaptor a job's name means; [`import`]: making one from an npm package.
//! - [`granted`]: from a changed project to the audit log.
//! - [`tenants`]: several projects on one host, and what each may use.
//! - [`server`] and [`receiver`]: from a request to a stored message; [`repeater`] and `clock`: from a clock to a stored run.
//! - [`author`]: writing an adaptor, building it and testing it.
//! - [`turns`]: which runs go first, and which one after another; `deadline`: until when; `steady`: by which clock.
//! - [`forget`]: messages of a person, given out or forgotten; `sweeper`: what is older than it is kept.
//! - [`runner`]: from a stored step to its settlement; [`flow`]: one step, and what follows it; [`state`]: what it starts
//!   with; [`progress`]: what it has written so far.
//! - [`outage`]: steps that wait for a system that is out; `marks`: by what a system knows a request again.
//! - [`oidc`]: signing in by another service.
//! - [`oauth`]: access tokens that the host gets for credentials; [`ledger`]: what is written down of a step before it
//!   starts.
//! - [`hardening`]: what the process gives up before it serves; [`trust`]: which files in `adaptors/` are loaded, and
//!   `wants`: for which jobs.
//!
//! The model of a project is in `fonio-project`, the queue in `fonio-store`, who may use the host in `fonio-access`, the
//! steps' sandbox in `fonio-sandbox`; none of the four knows another's business.

pub mod adaptors;
mod alarm;
pub mod author;
pub mod authored;
mod bring;
pub mod cli;
mod clock;
pub mod collections;
mod deadline;
pub mod events;
pub mod fields;
pub mod flights;
pub mod flow;
pub mod forget;
pub mod granted;
pub mod hardening;
pub mod host;
pub mod import;
pub mod ledger;
pub mod live;
mod marks;
pub mod oauth;
pub mod oidc;
pub mod outage;
pub mod progress;
pub mod rarely;
pub mod receiver;
pub mod reload;
pub mod repeater;
pub mod runner;
mod sealed;
pub mod server;
pub mod state;
mod steady;
pub mod storage;
mod sweeper;
pub mod tenants;
pub mod trust;
pub mod turns;
mod versions;
mod wants;
mod wasm_file;
pub mod workbench;
