//! A system's clock that a test sets: Debian's `libfaketime`, loaded into the host alone, which asks it for the time at every
//! look. What measures how long something took goes on as ever, as it does when a person sets a clock.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Program, Project};

/// The clock of one host. It goes as fast as the machine's.
#[derive(Debug)]
pub struct FakeClock {
    /// In the project's folder, which the host may read.
    file: PathBuf,
    /// Seconds ahead of the machine's clock.
    ahead: Cell<i64>,
}

impl FakeClock {
    /// That of a host of this project, at this time now (seconds since 1970).
    pub fn at(project: &Project, seconds: i64) -> FakeClock {
        let clock = FakeClock {
            file: project.path("clock"),
            ahead: Cell::new(0),
        };
        clock.jump(seconds - machine());
        clock
    }

    /// That of a host of this project, right so far.
    pub fn right(project: &Project) -> FakeClock {
        FakeClock::at(project, machine())
    }

    /// The program, which will go by this clock.
    ///
    /// # Panics
    /// If the library is not on this machine: `cargo xtask test` installs it.
    pub fn of(&self, program: Program) -> Program {
        let library = library().expect(
            "libfaketime is not on this machine; `cargo xtask test` installs it, or: apt-get install libfaketime",
        );
        let text = |path: &PathBuf| path.to_str().expect("its path is text").to_owned();
        program
            .env("LD_PRELOAD", &text(&library))
            .env("FAKETIME_TIMESTAMP_FILE", &text(&self.file))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Sets it forward by so many seconds, or back.
    pub fn jump(&self, by_seconds: i64) {
        self.ahead.set(self.ahead.get() + by_seconds);
        // Renamed over the old one: one that is half written would be another jump.
        let beside = self.file.with_extension("next~");
        fs::write(&beside, format!("{:+}", self.ahead.get())).expect("files can be written");
        fs::rename(beside, &self.file).expect("files can be renamed");
    }
}

fn machine() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("a time of our age")
}

/// Debian keeps it by the machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let mut found = folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.exists())
}
