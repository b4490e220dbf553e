//! What stands in a guest for a secret: letters and digits alone, so that URLs, JSON, XML and forms leave it as it is.

use std::ops::Range;

use memchr::memmem;

/// How every placeholder begins. The rest is random, so that one step cannot know another's.
const PREFIX: &str = "fonioSealed";
/// 128 random bits as hex.
const RANDOM_HEX: usize = 32;

/// A new placeholder, unlike any other.
///
/// # Errors
/// The system has no random bytes to give.
pub(super) fn mint() -> Result<String, getrandom::Error> {
    let mut random = [0; RANDOM_HEX / 2];
    getrandom::fill(&mut random)?;
    let hex = random.iter().map(|byte| format!("{byte:02x}"));
    Ok(PREFIX.chars().map(String::from).chain(hex).collect())
}

/// Where `text` holds placeholders, whoever they belong to.
pub(super) fn find(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    memmem::find_iter(text, PREFIX).filter_map(|start| {
        let end = start + PREFIX.len() + RANDOM_HEX;
        let random = text.get(start + PREFIX.len()..end)?;
        let is_hex = random
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then_some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_found_in_any_text_and_nothing_else_is() {
        let minted = mint().expect("random bytes");
        let text = format!("https://x/?a={minted}&b={PREFIX}{}", "g".repeat(32));
        let found: Vec<_> = find(text.as_bytes()).map(|range| &text[range]).collect();
        assert_eq!(found, [minted.as_str()]);
        assert!(minted.chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(mint().expect("random"), mint().expect("random"));
    }
}
