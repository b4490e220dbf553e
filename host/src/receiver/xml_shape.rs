//! The shape of an XML message, judged in one pass before it is parsed.
//!
//! The parser compares each attribute with its neighbours and each prefix with those in scope. That is the square of
//! their number: 80,000 attributes in one element took it 4 s, 6,000 nested prefixes 43 s. A form has a few of each.

use super::body::BodyError;

/// How deep elements may nest.
pub const DEPTH_MAX: usize = 128;
/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 256;
/// Namespace declarations in one message.
const NAMESPACES_MAX: usize = 256;

/// Refuses what the parser would take too long over. What is not well-formed is the parser's to refuse.
pub fn check(text: &str) -> Result<(), BodyError> {
    let refuse = |what: &str, most: usize| Err(BodyError::Xml(format!("{what} than {most}")));
    if text.matches("xmlns").count() > NAMESPACES_MAX {
        return refuse("it declares more namespaces", NAMESPACES_MAX);
    }
    let mut depth: usize = 0;
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        if let Some(end) = ["<!--", "<![CDATA[", "<?"]
            .iter()
            .zip(["-->", "]]>", "?>"])
            .find_map(|(open, close)| {
                rest.starts_with(open)
                    .then(|| rest.find(close).map_or(rest.len(), |at| at + close.len()))
            })
        {
            rest = &rest[end..];
            continue;
        }
        let tag = Tag::read(rest);
        if tag.attributes > ATTRIBUTES_MAX {
            return refuse("an element has more attributes", ATTRIBUTES_MAX);
        }
        depth = match (tag.closes, tag.empty) {
            (true, _) => depth.saturating_sub(1),
            (false, true) => depth,
            (false, false) => depth + 1,
        };
        if depth > DEPTH_MAX {
            return refuse("elements nest deeper", DEPTH_MAX);
        }
        rest = &rest[tag.length..];
    }
    Ok(())
}

/// What matters of a tag, from its `<` to its `>`.
struct Tag {
    length: usize,
    attributes: usize,
    closes: bool,
    empty: bool,
}

impl Tag {
    fn read(text: &str) -> Tag {
        let mut quote = None;
        let mut attributes = 0;
        let bytes = text.as_bytes();
        let end = bytes.iter().position(|byte| match (quote, byte) {
            (Some(open), byte) if open == *byte => {
                quote = None;
                false
            }
            (Some(_), _) => false,
            (None, b'"' | b'\'') => {
                quote = Some(*byte);
                false
            }
            (None, b'=') => {
                attributes += 1;
                false
            }
            (None, byte) => *byte == b'>',
        });
        let length = end.map_or(bytes.len(), |end| end + 1);
        let empty = length >= 2 && bytes[length - 2] == b'/';
        Tag {
            length,
            attributes,
            closes: bytes.get(1) == Some(&b'/'),
            empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_form_passes() {
        let text = "<?xml version='1.0'?><!-- a > b --><f a='1' b=\"x > y\"><e/><g><![CDATA[<<<]]></g></f>";
        assert!(check(text).is_ok());
        let wide = format!("<f>{}</f>", "<item><n>1</n></item>".repeat(50_000));
        assert!(check(&wide).is_ok());
    }

    #[test]
    fn what_the_parser_would_take_too_long_over_is_refused() {
        let said = |text: &str| check(text).expect_err("refused").to_string();
        let attributes: String = (0..300).map(|n| format!(" a{n}=''")).collect();
        assert!(
            said(&format!("<a{attributes}/>")).ends_with("an element has more attributes than 256")
        );
        let deep = "<a>".repeat(200);
        assert!(said(&deep).ends_with("elements nest deeper than 128"));
        let prefixes: String = (0..300).map(|n| format!("<a xmlns:b{n}='u'/>")).collect();
        assert!(
            said(&format!("<r>{prefixes}</r>")).ends_with("it declares more namespaces than 256")
        );
    }

    #[test]
    fn quotes_cannot_hide_attributes() {
        let attributes: String = (0..300).map(|n| format!(" a{n}='>'")).collect();
        assert!(check(&format!("<a{attributes}/>")).is_err());
    }
}
