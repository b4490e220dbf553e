//! How long a fresh instance takes, for `cargo xtask bench`: the same stores and instances as a step's, without the step.

use std::time::{Duration, Instant};

use fonio_project::Limits;

use crate::adaptor::{Code, LiveAdaptor, trap_reason};
use crate::capabilities::collections::StepCollections;
use crate::capabilities::http::step::StepOutside;
use crate::capabilities::log::StepLog;
use crate::expression::RuntimeImports;
use crate::guest::store;
use crate::meter::Meter;
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
                );
                let instance = package.runtime.instantiate_async(&mut store).await;
                instance.map_err(no_room)?;
                Ok(timed(started, store))
            }
        }
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
