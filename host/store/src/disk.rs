//! How much room the disk has: messages are turned away before it is full, so that what was accepted can be finished.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A look costs 2 µs; within this time a disk does not fill by the reserve.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The disk under a folder.
pub(crate) struct Disk {
    dir: PathBuf,
    reserve: u64,
    free: fn(&Path) -> Option<u64>,
    seen: Mutex<Seen>,
}

/// Less is free than is kept in reserve, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) free: u64,
    pub(crate) reserve: u64,
}

#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    shortage: Option<Shortage>,
}

impl Disk {
    pub(crate) fn under(dir: &Path, reserve: u64) -> Disk {
        Disk {
            dir: dir.to_owned(),
            reserve,
            free: free_bytes,
            seen: Mutex::default(),
        }
    }

    /// The reserve is touched. Says so in the log when that begins, and when it is over.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        if self.reserve == 0 {
            return None;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return seen.shortage;
        }
        seen.at = Some(Instant::now());
        // What cannot be asked is found out by writing.
        let shortage = (self.free)(&self.dir)
            .filter(|free| *free < self.reserve)
            .map(|free| Shortage {
                free,
                reserve: self.reserve,
            });
        let dir = self.dir.display();
        match (seen.shortage.is_some(), shortage) {
            (false, Some(Shortage { free, reserve })) => tracing::error!(
                free,
                reserve,
                "the disk of {dir} is nearly full: messages are turned away until there is room, what was accepted goes on"
            ),
            (true, None) => {
                tracing::error!("the disk of {dir} has room again: messages are accepted");
            }
            _ => {}
        }
        seen.shortage = shortage;
        shortage
    }
}

/// What a process without special rights may still write.
fn free_bytes(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at_anew(disk: &Disk) -> Option<Shortage> {
        disk.seen.lock().expect("no panic").at = None;
        disk.shortage()
    }

    #[test]
    fn a_shortage_begins_below_the_reserve_and_ends_above_it() {
        let mut disk = Disk {
            free: |_| Some(99),
            ..Disk::under(Path::new("/"), 100)
        };
        let short = Some(Shortage {
            free: 99,
            reserve: 100,
        });
        assert_eq!(disk.shortage(), short);
        disk.free = |_| Some(100);
        assert_eq!(disk.shortage(), short, "it is looked at once a second");
        assert_eq!(looked_at_anew(&disk), None);
        disk.free = |_| None;
        assert_eq!(
            looked_at_anew(&disk),
            None,
            "what is not known is no shortage"
        );
    }

    #[test]
    fn the_disk_under_a_folder_has_some_room_and_not_all_there_is() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(Disk::under(dir.path(), 1).shortage(), None);
        assert!(Disk::under(dir.path(), u64::MAX).shortage().is_some());
        assert_eq!(
            Disk::under(Path::new("/nowhere"), u64::MAX).shortage(),
            None
        );
    }
}
