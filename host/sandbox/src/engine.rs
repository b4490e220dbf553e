//! The WebAssembly engine: one configuration, used alike by the host that runs code and the child that compiles it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::meter::{STORE_INSTANCES_MAX, STORE_MEMORIES_MAX, STORE_TABLES_MAX};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// 10 ms: a guest that loops gives way to its neighbours this often; shorter ticks cost more than they bring.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);

/// The wasm stack. QuickJS bounds its own recursion at 256 KiB of its stack, about 950 calls; the frames of the engine
/// itself take up to sixteen times that, so that a deep script gets a JavaScript error and not a trap.
pub(crate) const WASM_STACK_BYTES: usize = 4 << 20;
/// A step's fiber: the wasm stack and room for the host functions called from it. Address space; pages are touched as
/// they are needed.
pub(crate) const FIBER_STACK_BYTES: usize = 5 << 20;

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Slots reserved up front for this many memories: 17 µs for a fresh instance instead of 40.
    Pooled(u32),
    /// Mapped when needed; for compiling, and where the address space is limited (`ulimit -v`, small 32-bit systems).
    OnDemand,
}

/// Everything that decides whether compiled code fits: the compile child and the host must agree on it.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .async_stack_zeroing(true)
        // What no guest needs is off: of 36 advisories on the 48 line, 16 were in these features.
        .concurrency_support(false)
        .gc_support(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_stack_switching(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .memory_init_cow(true);
    config
}

/// The engine that runs guests.
///
/// # Errors
/// When the allocation strategy cannot be set up, for example because address space is limited.
pub fn engine(allocation: Allocation) -> wasmtime::Result<Engine> {
    let mut config = base_config();
    if let Allocation::Pooled(memories) = allocation {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(memories)));
    }
    Engine::new(&config)
}

/// What a slot keeps of its memory from one instance to the next, where the kernel tells which pages were touched (Linux
/// 6.7 and later): these are set back to what they were. Pages that are given back instead are fetched again by the next
/// instance, and both interrupt every other processor on which this process runs. A small message then takes 0.46 ms of
/// processor time from arrival to end, and took 1.8; one of 100 records 1.6, and took 3.2. 1 MiB is a JavaScript heap
/// after such a job; with 256 KiB half of the gain is lost, and 4 MiB bring no more.
const MEMORY_KEPT_BYTES: usize = 1 << 20;
const TABLE_KEPT_BYTES: usize = 64 << 10;
/// The top of a fiber's stack, which every step uses, is overwritten with zeros.
const STACK_KEPT_BYTES: usize = 64 << 10;

fn pool(memories: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    // Per memory, what a store may have of tables and instances for each of its memories, rounded up.
    pool.total_memories(memories)
        .total_tables(memories * 3)
        .total_stacks(memories)
        .total_core_instances(memories * 4)
        .total_component_instances(memories)
        .max_memories_per_component(STORE_MEMORIES_MAX as u32)
        .max_tables_per_component(STORE_TABLES_MAX as u32)
        .max_core_instances_per_component(STORE_INSTANCES_MAX as u32)
        .table_elements(100_000)
        .max_unused_warm_slots(memories);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
            .table_keep_resident(TABLE_KEPT_BYTES)
            .async_stack_keep_resident(STACK_KEPT_BYTES);
    } else {
        // Whatever is kept would be overwritten whole, touched or not: dropping a dirty JavaScript heap took two to four times as
        // long.
        pool.linear_memory_keep_resident(0);
    }
    pool
}

/// Advances the epoch from a thread of its own until dropped.
///
/// A thread, not a task: a busy async runtime must not be able to delay the deadline of what keeps it busy.
pub struct Ticker {
    stop: Arc<AtomicBool>,
}

impl Ticker {
    /// Starts ticking.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(engine: &Engine) -> std::io::Result<Ticker> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let engine = engine.weak();
        thread::Builder::new().name("epoch".into()).spawn(move || {
            // Sleeping between ticks skips what was missed, for example while the machine was suspended.
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(EPOCH_TICK);
                let Some(engine) = engine.upgrade() else {
                    return;
                };
                engine.increment_epoch();
            }
        })?;
        Ok(Ticker { stop })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
