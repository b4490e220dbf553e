//! Text that crosses from JavaScript to the host.

use std::borrow::Cow;

/// Makes JSON from `JSON.stringify` acceptable to every parser.
///
/// JavaScript strings may hold half of a surrogate pair (a `slice` through an emoji is enough), which `JSON.stringify`
/// writes as `\ud83d`; strict parsers refuse the whole document for it. Each becomes U+FFFD, as browsers do when they
/// encode such a string.
pub(crate) fn well_formed(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") {
        return Cow::Borrowed(json);
    }
    let mut fixed = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        fixed.push_str(before);
        let lone = matches!(escape.as_bytes(), [_, b'u', b'd', b'8'..=b'f', _, _, ..]);
        let (replacement, length) = if lone {
            ("\\ufffd", 6)
        } else {
            (&escape[..2], 2)
        };
        fixed.push_str(replacement);
        rest = &escape[length..];
    }
    fixed.push_str(rest);
    Cow::Owned(fixed)
}

#[cfg(test)]
mod tests {
    use super::well_formed;

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        assert_eq!(
            well_formed(r#"{"a":"x\ud83d\n","b":"\udc00"}"#),
            r#"{"a":"x\ufffd\n","b":"\ufffd"}"#
        );
    }

    #[test]
    fn an_escaped_backslash_before_ud_is_left_alone() {
        assert_eq!(
            well_formed(r#"["C:\\ud83d","\\\\"]"#),
            r#"["C:\\ud83d","\\\\"]"#
        );
    }
}
