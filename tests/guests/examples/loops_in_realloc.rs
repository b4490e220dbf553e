//! Computes for ever when the host asks it for room for an argument, which is before it is called.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use std::alloc::{GlobalAlloc, Layout, System};

/// Gives memory as usual, but for blocks of `LENGTH` bytes.
struct Allocator;

const LENGTH: usize = 77_777;

// SAFETY: what is given and taken is the system's; a loop without end gives nothing.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        while layout.size() == LENGTH {
            core::hint::black_box(());
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data("\"it was called\"")
    }
}

fonio_test_guests::export!(Guest);
