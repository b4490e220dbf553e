//! The store of a step whose job uses a package: the runtime's imports and an adaptor's, in one guest.

use std::sync::Arc;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::Contents;
use crate::bindings::expression::ExpressionPre;
use crate::bindings::package::fonio::expression::loading;
use crate::capabilities::collections::StepCollections;
use crate::capabilities::events::StepEvents;
use crate::capabilities::http::step::{Refusals, StepHttp, StepOutside, Telling};
use crate::capabilities::log::StepLog;
use crate::expression::{RuntimeImports, link_runtime};
use crate::guest::{AdaptorState, store};
use crate::meter::Meter;

/// A package that is ready to run jobs.
pub(crate) struct PackageCode {
    pub runtime: ExpressionPre<PackageState>,
    pub contents: Contents,
}

impl PackageCode {
    pub fn link(
        linker: &Linker<PackageState>,
        component: &Component,
        contents: Contents,
    ) -> wasmtime::Result<PackageCode> {
        let runtime = ExpressionPre::new(linker.instantiate_pre(component)?)?;
        Ok(PackageCode { runtime, contents })
    }

    /// A store for one step, and what it is refused.
    pub fn store(
        &self,
        engine: &Engine,
        meter: Arc<Meter>,
        log: StepLog,
        outside: StepOutside,
        collections: StepCollections,
        events: StepEvents,
    ) -> (Store<PackageState>, Refusals) {
        let hooks =
            StepHttp::new(outside, Arc::clone(&meter), log.clone()).telling(Telling::InTheError);
        let refusals = hooks.refusals();
        let mut runtime = RuntimeImports::new(Arc::clone(&meter), log.clone(), None);
        runtime.collections = collections.noting(refusals.clone());
        runtime.events = events.noting(refusals.clone());
        let state = PackageState {
            runtime,
            adaptor: AdaptorState::new(meter, log, hooks, &[]),
        };
        let store = store(engine, state, |state| &mut state.runtime.limiter);
        (store, refusals)
    }
}

/// Store data of a runtime with a package in it.
pub(crate) struct PackageState {
    runtime: RuntimeImports,
    adaptor: AdaptorState,
}

impl WasiView for PackageState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.adaptor.ctx()
    }
}

impl WasiHttpView for PackageState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.adaptor.http()
    }
}

/// Links what a runtime with a package imports beside WASI.
pub(crate) fn link_package(linker: &mut Linker<PackageState>) -> wasmtime::Result<()> {
    link_runtime(linker, |state| &mut state.runtime)?;
    loading::add_to_linker::<_, HasSelf<PackageState>>(linker, |state| state)
}

/// A file that was not snapshotted asks for its package at its first call, and there is none.
impl loading::Host for PackageState {
    fn source(&mut self) -> wasmtime::Result<String> {
        wasmtime::bail!("no package is loaded in it: make it with `fonio adaptor import`")
    }

    fn loaded(&mut self, _: Result<String, String>) -> wasmtime::Result<()> {
        Ok(())
    }
}
