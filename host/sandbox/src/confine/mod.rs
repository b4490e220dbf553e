//! What a process gives up for good before it meets anything hostile: the wall around the sandbox, for the day on which the
//! sandbox has a hole.
//!
//! ```text
//!  privileges   no rights from programs it starts, no core dumps, no debugger, files for its owner alone,
//!               and none of the system calls that a server never makes (syscalls.rs)
//!  files        nothing of the file system but what is named (landlock.rs)
//! ```
//!
//! Both are of the calling thread and of those it starts later, so they are called while there is only one. Everything is
//! best effort: what the kernel lacks is said, and the process goes on with the rest.

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod syscalls;

use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// What a process is there for, which decides what it never needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// It listens, connects, and starts children that compile.
    Serving,
    /// It makes one file of another.
    Compiling,
}

/// What a process may still reach in the file system: nothing else can be opened, made, renamed or removed. What is not
/// there when the wall goes up is left out, and stays out of reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Files, and folders with all below them, to read.
    pub read: Vec<PathBuf>,
    /// Folders to read, and to make, change and remove files in.
    pub write: Vec<PathBuf>,
    /// Programs to start, and what the system loads to start them.
    pub execute: Vec<PathBuf>,
}

/// A part of the wall, in words for a line that says what is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It stands.
    InForce(String),
    /// It does not, and why.
    Absent(String),
}

impl Part {
    #[cfg(target_os = "linux")]
    fn of<E: std::fmt::Display>(what: &str, done: Result<(), E>) -> Part {
        match done {
            Ok(()) => Part::InForce(what.to_owned()),
            Err(error) => Part::Absent(format!("{what} ({error})")),
        }
    }
}

/// Gives up, for good, rights that neither this process nor a child of it needs.
#[cfg(target_os = "linux")]
pub fn privileges(work: Work) -> Vec<Part> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    umask(Mode::RWXG | Mode::RWXO);
    let dumps = no_core_file().and_then(|()| {
        // Of a process that is not dumpable no other of the same user reads memory, variables or open files either.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
    });
    vec![
        Part::of("no new privileges", rustix::thread::set_no_new_privs(true)),
        Part::of("no core dumps", dumps),
        Part::InForce("umask 077".to_owned()),
        syscalls::refuse(work),
    ]
}

/// Shuts the process out of the file system but for `reach`; and of a child that compiles, out of the network.
#[cfg(target_os = "linux")]
pub fn files(reach: &Reach, work: Work) -> Part {
    landlock::restrict(reach, work)
}

/// As on Linux, as far as the system has it.
#[cfg(not(target_os = "linux"))]
pub fn privileges(_: Work) -> Vec<Part> {
    umask(Mode::RWXG | Mode::RWXO);
    let dumps = match no_core_file() {
        Ok(()) => Part::InForce("no core dumps".to_owned()),
        Err(error) => Part::Absent(format!("no core dumps ({error})")),
    };
    let rest = "no new privileges, refused system calls (Linux has them, this system does not)";
    vec![
        dumps,
        Part::InForce("umask 077".to_owned()),
        Part::Absent(rest.to_owned()),
    ]
}

/// Nothing: this system has no such wall.
#[cfg(not(target_os = "linux"))]
pub fn files(_: &Reach, _: Work) -> Part {
    Part::Absent("a wall around files (Linux has one, this system does not)".to_owned())
}

/// A dump would hold every secret that is in memory.
fn no_core_file() -> rustix::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
}

/// The program that runs and the libraries it is loaded with: what the system opens to start it again as a child.
#[must_use]
pub fn own_program() -> Vec<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut files: Vec<PathBuf> = maps.lines().filter_map(mapped_file).collect();
    files.sort();
    files.dedup();
    files
}

/// `55d0-55d1 r-xp 00000000 08:01 1234   /usr/bin/fonio`
fn mapped_file(line: &str) -> Option<PathBuf> {
    let path = &line[line.find('/')?..];
    (!path.ends_with(" (deleted)")).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_mapped_files_the_anonymous_and_the_deleted_are_left_out() {
        let file =
            mapped_file("7f00-7f01 r-xp 00000000 08:01 1234                    /opt/a b/fonio");
        assert_eq!(file, Some(PathBuf::from("/opt/a b/fonio")));
        let none = [
            "7f00-7f01 rw-p 00000000 00:00 0                       [heap]",
            "7f00-7f01 rw-p 00000000 00:00 0",
            "7f00-7f01 rw-s 00000000 00:01 77                      /memfd:code (deleted)",
        ];
        for line in none {
            assert_eq!(mapped_file(line), None, "{line}");
        }
    }

    #[test]
    fn a_program_knows_its_own_file() {
        let own = std::env::current_exe().expect("a test knows where it is");
        assert!(own_program().contains(&own) || !cfg!(target_os = "linux"));
    }
}
