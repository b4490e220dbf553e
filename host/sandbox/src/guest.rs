//! What every store of a step holds, and how it is made: limits, deadlines, and the capabilities that are linked.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::adaptor::fonio::collections::collections;
use crate::bindings::adaptor::fonio::events::events;
use crate::bindings::adaptor::fonio::log::log;
use crate::capabilities::collections::StepCollections;
use crate::capabilities::events::StepEvents;
use crate::capabilities::http::step::StepHttp;
use crate::capabilities::log::{Level, Output, StepLog};
use crate::meter::{Limiter, Meter};
use crate::package::{PackageState, link_package};

/// Handles a guest may hold at once, besides one for each request that it may send: wasmtime-wasi-http 48 keeps the
/// options of a request in the table after it was sent. Each request under way takes about
/// a dozen, and a package may have 64.
const HANDLES_MAX: usize = 2048;
/// The headers of one request or reply, as wasmtime counts them, which is about what they take in memory. With 128 KiB, which
/// is its default, a guest that does nothing but keep headers took 400 MB of the host's memory in its handles.
const HEADERS_MAX_BYTES: usize = 32 << 10;
/// Random bytes a guest may ask for in one call.
const RANDOM_MAX_BYTES: u64 = 64 << 10;

/// A store whose guest is limited by `meter` and gives way at every tick.
pub(crate) fn store<T: 'static>(
    engine: &Engine,
    data: T,
    limiter: fn(&mut T) -> &mut Limiter,
) -> Store<T> {
    let mut store = Store::new(engine, data);
    store.limiter(move |data| limiter(data));
    let meter = Arc::clone(&limiter(store.data_mut()).0);
    // What one call may copy into the host: no more than the guest itself may have.
    store.set_hostcall_fuel(usize::try_from(meter.limits().memory_bytes).unwrap_or(usize::MAX));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        meter.check_cpu()?;
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// The store data of an adaptor: plain WASI with nothing granted but variables, `wasi:http` through the choke point, the log.
pub(crate) struct AdaptorState {
    pub limiter: Limiter,
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: StepHttp,
    log: StepLog,
    pub collections: StepCollections,
    pub events: StepEvents,
}

impl AdaptorState {
    /// `variables` is all that the guest sees of an environment.
    pub fn new(
        meter: Arc<Meter>,
        log: StepLog,
        hooks: StepHttp,
        variables: &[(String, String)],
    ) -> AdaptorState {
        let mut table = ResourceTable::new();
        let requests = usize::try_from(meter.limits().requests).unwrap_or(usize::MAX);
        table.set_max_capacity(HANDLES_MAX.saturating_add(requests));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADERS_MAX_BYTES);
        let wasi = WasiCtx::builder()
            .stdout(Output::new(log.clone(), Level::Info))
            .stderr(Output::new(log.clone(), Level::Warn))
            .max_random_size(RANDOM_MAX_BYTES)
            .envs(variables)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        AdaptorState {
            limiter: Limiter(meter),
            wasi,
            table,
            http,
            hooks,
            log,
            collections: StepCollections::default(),
            events: StepEvents::default(),
        }
    }
}

impl WasiView for AdaptorState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for AdaptorState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl log::Host for AdaptorState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        write(&self.log, level, &message);
        Ok(())
    }
}

/// A guest's line into the step's log.
pub(crate) fn write(to: &StepLog, level: log::Level, message: &str) {
    let level = match level {
        log::Level::Debug => Level::Debug,
        log::Level::Info => Level::Info,
        log::Level::Warn => Level::Warn,
        log::Level::Error => Level::Error,
    };
    to.write(level, message);
}

/// What the two shapes of adaptors may import.
pub(crate) struct Linkers {
    pub adaptor: Linker<AdaptorState>,
    pub package: Linker<PackageState>,
}

impl Linkers {
    pub fn new(engine: &Engine) -> wasmtime::Result<Linkers> {
        let mut adaptor = Linker::new(engine);
        link_wasi(&mut adaptor)?;
        log::add_to_linker::<_, HasSelf<_>>(&mut adaptor, |state: &mut AdaptorState| state)?;
        collections::add_to_linker::<_, HasSelf<_>>(&mut adaptor, |state: &mut AdaptorState| {
            state
        })?;
        events::add_to_linker::<_, HasSelf<_>>(&mut adaptor, |state: &mut AdaptorState| state)?;
        let mut package = Linker::new(engine);
        link_wasi(&mut package)?;
        link_package(&mut package)?;
        Ok(Linkers { adaptor, package })
    }
}

fn link_wasi<T: WasiView + WasiHttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}
