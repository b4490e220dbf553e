//! Events: what a step tells other workflows. Nothing leaves while the step runs: what it publishes is kept beside it, and
//! handed over with its final state, so that a step that fails has published nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fonio_project::{EVENT_NAME_MAX, JobEvents, LimitInfo, is_event_name};

use crate::bindings::adaptor::fonio::events::events as wit;
use crate::capabilities::http::step::{Refusals, Said};
use crate::capabilities::log::{Level, StepLog};
use crate::expression::{LIMIT, RuntimeImports};
use crate::guest::AdaptorState;
use crate::meter::Meter;
use crate::seal::Seals;

/// The most events of one step. Each may start runs, and all become durable in one transaction: at about 30 µs for an event
/// and its run it lasts 30 ms.
pub const EVENTS_MAX: usize = 1_000;
/// The longest chain: an event starts a run, which publishes an event, which starts a run. A chain that people have built is
/// a few long; one that turns in a circle never ends by itself.
pub const CHAIN_MAX: usize = 32;

/// What a step may publish.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// The names.
    pub grants: JobEvents,
    /// The names of the events that led to its run, the oldest first; empty for a run that no event started.
    pub chain: Vec<String>,
}

/// What a step has published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEvent {
    /// Its name.
    pub name: String,
    /// JSON, without the secrets of the step's credential.
    pub payload: String,
}

/// A guest's way to publish, if it has one. All guests of a step share what they have published.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepEvents {
    of: Option<Arc<OfStep>>,
    /// What was asked for and is not granted.
    refusals: Refusals,
}

#[derive(Debug)]
struct OfStep {
    may: Publishing,
    seals: Seals,
    meter: Arc<Meter>,
    log: StepLog,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: Vec<PublishedEvent>,
    bytes: u64,
}

impl StepEvents {
    /// Of a step that may publish.
    pub fn new(
        may: Option<Publishing>,
        seals: &Seals,
        meter: &Arc<Meter>,
        log: &StepLog,
    ) -> StepEvents {
        let of = may.map(|may| {
            Arc::new(OfStep {
                may,
                seals: seals.clone(),
                meter: Arc::clone(meter),
                log: log.clone(),
                kept: Mutex::default(),
            })
        });
        StepEvents {
            of,
            refusals: Refusals::default(),
        }
    }

    /// The same for the step's adaptor: what it publishes is the step's, if it may publish at all.
    pub fn for_adaptor(&self, wants: bool) -> StepEvents {
        StepEvents {
            of: self.of.clone().filter(|_| wants),
            refusals: Refusals::default(),
        }
    }

    /// With refusals noted among those of the guest's requests.
    pub fn noting(self, refusals: Refusals) -> StepEvents {
        StepEvents { refusals, ..self }
    }

    /// What was published, in order, once.
    pub fn take(&self) -> Vec<PublishedEvent> {
        let Some(of) = &self.of else {
            return Vec::new();
        };
        let events = std::mem::take(&mut of.kept().events).into_iter();
        events
            .map(|event| PublishedEvent {
                payload: of.seals.redact_json(event.payload),
                ..event
            })
            .collect()
    }

    fn publish(&self, name: String, payload: String) -> Result<(), wit::Error> {
        let Some(of) = &self.of else {
            let said = "this step publishes nothing: an adaptor has to say that it wants events";
            return Err(wit::Error::Other(said.to_owned()));
        };
        of.check(&name, &payload)
            .and_then(|()| of.keep(name, payload))
            .inspect_err(|error| self.note(error))
    }

    /// That it was denied, or met a limit, the host remembers: it is no failure of the job's own.
    fn note(&self, error: &wit::Error) {
        match error {
            wit::Error::Denied(sentence) => self.refusals.note(Said::denied(sentence.clone())),
            wit::Error::Limit(sentence) => self.refusals.note(Said {
                code: LIMIT,
                sentence: sentence.clone(),
            }),
            wit::Error::Invalid(_) | wit::Error::Other(_) => {}
        }
    }
}

impl OfStep {
    fn check(&self, name: &str, payload: &str) -> Result<(), wit::Error> {
        let shown: String = name.chars().take(EVENT_NAME_MAX).collect();
        if !is_event_name(name) {
            return Err(wit::Error::Invalid(format!(
                "`{shown}` is no name of an event: it has 1 to {EVENT_NAME_MAX} of A-Z, a-z, 0-9, `.`, `_`, `/` and `-`"
            )));
        }
        // Names are shown where payloads are not.
        if self.seals.redact_line(name) != name {
            let said = "the name of an event holds a secret of the step's credential";
            return Err(wit::Error::Invalid(said.to_owned()));
        }
        if !self.may.grants.permit(name) {
            return Err(wit::Error::Denied(format!(
                "this job is not granted to publish {name}; to allow it, write into fonio.toml:\n{}",
                self.may.grants.line_to_allow(name)
            )));
        }
        if self.may.chain.len() >= CHAIN_MAX {
            return Err(wit::Error::Limit(format!(
                "publishing {name} would make a chain of more than {CHAIN_MAX} events, which probably never ends; what led here is {}",
                self.may.chain.join(", ")
            )));
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(payload) {
            Ok(_) => Ok(()),
            Err(error) => Err(wit::Error::Invalid(format!(
                "the data of {name} is not JSON: {error}"
            ))),
        }
    }

    fn keep(&self, name: String, payload: String) -> Result<(), wit::Error> {
        let mut kept = self.kept();
        if kept.events.len() >= EVENTS_MAX {
            return Err(wit::Error::Limit(format!(
                "a step publishes {EVENTS_MAX} events at most; {name} would be one more"
            )));
        }
        let limits = self.meter.limits();
        let bytes = kept.bytes.saturating_add(payload.len() as u64);
        if bytes > limits.output_bytes {
            let info = LimitInfo::named("output");
            let raise = info.map(|info| info.sentence(limits)).unwrap_or_default();
            return Err(wit::Error::Limit(format!(
                "the events of this step would have {bytes} bytes with {name}, and count as its output; {raise}"
            )));
        }
        kept.bytes = bytes;
        self.log.write(Level::Info, &format!("publishes {name}"));
        kept.events.push(PublishedEvent { name, payload });
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same import for the two kinds of guests that have it.
macro_rules! events_of {
    ($state:ty) => {
        impl wit::Host for $state {
            fn publish(
                &mut self,
                name: String,
                payload: String,
            ) -> wasmtime::Result<Result<(), wit::Error>> {
                Ok(self.events.publish(name, payload))
            }
        }
    };
}

events_of!(RuntimeImports);
events_of!(AdaptorState);
