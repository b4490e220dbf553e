//! Events: what they can be called, and what a trigger or a grant says of their names.

use std::fmt;
use std::str::FromStr;

/// The longest name of an event, in characters.
pub const EVENT_NAME_MAX: usize = 128;

/// Whether an event can be called this: 1 to [`EVENT_NAME_MAX`] characters of `A-Z`, `a-z`, `0-9`, `.`, `_`, `/`, `-`.
pub fn is_event_name(name: &str) -> bool {
    !name.is_empty() && is_beginning(name)
}

fn is_beginning(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    text.len() <= EVENT_NAME_MAX && text.chars().all(fits)
}

/// A name, or with `*` at its end all names that begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPattern {
    beginning: String,
    open: bool,
}

impl EventPattern {
    /// Every name.
    pub fn any() -> EventPattern {
        EventPattern {
            beginning: String::new(),
            open: true,
        }
    }

    /// Whether it says this name.
    pub fn matches(&self, name: &str) -> bool {
        match self.open {
            true => name.starts_with(&self.beginning),
            false => name == self.beginning,
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.open { "*" } else { "" };
        write!(f, "{}{star}", self.beginning)
    }
}

/// A text that no event can be called, with or without the `*`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of an event")]
pub struct EventPatternError(String);

impl EventPatternError {
    pub(crate) const HELP: &str = "1 to 128 of A-Z, a-z, 0-9, `.`, `_`, `/` and `-`; a `*` at the end stands for any that follow, as in intake.*";
}

impl FromStr for EventPattern {
    type Err = EventPatternError;

    fn from_str(text: &str) -> Result<EventPattern, EventPatternError> {
        let (beginning, open) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        if !is_beginning(beginning) || (beginning.is_empty() && !open) {
            return Err(EventPatternError(
                text.chars().take(EVENT_NAME_MAX).collect(),
            ));
        }
        Ok(EventPattern {
            beginning: beginning.to_owned(),
            open,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_all_that_begin_so() {
        for (pattern, name, fits) in [
            ("intake.accepted", "intake.accepted", true),
            ("intake.accepted", "intake.accepted.late", false),
            ("intake.*", "intake.accepted", true),
            ("intake.*", "intake", false),
            ("*", "anything/at-all_1", true),
        ] {
            let parsed: EventPattern = pattern.parse().expect("a pattern");
            assert_eq!(parsed.matches(name), fits, "{pattern} {name}");
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn names_have_few_characters_and_not_many_of_them() {
        let longest = "a".repeat(EVENT_NAME_MAX);
        assert!(is_event_name(&longest) && is_event_name("A/b.c_d-9"));
        let longer = "a".repeat(EVENT_NAME_MAX + 1);
        for name in ["", "a b", "a*", "*", "é", "a\n", longer.as_str()] {
            assert!(!is_event_name(name), "{name:?}");
        }
        for pattern in ["", "a*b", "**", "a b*", longer.as_str()] {
            assert!(pattern.parse::<EventPattern>().is_err(), "{pattern:?}");
        }
    }
}
