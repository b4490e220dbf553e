//! Source that nests deeper than the compiler can follow: what to say when its stack did not suffice, and where.
//!
//! Parsers recurse, so how deep is too deep depends on what is nested: the compiler guest has a stack of 1 MiB, which a
//! trap ends. Only then is the source looked at here, in one pass that needs no stack.

use wasmtime::Trap;

use crate::job::JobProblem;

/// Brackets within brackets that a compiler can follow whatever they are.
pub(crate) const NESTING_MAX: usize = 500;

/// Whether a trap says that the stack was used up: that of the machine, or the one in the guest's memory, which lies at
/// its lower end. Guests are in safe Rust, or in C that checks its stack: no other access of theirs leaves the memory.
pub(crate) fn exhausted(error: &wasmtime::Error) -> bool {
    let trap = error.downcast_ref::<Trap>();
    matches!(trap, Some(Trap::StackOverflow | Trap::MemoryOutOfBounds))
}

/// Whether the engine says so, which checks its stack: blocks take less of the compiler's than of the engine's.
pub(crate) fn overflowed(message: &str) -> bool {
    message == "Maximum call stack size exceeded"
}

/// What to tell the author.
pub(crate) fn problem(source: &str) -> JobProblem {
    match too_deep(source) {
        Some(place) => JobProblem::at(
            place,
            format!(
                "the expression nests deeper than {NESTING_MAX} brackets, too deep to be compiled"
            ),
        ),
        None => JobProblem::at(
            (1, 1),
            "the expression nests too deeply to be compiled; the longest chains of operators or functions in it are to be divided",
        ),
    }
}

/// The first bracket within more than [`NESTING_MAX`] others: line and column. Those in strings and comments do not
/// count, as far as can be told without a parser: regular expressions are taken for code.
fn too_deep(source: &str) -> Option<(u32, u32)> {
    let mut depth = 0_usize;
    let mut inside = Inside::Code;
    let (mut line, mut column) = (1, 0);
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        column += 1;
        let next = characters.peek().copied();
        inside = match (inside, character) {
            (Inside::Code, '(' | '[' | '{') => {
                depth += 1;
                if depth > NESTING_MAX {
                    return Some((line, column));
                }
                Inside::Code
            }
            (Inside::Code, ')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                Inside::Code
            }
            (Inside::Code, '"' | '\'') => Inside::Quotes(character),
            (Inside::Code, '/') if next == Some('/') => Inside::Line,
            (Inside::Code, '/') if next == Some('*') => Inside::Block,
            (Inside::Quotes(_), '\\') => {
                characters.next_if(|skipped| *skipped != '\n');
                column += 1;
                inside
            }
            (Inside::Quotes(quote), _) if character == quote => Inside::Code,
            (Inside::Quotes(_) | Inside::Line, '\n') => Inside::Code,
            (Inside::Block, '*') if next == Some('/') => Inside::Code,
            (inside, _) => inside,
        };
        if character == '\n' {
            (line, column) = (line + 1, 0);
        }
    }
    None
}

#[derive(Clone, Copy)]
enum Inside {
    Code,
    Quotes(char),
    Line,
    Block,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bracket_that_is_too_deep_is_found_and_those_in_texts_do_not_count() {
        let open = "[".repeat(NESTING_MAX);
        assert_eq!(too_deep(&format!("fn({open}")), Some((1, 503)));
        assert_eq!(too_deep(&format!("{open}{}[", "]".repeat(9))), None);
        let texts = format!("'it\\'s {open}' + \"{open}\" // {open}\n/* {open} */\n  ");
        assert_eq!(too_deep(&format!("{texts}[")), None);
        assert_eq!(too_deep(&format!("{texts}{open}(")), Some((3, 503)));
    }
}
