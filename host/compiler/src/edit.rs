//! Text edits at byte offsets, applied in one pass, and the shifts that lead back from the output to the source.

use oxc::span::Span;

use crate::position::MARK;

/// On `line`, from output column `column` on, an output column is `length` (may be negative) more than that of the source.
/// To find an output position in the source, take off the shifts of its line whose column is not after it.
///
/// Columns of the output count bytes of UTF-8, as QuickJS does; those of the source count characters, as people do. So
/// there is a shift after each character that is not ASCII, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// From 1.
    pub line: u32,
    /// In the output, from 1. What was inserted ends before it: its first name leads to where it was inserted.
    pub column: u32,
    /// Bytes of the output less characters of the source.
    pub length: i32,
}

/// Edits in any order; no removed text overlaps another.
#[derive(Default)]
pub(crate) struct Edits {
    edits: Vec<Edit>,
}

struct Edit {
    start: u32,
    end: u32,
    text: String,
    order: Order,
}

/// At one offset, what closes an inner span comes before what closes an outer one, then what opens an outer span
/// before what opens an inner one, then the replacement of the text that follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// The start of the span, the latest first; of equal spans, the one wrapped last first.
    Close(std::cmp::Reverse<u32>, std::cmp::Reverse<usize>),
    /// The end of the span, the farthest first; of equal spans, the one wrapped first first.
    Open(std::cmp::Reverse<u32>, usize),
    Replace,
}

impl Edits {
    /// Puts `before` and `after` around a span. Of equal spans the one wrapped first is the outer one.
    pub(crate) fn wrap(&mut self, span: Span, before: &str, after: &str) {
        use std::cmp::Reverse;
        let sequence = self.edits.len();
        self.insert(span.start, before, Order::Open(Reverse(span.end), sequence));
        self.insert(
            span.end,
            after,
            Order::Close(Reverse(span.start), Reverse(sequence)),
        );
    }

    fn insert(&mut self, at: u32, text: &str, order: Order) {
        debug_assert!(!text.contains('\n'), "lines stay lines");
        if !text.is_empty() {
            self.edits.push(Edit {
                start: at,
                end: at,
                text: text.to_owned(),
                order,
            });
        }
    }

    /// Replaces a span by `text`, which stands on its first line; the other lines of the span stay as empty lines.
    pub(crate) fn replace(&mut self, source: &str, span: Span, text: &str) {
        debug_assert!(!text.contains('\n'), "lines stay lines");
        let mut start = span.start;
        let mut text = text.to_owned();
        for line in span.source_text(source).split('\n') {
            let end = start + u32::try_from(line.len()).unwrap_or(u32::MAX);
            self.edits.push(Edit {
                start,
                end,
                text: std::mem::take(&mut text),
                order: Order::Replace,
            });
            start = end + 1;
        }
    }

    /// The edited source, and how to get back.
    pub(crate) fn apply(mut self, source: &str) -> (String, Vec<Shift>) {
        self.edits.sort_by_key(|edit| (edit.start, edit.order));
        let mut writer = Writer::default();
        let mut done = 0;
        for edit in &self.edits {
            writer.keep(&source[done..edit.start as usize]);
            writer.replace(&source[edit.start as usize..edit.end as usize], &edit.text);
            done = edit.end as usize;
        }
        writer.keep(&source[done..]);
        (writer.output, writer.shifts)
    }
}

/// Writes the output and knows where in it the next byte goes, so that a long line is counted once.
struct Writer {
    output: String,
    shifts: Vec<Shift>,
    line: u32,
    /// In bytes.
    column: u32,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            output: String::new(),
            shifts: Vec::new(),
            line: 1,
            column: 1,
        }
    }
}

impl Writer {
    fn keep(&mut self, text: &str) {
        self.output.push_str(text);
        for character in text.chars() {
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                let is_first = self.line == 1 && self.column == 1;
                let counts = u32::from(!(is_first && character == MARK));
                self.advance(counts, count(character.len_utf8()));
            }
        }
    }

    fn replace(&mut self, removed: &str, text: &str) {
        self.output.push_str(text);
        self.advance(count(removed.chars().count()), count(text.len()));
    }

    /// `bytes` of output stand for `characters` of the source, on one line.
    fn advance(&mut self, characters: u32, bytes: u32) {
        self.column += bytes;
        if bytes != characters {
            self.shifts.push(Shift {
                line: self.line,
                column: self.column,
                length: bytes.cast_signed() - characters.cast_signed(),
            });
        }
    }
}

/// Counts are of a source that the parser took, which is smaller than 4 GiB.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    type Position = (u32, u32);

    /// A source whose every character is another one, so that each can be found again.
    fn unique(newlines: &[bool]) -> String {
        let character =
            |at: usize| char::from_u32(0xF_0000 + u32::try_from(at).expect("a short source"));
        let characters = newlines.iter().enumerate();
        characters
            .map(|(at, newline)| {
                if *newline {
                    '\n'
                } else {
                    character(at).expect("a private use character")
                }
            })
            .collect()
    }

    /// Columns in what `width` says a character takes.
    fn positions(text: &str, width: impl Fn(char) -> usize + Copy) -> HashMap<char, Position> {
        let lines = (1..).zip(text.split('\n'));
        lines
            .flat_map(|(line, text)| {
                text.chars().scan(1, move |column, c| {
                    let at = *column;
                    *column += count(width(c));
                    Some((c, (line, at)))
                })
            })
            .collect()
    }

    fn back(shifts: &[Shift], (line, column): Position) -> Position {
        let before = shifts
            .iter()
            .filter(|shift| shift.line == line && shift.column <= column);
        let length: i32 = before.map(|shift| shift.length).sum();
        (
            line,
            column.checked_add_signed(-length).expect("a source column"),
        )
    }

    fn edits(source: &str, cuts: &[usize], wraps: &[(usize, usize)]) -> Edits {
        let offsets: Vec<usize> = source
            .char_indices()
            .map(|(at, _)| at)
            .chain([source.len()])
            .collect();
        let mut cuts: Vec<u32> = cuts
            .iter()
            .map(|cut| offsets[cut % offsets.len()] as u32)
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut edits = Edits::default();
        for (from, to) in wraps
            .iter()
            .map(|(from, to)| (from % cuts.len().max(1), to % cuts.len().max(1)))
        {
            if from < to {
                edits.wrap(Span::new(cuts[from], cuts[to]), "before(", ")after");
            }
        }
        for (index, pair) in cuts.chunks_exact(2).enumerate() {
            edits.replace(source, Span::new(pair[0], pair[1]), &"text"[..index % 5]);
        }
        edits
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_character_that_stays_leads_back_to_where_it_was(
            newlines in prop::collection::vec(prop::bool::weighted(0.1), 0..80),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
            wraps in prop::collection::vec(any::<(usize, usize)>(), 0..6),
        ) {
            let source = unique(&newlines);
            let (output, shifts) = edits(&source, &cuts, &wraps).apply(&source);
            prop_assert_eq!(output.matches('\n').count(), source.matches('\n').count());
            let origin = positions(&source, |_| 1);
            for (character, position) in positions(&output, char::len_utf8) {
                if let Some(origin) = origin.get(&character) {
                    prop_assert_eq!(back(&shifts, position), *origin);
                }
            }
        }
    }

    #[test]
    fn spans_that_share_an_end_stay_nested() {
        let mut edits = Edits::default();
        edits.wrap(Span::new(2, 4), "<c ", " c>");
        edits.wrap(Span::new(0, 4), "<a ", " a>");
        edits.wrap(Span::new(0, 4), "<b ", " b>");
        edits.wrap(Span::new(4, 6), "<d ", " d>");
        edits.replace("uvwxyz", Span::new(4, 5), "Y");
        assert_eq!(edits.apply("uvwxyz").0, "<a <b uv<c wx c> b> a><d Yz d>");
    }

    #[test]
    fn a_byte_order_mark_is_not_counted() {
        let (output, shifts) = Edits::default().apply("\u{feff}x");
        assert_eq!(output, "\u{feff}x");
        assert_eq!(back(&shifts, (1, 4)), (1, 1));
    }

    #[test]
    fn what_is_replaced_over_lines_leaves_its_lines_behind() {
        let mut edits = Edits::default();
        edits.replace("a\nbb\ncé;x", Span::new(0, 9), "new");
        let (output, shifts) = edits.apply("a\nbb\ncé;x");
        assert_eq!(output, "new\n\nx");
        assert_eq!(back(&shifts, (3, 1)), (3, 4));
    }
}
