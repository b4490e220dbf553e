//! Finding secrets: every form of each, in a text as it is and as each reading has it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::forms::forms;
use super::reading::{BYTES_EACH_MAX, READINGS, Read, Reading, UNIT_MAX_BYTES};
use super::vault::SECRET_MIN_BYTES;

/// So much is read at once: what is read takes memory, and a state may have 10 MiB. Tests with small texts meet the seams, too.
const BLOCK_BYTES: usize = if cfg!(test) { 64 } else { 64 << 10 };
/// So much is held back at the most. What is written longer is found only where it is not cut: no secret of a usual length
/// is, and one of 4 MiB must not take the tenfold.
const HELD_MAX_BYTES: usize = 1 << 20;

/// Every form of every secret of a credential, to look for in one pass.
#[derive(Default)]
pub(super) struct Needles {
    /// None if there is nothing to look for.
    automaton: Option<AhoCorasick>,
    /// The secret that each pattern is a form of.
    of: Vec<usize>,
    longest: usize,
    readings: Vec<Reading>,
}

/// A secret, and where it is written.
#[derive(Clone, Debug)]
struct Found {
    range: Range<usize>,
    secret: usize,
}

/// Where a text was cut: how much of the rest each reading has read with what came before.
#[derive(Debug, Default)]
pub(super) struct Cut([usize; READINGS]);

impl Needles {
    pub fn new<'s>(secrets: impl Iterator<Item = &'s str>) -> Needles {
        let mut patterns = Vec::new();
        let mut of = Vec::new();
        for (index, secret) in secrets.enumerate() {
            if secret.len() < SECRET_MIN_BYTES {
                continue;
            }
            for form in forms(secret) {
                patterns.push(form);
                of.push(index);
            }
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        let readings = Reading::ALL.into_iter();
        let readings = readings
            .filter(|reading| reading.serves(&patterns))
            .collect();
        // Building fails only beyond billions of states, and a credential has at most 4 MiB.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)
            .ok()
            .filter(|_| !patterns.is_empty());
        Needles {
            automaton,
            of,
            longest,
            readings,
        }
    }

    /// How much of a text that goes on cannot be settled: it may be the beginning of a secret.
    pub fn held(&self) -> usize {
        let written = (self.longest * BYTES_EACH_MAX).clamp(UNIT_MAX_BYTES, HELD_MAX_BYTES);
        // What is found ends where each unit is still whole.
        written.max(self.longest) + UNIT_MAX_BYTES
    }

    /// `text` with each secret replaced, nothing if there is none; and how much of it is settled. `is_all` says that nothing
    /// follows. `cut` is where it was cut before, and becomes where it is cut now.
    pub fn replace<'n>(
        &self,
        text: &[u8],
        is_all: bool,
        cut: &mut Cut,
        with: impl Fn(usize) -> Cow<'n, str>,
    ) -> (Option<Vec<u8>>, usize) {
        let Some(automaton) = &self.automaton else {
            return (None, text.len());
        };
        let held = self.held();
        let end = text.len().saturating_sub(if is_all { 0 } else { held });
        let mut replaced: Option<Vec<u8>> = None;
        let (mut at, mut done) = (0, 0);
        while at < end {
            let until = end.min(at + BLOCK_BYTES.max(held));
            let sought = Sought {
                needles: self,
                automaton,
                text: &text[at..text.len().min(until + held)],
            };
            let mut search = Search::new(sought, cut);
            let mut from = 0;
            while let Some(found) = search.next(from, until - at) {
                let kept = replaced.get_or_insert_with(|| Vec::with_capacity(text.len()));
                kept.extend_from_slice(&text[done..at + found.range.start]);
                kept.extend_from_slice(with(found.secret).as_bytes());
                from = found.range.end;
                done = at + from;
            }
            let settled = from.max(until - at);
            search.cut(settled, cut);
            at += settled;
        }
        if let Some(kept) = &mut replaced {
            kept.extend_from_slice(&text[done..at]);
        }
        (replaced, at)
    }
}

/// One block, as it is and as the readings that say something else of it have it.
struct Search<'n> {
    sought: Sought<'n>,
    ways: Vec<Way>,
}

struct Way {
    /// Nothing for the text itself.
    read: Option<(Reading, Read)>,
    next: Option<Found>,
}

impl<'n> Search<'n> {
    fn new(sought: Sought<'n>, cut: &Cut) -> Search<'n> {
        let read = |reading: &Reading| {
            let from = cut.0[*reading as usize].min(sought.text.len());
            Some((*reading, reading.read(sought.text, from)?))
        };
        let reads = sought.needles.readings.iter().filter_map(read).map(Some);
        let ways = std::iter::once(None).chain(reads).map(|read| {
            let next = sought.first(read.as_ref(), 0);
            Way { read, next }
        });
        Search {
            sought,
            ways: ways.collect(),
        }
    }

    /// The first secret that is written from `from` on and before `until`; of several the longest.
    fn next(&mut self, from: usize, until: usize) -> Option<Found> {
        for way in &mut self.ways {
            let is_over = |next: &Found| next.range.start < from;
            if way.next.as_ref().is_some_and(is_over) {
                way.next = self.sought.first(way.read.as_ref(), from);
            }
        }
        let order = |found: &&Found| (found.range.start, Reverse(found.range.end), found.secret);
        let found = self.ways.iter().filter_map(|way| way.next.as_ref());
        let first = found.min_by_key(order)?;
        (first.range.start < until).then(|| first.clone())
    }

    /// Cuts behind what is settled.
    fn cut(&self, settled: usize, cut: &mut Cut) {
        for over in &mut cut.0 {
            *over = over.saturating_sub(settled);
        }
        for (reading, read) in self.ways.iter().filter_map(|way| way.read.as_ref()) {
            cut.0[*reading as usize] = read.over(settled);
        }
    }
}

/// What is looked for, and in what.
#[derive(Clone, Copy)]
struct Sought<'n> {
    needles: &'n Needles,
    automaton: &'n AhoCorasick,
    text: &'n [u8],
}

impl Sought<'_> {
    /// The first that one way of reading has from `from` on.
    fn first(&self, read: Option<&(Reading, Read)>, from: usize) -> Option<Found> {
        let (text, start) = match read {
            None => (self.text, from),
            Some((_, read)) => (read.bytes.as_slice(), read.said_from(from)),
        };
        let found = self.automaton.find(text.get(start..)?)?;
        let (first, last) = (start + found.start(), start + found.end() - 1);
        let range = match read {
            None => first..last + 1,
            Some((_, read)) => read.written(first).start..read.written(last).end,
        };
        let secret = self.needles.of[found.pattern().as_usize()];
        Some(Found { range, secret })
    }
}
