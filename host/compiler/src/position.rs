//! From byte offsets, which the parser counts in, to lines and columns, which people do.

use crate::Problem;

/// A byte order mark, which Windows editors put before the first line, and which no editor counts.
pub(crate) const MARK: char = '\u{feff}';

/// The lines of a source. A line ends at `\n`, as it does for QuickJS, whose positions must agree with ours.
pub(crate) struct Lines<'a> {
    source: &'a str,
    /// Byte offset at which each line starts.
    starts: Vec<usize>,
    /// Bytes that stand before the source where it is parsed.
    before: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let starts = std::iter::once(0)
            .chain(source.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            source,
            starts,
            before: 0,
        }
    }

    /// For offsets in a text that has so many more bytes before the source.
    pub(crate) fn behind(source: &'a str, before: &str) -> Self {
        Self {
            before: count(before.len()),
            ..Self::new(source)
        }
    }

    /// Where the last text ends, before any white space.
    pub(crate) fn end(&self) -> u32 {
        count(self.source.trim_end().len()).saturating_add(self.before)
    }

    /// From 1.
    pub(crate) fn line(&self, offset: u32) -> u32 {
        let offset = offset.saturating_sub(self.before) as usize;
        count(self.starts.partition_point(|start| *start <= offset))
    }

    /// Line and column, both from 1, the column in characters. It counts the line up to there.
    pub(crate) fn position(&self, offset: u32) -> (u32, u32) {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1];
        let column = self
            .source
            .get(start..offset.saturating_sub(self.before) as usize)
            .map_or(0, |text| text.trim_start_matches(MARK).chars().count());
        (line, count(column).saturating_add(1))
    }

    pub(crate) fn problem(&self, offset: u32, message: String, help: Option<String>) -> Problem {
        let (line, column) = self.position(offset);
        Problem {
            message,
            line,
            column,
            help,
            unclosed: None,
        }
    }
}

/// Lines and columns are fewer than bytes, and the parser refuses sources of 4 GiB.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_newlines_only() {
        let source = "é\u{1F33E}x\r\ny";
        let lines = Lines::new(source);
        for (offset, expected) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (6, (1, 3)),
            (8, (1, 5)),
            (9, (2, 1)),
            (10, (2, 2)),
        ] {
            assert_eq!(lines.position(offset), expected, "offset {offset}");
        }
    }
}
