//! The expression runtime's store: what a job's JavaScript asks of the host while its step runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::adaptor::LiveAdaptor;
use crate::bindings::adaptor::AdaptorPre;
use crate::bindings::adaptor::exports::fonio::operations::operations as wit;
use crate::bindings::adaptor::fonio::collections::collections;
use crate::bindings::adaptor::fonio::events::events;
use crate::bindings::adaptor::fonio::log::log;
use crate::bindings::expression::fonio::expression::step::{self, Failure, Reply};
use crate::capabilities::collections::StepCollections;
use crate::capabilities::events::StepEvents;
use crate::capabilities::http::step::StepOutside;
use crate::capabilities::log::StepLog;
use crate::guest::{AdaptorState, write};
use crate::meter::{Limiter, Meter};

/// The code of an error that a refused request raises in a job.
pub(crate) const DENIED: &str = "DENIED";
/// The code of an error that a limit met by a request raises in a job.
pub(crate) const LIMIT: &str = "LIMIT";

/// What the step's adaptor needs to come to life, which it does at the first call.
pub(crate) struct AdaptorSlot {
    pub engine: Engine,
    pub adaptor: AdaptorPre<AdaptorState>,
    pub outside: StepOutside,
    pub collections: StepCollections,
    pub events: StepEvents,
    pub live: Option<LiveAdaptor>,
}

/// Store data of the runtime guest.
pub(crate) struct RuntimeImports {
    pub limiter: Limiter,
    pub log: StepLog,
    pub adaptor: Option<AdaptorSlot>,
    pub collections: StepCollections,
    pub events: StepEvents,
    /// The sentence of the last refused request, to tell a refusal from an error that a job made up.
    pub refused: Option<String>,
}

impl RuntimeImports {
    pub fn new(meter: Arc<Meter>, log: StepLog, adaptor: Option<AdaptorSlot>) -> RuntimeImports {
        RuntimeImports {
            limiter: Limiter(meter),
            log,
            adaptor,
            collections: StepCollections::default(),
            events: StepEvents::default(),
            refused: None,
        }
    }

    /// For taking the snapshot: no adaptor, and nobody reads the log.
    pub fn silent() -> RuntimeImports {
        RuntimeImports::new(
            Meter::new(fonio_project::Limits::default()),
            StepLog::new(0),
            None,
        )
    }
}

/// Everything the runtime may import; `imports` finds its part of the store's data.
pub(crate) fn link_runtime<T: Send>(
    linker: &mut Linker<T>,
    imports: fn(&mut T) -> &mut RuntimeImports,
) -> wasmtime::Result<()> {
    step::add_to_linker::<_, HasSelf<RuntimeImports>>(linker, imports)?;
    collections::add_to_linker::<_, HasSelf<RuntimeImports>>(linker, imports)?;
    events::add_to_linker::<_, HasSelf<RuntimeImports>>(linker, imports)?;
    log::add_to_linker::<_, HasSelf<RuntimeImports>>(linker, imports)
}

impl log::Host for RuntimeImports {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        write(&self.log, level, &message);
        Ok(())
    }
}

impl step::Host for RuntimeImports {
    async fn invoke(
        &mut self,
        operation: String,
        arguments: String,
        state: String,
    ) -> wasmtime::Result<Result<Reply, Failure>> {
        let Some(slot) = &mut self.adaptor else {
            let message =
                format!("{operation} is an operation of an adaptor, and this job has none");
            return Ok(Err(Failure {
                code: "NO_ADAPTOR".into(),
                message,
                details: "{}".into(),
            }));
        };
        let live = match &mut slot.live {
            Some(live) => live,
            none => {
                let (meter, outside) = (&self.limiter.0, &slot.outside);
                let (collections, events) = (&slot.collections, &slot.events);
                none.insert(
                    LiveAdaptor::start(
                        &slot.adaptor,
                        &slot.engine,
                        meter,
                        &self.log,
                        outside,
                        collections,
                        events,
                    )
                    .await?,
                )
            }
        };
        let answer = live.invoke(operation.clone(), arguments, state).await?;
        let refused = live.refusals.take().map(|said| (said.code, said.sentence));
        let met = self.limiter.0.take_hit().map(|hit| (LIMIT, hit.sentence));
        let refused = met.or(refused);
        Ok(match answer {
            Ok(reply) => Ok(Reply {
                data: reply.data,
                response: reply.response,
            }),
            Err(error) => {
                self.refused = refused.as_ref().map(|(_, sentence)| sentence.clone());
                Err(failure(&operation, error, refused))
            }
        })
    }

    fn now_us(&mut self) -> wasmtime::Result<f64> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(since.as_secs_f64() * 1e6)
    }

    fn random_seed(&mut self) -> wasmtime::Result<u64> {
        use std::hash::{BuildHasher, RandomState};
        // RandomState is seeded by the system; the time makes each step's seed its own.
        Ok(RandomState::new().hash_one(SystemTime::now()))
    }

    async fn sleep(&mut self, milliseconds: u64) -> wasmtime::Result<()> {
        // The wall time limit ends the step; the cap only keeps the timer's arithmetic in range.
        let capped = Duration::from_millis(milliseconds).min(self.limiter.0.limits().wall_time * 2);
        tokio::time::sleep(capped).await;
        Ok(())
    }
}

/// An adaptor's error as the job can catch it. A refusal's own sentence says more than the adaptor can know.
fn failure(operation: &str, error: wit::Error, refused: Option<(&'static str, String)>) -> Failure {
    let plain = |code: &str, message: String| Failure {
        code: code.into(),
        message,
        details: "{}".into(),
    };
    if let Some((code, sentence)) = refused {
        return plain(code, sentence);
    }
    match error {
        wit::Error::UnknownOperation(name) => plain(
            "UNKNOWN_OPERATION",
            format!("the adaptor has no operation {name}"),
        ),
        wit::Error::InvalidArgument(why) => {
            plain("INVALID_ARGUMENT", format!("{operation}: {why}"))
        }
        wit::Error::Failed(failed) => Failure {
            code: failed.code,
            message: failed.message,
            details: an_object(failed.details),
        },
        wit::Error::Denied(why) => plain(DENIED, why),
        wit::Error::Timeout(why) => plain("TIMEOUT", why),
        wit::Error::TooLarge(why) => plain("TOO_LARGE", why),
        wit::Error::Other(why) => plain("OTHER", why),
    }
}

/// What the adaptor says are details, if they are; the runtime counts on a JSON object.
fn an_object(details: String) -> String {
    if serde_json::from_str::<serde_json::Map<_, _>>(&details).is_ok() {
        details
    } else {
        "{}".into()
    }
}
