//! What would be said over and over: so much of it in a minute, and of the rest how much it was. A tenant's folder, its jobs
//! and the systems it talks to can make a host say things as often as they like, and the console is everybody's.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long lines are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// So many lines of a kind are said of each tenant in it.
const OF_A_KIND: u32 = 10;

/// Lines of one kind.
#[derive(Debug)]
pub struct Rarely {
    most: u32,
    since: Option<Instant>,
    said: u32,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It is said; so many before it were not.
    Said {
        /// How many.
        left_out: u64,
    },
    /// It is the first that is not said.
    Last,
    /// It is not said.
    LeftOut,
}

impl Rarely {
    /// So many in a minute.
    pub fn new(most: u32) -> Rarely {
        Rarely {
            most,
            since: None,
            said: 0,
            left_out: 0,
        }
    }

    /// Counts a line.
    pub fn weigh(&mut self, now: Instant) -> Line {
        let is_over = |since| now.saturating_duration_since(since) >= WINDOW;
        if self.since.is_none_or(is_over) {
            (self.since, self.said) = (Some(now), 0);
        }
        if self.said < self.most {
            self.said += 1;
            let left_out = std::mem::take(&mut self.left_out);
            return Line::Said { left_out };
        }
        self.left_out += 1;
        if self.left_out == 1 {
            Line::Last
        } else {
            Line::LeftOut
        }
    }
}

/// What is said of one tenant, by its kind.
#[derive(Debug, Default)]
pub struct Voice(Mutex<BTreeMap<&'static str, Rarely>>);

impl Voice {
    /// Whether a line of this kind is said now. `note` hears what there is to say of those that are not.
    pub fn says(&self, kind: &'static str, now: Instant, note: impl Fn(&str)) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = kinds.entry(kind);
        let lines = lines.or_insert_with(|| Rarely::new(OF_A_KIND));
        match lines.weigh(now) {
            Line::Said { left_out: 0 } => true,
            Line::Said { left_out } => {
                note(&format!("{left_out} lines with `{kind}` were left out"));
                true
            }
            Line::Last => {
                note(&format!(
                    "as many lines with `{kind}` as are shown in a minute; the rest is left out, and counted"
                ));
                false
            }
            Line::LeftOut => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_said_in_a_minute_and_the_rest_is_counted() {
        let (mut lines, start) = (Rarely::new(2), Instant::now());
        let mut at = |seconds| lines.weigh(start + Duration::from_secs(seconds));
        let said = |left_out| Line::Said { left_out };
        assert_eq!([at(0), at(1), at(2)], [said(0), said(0), Line::Last]);
        assert_eq!([at(59), at(60)], [Line::LeftOut, said(2)]);
        assert_eq!([at(61), at(62)], [said(0), Line::Last]);
        assert_eq!(at(3600), said(1));
    }

    #[test]
    fn a_kind_that_is_said_often_silences_no_other() {
        let (voice, now) = (Voice::default(), Instant::now());
        let notes = Mutex::new(Vec::new());
        let note = |line: &str| notes.lock().expect("nobody panics").push(line.to_owned());
        let said = (0..100).filter(|_| voice.says("failed", now, note)).count();
        assert_eq!(said, OF_A_KIND as usize);
        assert!(voice.says("reloaded", now, note));
        assert!(voice.says("failed", now + WINDOW, note));
        let notes = notes.lock().expect("nobody panics");
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert_eq!(notes[1], "90 lines with `failed` were left out");
    }
}
