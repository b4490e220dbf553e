//! How long a fresh instance takes, for `cargo xtask bench`: the same stores and instances as a step's, without the step;
//! and what sealing adds to a request.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fonio_project::Limits;
use http::header::CONTENT_TYPE;
use http::{Request, Response};

use crate::adaptor::{Code, LiveAdaptor, trap_reason};
use crate::capabilities::collections::StepCollections;
use crate::capabilities::events::StepEvents;
use crate::capabilities::http::connector::origin;
use crate::capabilities::http::step::StepOutside;
use crate::capabilities::log::StepLog;
use crate::expression::RuntimeImports;
use crate::guest::store;
use crate::meter::Meter;
use crate::seal::{Refusal, Resealed, Seals};
use crate::{Adaptor, FailureKind, Sandbox, StepFailure};

/// What one instance cost.
#[derive(Clone, Copy, Debug)]
pub struct InstanceTime {
    /// Its store, its limits and the instance itself, until the first call could be made.
    pub make: Duration,
    /// Giving back its memory.
    pub drop: Duration,
}

impl Sandbox {
    /// Makes a fresh instance of the expression runtime and drops it. It waits for no place, so call it one at a time.
    ///
    /// # Errors
    /// When there is no room for an instance.
    pub async fn time_runtime_instance(&self) -> Result<InstanceTime, StepFailure> {
        let meter = Meter::new(Limits::default());
        let started = Instant::now();
        let imports = RuntimeImports::new(meter, StepLog::new(0), None);
        let mut store = store(&self.engine, imports, |imports| &mut imports.limiter);
        self.runtime
            .instantiate_async(&mut store)
            .await
            .map_err(no_room)?;
        Ok(timed(started, store))
    }

    /// Makes a fresh instance of `adaptor`, with nothing granted, and drops it. It waits for no place, so call it one at
    /// a time.
    ///
    /// # Errors
    /// When there is no room for an instance.
    pub async fn time_adaptor_instance(
        &self,
        adaptor: &Adaptor,
    ) -> Result<InstanceTime, StepFailure> {
        let meter = Meter::new(Limits::default());
        // A project makes its way out once, when it loads; a step only shares it.
        let (outside, log) = (StepOutside::nothing(), StepLog::new(0));
        let started = Instant::now();
        match &adaptor.code {
            Code::Operations(pre) => {
                let live = LiveAdaptor::start(
                    pre,
                    &self.engine,
                    &meter,
                    &log,
                    &outside,
                    &StepCollections::default(),
                    &StepEvents::default(),
                )
                .await;
                Ok(timed(started, live.map_err(no_room)?))
            }
            Code::Package(package) => {
                let (mut store, _) = package.store(
                    &self.engine,
                    meter,
                    log,
                    outside,
                    StepCollections::default(),
                    StepEvents::default(),
                );
                let instance = package.runtime.instantiate_async(&mut store).await;
                instance.map_err(no_room)?;
                Ok(timed(started, store))
            }
        }
    }
}

impl Seals {
    /// Opens what `request` has of this credential, as on its way out, and looks through `reply`, as on its way back.
    ///
    /// # Errors
    /// When the request would not be sent, and why.
    pub fn time(
        &self,
        request: Request<Bytes>,
        reply: Response<Bytes>,
    ) -> Result<Duration, String> {
        let (mut parts, body) = request.into_parts();
        let (mut headers, reply) = (reply.headers().clone(), reply.into_body());
        let uri = parts.uri.clone();
        let to = origin(&uri).ok_or("it goes nowhere")?;
        let refused = |refusal: Refusal| refusal.to_string();
        let started = Instant::now();
        let mut opened = self.open(&mut parts, to).map_err(refused)?;
        let kind = parts.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let sent = self.open_body(kind, body, &mut opened).map_err(refused)?;
        self.reseal_headers(&mut headers);
        let mut filter = Resealed::new(self.clone());
        let mut seen = filter.push(&reply);
        seen.extend(filter.finish());
        let took = started.elapsed();
        drop((parts, sent, headers, seen));
        Ok(took)
    }
}

fn timed(started: Instant, instance: impl Sized) -> InstanceTime {
    let made = Instant::now();
    drop(instance);
    InstanceTime {
        make: made - started,
        drop: made.elapsed(),
    }
}

fn no_room(error: wasmtime::Error) -> StepFailure {
    StepFailure::new(FailureKind::Crash, "Crash", trap_reason(&error, None))
}
