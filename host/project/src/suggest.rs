//! The name that was most likely meant.

/// The one of `known` nearest to `written`, if near enough to be a slip: a third of its letters, at least one.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).max(1);
    let lower = written.to_lowercase();
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "did you mean …?" where a name is near, and otherwise the names there are.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = nearest(written, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        None
    } else {
        Some(format!("{what}: {}", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(
            nearest("trigr-1", ["trigger-1", "every-minute"]),
            Some("trigger-1")
        );
        assert_eq!(nearest("Memory", ["memory"]), Some("memory"));
        assert_eq!(nearest("banana", ["trigger-1", "every-minute"]), None);
    }

    #[test]
    fn without_a_near_name_the_names_there_are_are_listed() {
        assert_eq!(
            did_you_mean("x", "the triggers are", ["morning", "inbox"]).as_deref(),
            Some("the triggers are: `morning`, `inbox`")
        );
        assert_eq!(did_you_mean("x", "the triggers are", []), None);
    }
}
