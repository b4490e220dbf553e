//! Tables for people: columns under their names, each as wide as its widest cell, colours on a terminal.

use anstyle::{AnsiColor, Style};
use fonio_project::in_a_line;

use super::output;

/// Longer texts in a cell are cut: a line is to stay one.
const CELL_CHARACTERS_MAX: usize = 100;

/// A cell.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Of what came from elsewhere, too: what could steer a terminal is shown.
    pub(crate) fn new(text: impl ToString) -> Cell {
        Cell {
            text: short(&in_a_line(&text.to_string())),
            style: Style::new(),
        }
    }

    /// Where a run or a step stands, in its colour.
    pub(crate) fn status(status: &str) -> Cell {
        Cell {
            style: style(status),
            ..Cell::new(status)
        }
    }
}

fn style(status: &str) -> Style {
    match status {
        "succeeded" => AnsiColor::Green.on_default(),
        "failed" => AnsiColor::Red.on_default().bold(),
        "cancelled" => Style::new().dimmed(),
        _ => AnsiColor::Yellow.on_default(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Prints rows under the names of their columns.
pub(crate) fn print<const N: usize>(names: [&str; N], rows: Vec<[Cell; N]>) {
    let dim = Style::new().dimmed();
    let head = names.map(|name| Cell {
        text: name.to_owned(),
        style: dim,
    });
    let rows: Vec<[Cell; N]> = std::iter::once(head).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].text.chars().count());
        widths.max().unwrap_or(0)
    });
    for row in &rows {
        line(row, &widths);
    }
}

/// Prints one row in columns of these widths, for rows that come one after another.
pub(crate) fn line(row: &[Cell], widths: &[usize]) {
    let last = row
        .iter()
        .rposition(|cell| !cell.text.is_empty())
        .unwrap_or(0);
    let mut line = String::new();
    for (at, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
        let Cell { text, style } = cell;
        line += &format!("{style}{text}{style:#}");
        if at < last {
            let room = width.saturating_sub(text.chars().count());
            line.extend(std::iter::repeat_n(' ', room + 2));
        }
    }
    output::write(format_args!("{line}\n"));
}
