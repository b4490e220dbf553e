//! Lines of fonio.toml as a person is shown them: the file is no secret, but somebody may have written one into it.

/// What of a credential's table is no secret, whatever stands there.
const SHOWN: &[&str] = &[
    "client_auth",
    "client_id",
    "grant",
    "hosts",
    "open_in",
    "plain",
    "reveal",
    "scope",
];
/// In place of each character of a value, so that what is marked under a line stays where it is.
const HIDDEN: char = '…';

/// The line at `index` of fonio.toml: values in a credential's table are hidden, and of addresses anywhere the user and the
/// query. Nothing if none of it may be shown.
pub(crate) fn line_of_settings(text: &str, index: usize) -> Option<String> {
    let line = text.lines().nth(index)?.trim_end();
    if !is_of_credentials(text, index) {
        return Some(addresses(line));
    }
    let before: Vec<&str> = text.lines().take(index).collect();
    let before = before.join("\n");
    let in_long_text = ["\"\"\"", "'''"]
        .iter()
        .any(|quotes| before.matches(quotes).count() % 2 == 1);
    if is_header(line) {
        return Some(line.to_owned());
    }
    (!in_long_text && line.contains('=')).then(|| addresses(&masked(line)))
}

/// The text with every address in it shown without its user, password and query, where secrets stand.
pub(crate) fn addresses(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        let end = address.find(['"', '\'', '`', ' ', '\t']);
        let (address, after) = address.split_at(end.unwrap_or(address.len()));
        shown.push_str(before);
        shown.push_str(&address_alone(address));
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// What comes behind `://`.
fn address_alone(address: &str) -> String {
    let hidden = |text: &str| HIDDEN.to_string().repeat(text.chars().count());
    // The last: a password may have one in it that should have been escaped.
    let (user, host) = address
        .rsplit_once('@')
        .map_or(("", address), |(user, _)| address.split_at(user.len()));
    let query = host.find(['?', '#']).map_or(host.len(), |at| at + 1);
    let (host, query) = host.split_at(query);
    hidden(user) + host + &hidden(query)
}

/// Judged by the text alone, because a file that is not TOML has secrets too.
fn is_of_credentials(text: &str, index: usize) -> bool {
    let lines: Vec<&str> = text.lines().take(index + 1).collect();
    let names = |line: &str| {
        line.trim_start()
            .trim_start_matches(['[', '"', '\''])
            .starts_with("credentials")
    };
    let header = lines.iter().rev().find(|line| is_header(line));
    header.is_some_and(|header| names(header)) || lines.last().is_some_and(|line| names(line))
}

fn is_header(line: &str) -> bool {
    let line = line.trim();
    let name = line.trim_start_matches('[').trim_end_matches(']');
    let plain = |c: char| c.is_alphanumeric() || "._- \"'".contains(c);
    line.starts_with('[') && line.ends_with(']') && name.chars().all(plain)
}

/// What a character of a line is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A name, if `=` comes behind it.
    Name,
    /// A value, which may be shown or not.
    Value(bool),
}

struct Mask {
    shown: String,
    /// What may still turn out to be a name.
    name: String,
    part: Part,
    quote: Option<char>,
    arrays: u32,
}

fn masked(line: &str) -> String {
    let mut mask = Mask {
        shown: String::with_capacity(line.len()),
        name: String::new(),
        part: Part::Name,
        quote: None,
        arrays: 0,
    };
    let mut escaped = false;
    for c in line.chars() {
        match mask.part {
            Part::Name => mask.in_a_name(c),
            Part::Value(may_show) => mask.in_a_value(c, may_show, escaped),
        }
        escaped = c == '\\' && !escaped;
    }
    mask.hide_name();
    mask.shown
}

impl Mask {
    fn in_a_name(&mut self, c: char) {
        match c {
            '=' => {
                let name = self.name.trim().trim_matches(['"', '\'']);
                let last = name.rsplit('.').next().unwrap_or_default();
                self.part = Part::Value(SHOWN.contains(&last.trim()));
                self.shown.push_str(&std::mem::take(&mut self.name));
                self.shown.push(c);
            }
            '}' | ',' => {
                self.hide_name();
                self.shown.push(c);
            }
            _ => self.name.push(c),
        }
    }

    fn in_a_value(&mut self, c: char, may_show: bool, escaped: bool) {
        match (self.quote, c) {
            (Some(quote), _) if c == quote && !escaped => self.quote = None,
            (Some(_), _) => return self.shown.push(if may_show { c } else { HIDDEN }),
            (None, '"' | '\'') => self.quote = Some(c),
            (None, '[') => self.arrays += 1,
            (None, ']') => self.arrays = self.arrays.saturating_sub(1),
            (None, '{') => self.part = Part::Name,
            (None, ',') if self.arrays == 0 => self.part = Part::Name,
            (None, ',' | '}' | ' ' | '\t') => {}
            // A comment, or what should have been in quotes.
            (None, _) if !may_show || c == '#' => {
                self.part = Part::Value(false);
                return self.shown.push(HIDDEN);
            }
            (None, _) => {}
        }
        self.shown.push(c);
    }

    fn hide_name(&mut self) {
        let hide = |c: char| if c.is_whitespace() { c } else { HIDDEN };
        self.shown.extend(self.name.drain(..).map(hide));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_neither_user_nor_query_is_shown() {
        for (text, shown) in [
            (
                "allow = [\"https://a:b@x.org\", \"http://y.org/?t=1\"]",
                "allow = [\"https://………@x.org\", \"http://y.org/?………\"]",
            ),
            (
                "`https://a:p@ss/w@x.org` is none",
                "`https://……………………@x.org` is none",
            ),
            (
                "\"https://x.org:8443/a\" # why",
                "\"https://x.org:8443/a\" # why",
            ),
            ("https://x.org#é", "https://x.org#…"),
            ("no address", "no address"),
        ] {
            assert_eq!(addresses(text), shown);
        }
    }

    #[test]
    fn values_of_a_credential_are_hidden_where_they_stand() {
        for (line, shown) in [
            ("password = \"hush\"", "password = \"…………\""),
            ("password = hush", "password = …………"),
            ("from = 'hush' # hush", "from = '…………' … …………"),
            ("reveal = tru", "reveal = tru"),
            (
                "hosts = [\"https://a.org\", 7]",
                "hosts = [\"https://a.org\", 7]",
            ),
            ("keys = [\"hush\", \"x\"]", "keys = [\"…………\", \"…\"]"),
            (
                "oauth = { token_url = \"a\\\"b\", scope = \"r\", x.\"y\" = 1 }",
                "oauth = { token_url = \"…………\", scope = \"r\", x.\"y\" = … }",
            ),
            ("a = { hush }", "a = { ………… }"),
            ("[credentials.x]", "[credentials.x]"),
        ] {
            let text = format!("[limits]\n[credentials.x]\n{line}\n");
            assert_eq!(line_of_settings(&text, 2).as_deref(), Some(shown));
        }
    }

    #[test]
    fn a_line_without_a_name_is_not_shown_and_other_tables_are() {
        let text = "[credentials.x]\nkeys = [\n  \"hush\",\n]\nkey = \"\"\"\nhush=\n\"\"\"\n[network]\nallow = [\"hush\"]\ncredentials.y = \"hush\"\n";
        let shown: Vec<Option<String>> =
            (0..10).map(|index| line_of_settings(text, index)).collect();
        let text = |index: usize| shown[index].as_deref();
        assert_eq!(text(1), Some("keys = ["));
        assert_eq!((text(2), text(5)), (None, None));
        assert_eq!(text(8), Some("allow = [\"hush\"]"));
        assert_eq!(text(9), Some("credentials.y = \"…………\""));
    }
}
