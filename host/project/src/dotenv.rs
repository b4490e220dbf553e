//! `.env`: a small parser, and what is read from it and from the process's environment, which wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::inputs::{Inputs, Read};
use crate::problem::Problem;
use crate::report::{Place, Secrecy};

/// The port of the service that these projects were written for.
pub const DEFAULT_PORT: u16 = 4001;

/// What a problem with a variable of the process names as its file.
/// What stands for a file where a problem is in the process's environment.
pub const PROCESS: &str = "(environment)";
const FILE: &str = ".env";

/// Variables of the first generation of OpenFn's microservice that would change what runs.
const FORMER: &[(&str, &str)] = &[
    (
        "ADAPTOR_PATH",
        "name the adaptor in the job: `adaptor: http`",
    ),
    (
        "CREDENTIAL_PATH",
        "put the credential into credentials/NAME.json and name it in the job",
    ),
    (
        "EXPRESSION_PATH",
        "put the expression into jobs/NAME.js and the job into project.yaml",
    ),
    (
        "FINAL_STATE_PATH",
        "the state of each run is kept by the server",
    ),
    (
        "FREQUENCY",
        "give the job a trigger with a cron expression in project.yaml",
    ),
    (
        "INITIAL_STATE_PATH",
        "a cron job starts with its own last state",
    ),
];

/// How a message is answered: at once, or after the jobs it starts have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndpointStyle {
    /// 202 as soon as the message is stored.
    #[default]
    Async,
    /// 201, 206 or 200 with what the jobs came to.
    Sync,
}

/// The variables that steer the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `PORT`; default 4001.
    pub port: u16,
    /// `ENDPOINT_STYLE`; default async.
    pub endpoint_style: EndpointStyle,
    /// `PROJECT_DIR`.
    pub project_dir: Option<PathBuf>,
    /// `HOST_URL`, under which others reach this server.
    pub host_url: Option<String>,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment {
            port: DEFAULT_PORT,
            endpoint_style: EndpointStyle::Async,
            project_dir: None,
            host_url: None,
        }
    }
}

/// Variables of the process and of `.env`.
pub(crate) struct Variables<'e> {
    process: &'e dyn Fn(&str) -> Option<String>,
    file: BTreeMap<String, (String, Place)>,
}

impl Variables<'_> {
    /// Those of the file.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.file
            .into_iter()
            .map(|(name, (value, _))| (name, value))
            .collect()
    }

    /// A variable and where it was set.
    pub fn get(&self, name: &str) -> Option<(String, &Path, Place)> {
        if let Some(value) = (self.process)(name) {
            return Some((value, Path::new(PROCESS), Place::FILE));
        }
        self.file
            .get(name)
            .map(|(value, place)| (value.clone(), Path::new(FILE), *place))
    }
}

/// Reads `.env`, if there is one.
pub(crate) fn read<'e>(
    inputs: &mut Inputs<'_>,
    process: &'e dyn Fn(&str) -> Option<String>,
) -> Variables<'e> {
    let mut file = BTreeMap::new();
    if let Read::Text(text) = inputs.read(Path::new(FILE), Secrecy::Secret) {
        let (entries, mistakes) = parse(&text);
        for (at, message) in mistakes {
            inputs
                .report
                .error(Path::new(FILE), at, message)
                .help("each line is KEY=VALUE; values with spaces in quotes");
        }
        for entry in entries {
            if let Some((name, instead)) = FORMER.iter().find(|(name, _)| *name == entry.key) {
                inputs
                    .report
                    .warning(
                        Path::new(FILE),
                        entry.at,
                        format!("`{name}` has no effect here"),
                    )
                    .help(*instead);
            }
            file.insert(entry.key, (entry.value, entry.at));
        }
    }
    Variables { process, file }
}

/// Picks the variables that steer the server out of all.
pub(crate) fn environment(inputs: &mut Inputs<'_>, variables: &Variables<'_>) -> Environment {
    let mut environment = Environment::default();
    if let Some((value, file, at)) = variables.get("PORT") {
        match value.trim().parse() {
            Ok(port) if port > 0 => environment.port = port,
            _ => error(inputs, file, at, "`PORT` is not a port")
                .help("a port is a number from 1 to 65535, such as 4001"),
        }
    }
    if let Some((value, file, at)) = variables.get("ENDPOINT_STYLE") {
        match value.trim().to_ascii_lowercase().as_str() {
            "async" | "" => environment.endpoint_style = EndpointStyle::Async,
            "sync" => environment.endpoint_style = EndpointStyle::Sync,
            _ => error(
                inputs,
                file,
                at,
                "`ENDPOINT_STYLE` is neither `async` nor `sync`",
            )
            .help(
                "async answers once a message is stored, sync after the jobs it starts have ended",
            ),
        }
    }
    let text = |name: &str| {
        variables
            .get(name)
            .map(|(value, ..)| value)
            .filter(|value| !value.is_empty())
    };
    environment.project_dir = text("PROJECT_DIR").map(PathBuf::from);
    environment.host_url = text("HOST_URL");
    inputs.note("environment", format!("{environment:?}").as_bytes());
    environment
}

fn error<'i>(inputs: &'i mut Inputs<'_>, file: &Path, at: Place, message: &str) -> &'i mut Problem {
    inputs.report.error(file, at, message)
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    value: String,
    at: Place,
}

/// `KEY=VALUE` lines: `export` in front, blanks around, comments, single quotes (literal) and double quotes (with
/// `\n`, `\t`, `\r`, `\"`, `\\`, `\$`; both may span lines). No substitution of variables.
fn parse(text: &str) -> (Vec<Entry>, Vec<(Place, String)>) {
    let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let byte = text.len() - rest.len();
        let (line, _) = rest.split_once('\n').unwrap_or((rest, ""));
        let content = line.trim_start();
        let at = Place::of_byte(text, byte + line.len() - content.len());
        if content.trim().is_empty() || content.starts_with('#') {
            rest = skip_line(rest);
            continue;
        }
        match parse_entry(&rest[line.len() - content.len()..]) {
            Ok((key, value, after)) => {
                entries.push(Entry { key, value, at });
                rest = after;
            }
            Err(message) => {
                mistakes.push((at, message));
                rest = skip_line(rest);
            }
        }
    }
    (entries, mistakes)
}

fn skip_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// One entry from the start of `text`, and what follows its line.
fn parse_entry(text: &str) -> Result<(String, String, &str), String> {
    let line = text.lines().next().unwrap_or_default();
    let Some(equals) = line.find('=') else {
        return Err("this line has no `=`".to_owned());
    };
    let written = line[..equals].trim();
    let key = written.strip_prefix("export ").unwrap_or(written).trim();
    let well_formed = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if !well_formed {
        return Err("what stands before `=` is not the name of a variable".to_owned());
    }
    let blanks = |c: char| c == ' ' || c == '\t';
    let value = text[equals + 1..].trim_start_matches(blanks);
    let (value, after) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(&value[1..], quote)?,
        _ => {
            let line = value.lines().next().unwrap_or_default();
            (unquoted(line).to_owned(), &value[line.len()..])
        }
    };
    let tail = after.lines().next().unwrap_or_default().trim();
    if !tail.is_empty() && !tail.starts_with('#') {
        return Err("something follows the value's closing quote".to_owned());
    }
    Ok((key.to_owned(), value, skip_line(after)))
}

/// Up to a comment, which needs a blank before it: `a#b` is a value.
fn unquoted(line: &str) -> &str {
    let after_blank = |index: usize| index == 0 || line[..index].ends_with([' ', '\t']);
    let comment = line
        .char_indices()
        .find(|(index, c)| *c == '#' && after_blank(*index));
    line[..comment.map_or(line.len(), |(index, _)| index)].trim()
}

fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((value, &text[index + 1..])),
            '\\' if quote == '"' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('"' | '\\' | '$'))) => value.push(c),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err(format!("the quote {quote} is never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let (entries, mistakes) = parse(text);
        assert_eq!(mistakes, [], "{text}");
        entries
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect()
    }

    fn one(text: &str) -> String {
        values(text)
            .into_iter()
            .map(|(_, value)| value)
            .next()
            .expect("one entry")
    }

    #[test]
    fn the_usual_forms_are_read() {
        let text = "# comment\r\n\nPORT=4001\r\nexport ENDPOINT_STYLE = sync # why\n  A.B=x#y\nEMPTY=\nHASH=#none\n";
        let expected = [
            ("PORT", "4001"),
            ("ENDPOINT_STYLE", "sync"),
            ("A.B", "x#y"),
            ("EMPTY", ""),
            ("HASH", ""),
        ];
        assert_eq!(
            values(text),
            expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn quotes_keep_blanks_comments_and_lines() {
        assert_eq!(one("A=\" a # b \" # c"), " a # b ");
        assert_eq!(one(r#"A="x\ny\"z\$\q""#), "x\ny\"z$\\q");
        assert_eq!(one(r"A='x\n'"), "x\\n");
        assert_eq!(
            values("A='{\n  \"a\": 1\n}'\nB=2"),
            [
                ("A".to_owned(), "{\n  \"a\": 1\n}".to_owned()),
                ("B".to_owned(), "2".to_owned())
            ]
        );
    }

    #[test]
    fn each_mistake_has_its_line_and_the_rest_is_read() {
        let (entries, mistakes) = parse("A=1\nnothing\n 1B=2\nC='x\nD=\"y\" z\nE=3");
        let lines: Vec<_> = mistakes
            .iter()
            .map(|(at, message)| (at.line, at.column, message.as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                (2, 1, "this line has no `=`"),
                (3, 2, "what stands before `=` is not the name of a variable"),
                (4, 1, "the quote ' is never closed"),
                (5, 1, "something follows the value's closing quote"),
            ]
        );
        assert_eq!(
            entries
                .iter()
                .map(|entry| entry.key.as_str())
                .collect::<Vec<_>>(),
            ["A", "E"]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_or_loop(text in "[A-Z=\"'#\\\\ \n\r\té]{0,40}") {
            let (entries, mistakes) = parse(&text);
            prop_assert!(entries.len() + mistakes.len() <= text.lines().count());
        }

        #[test]
        fn a_quoted_value_is_read_as_it_was(value in "[^'\u{0}]{0,30}") {
            prop_assert_eq!(one(&format!("A='{value}'")), value);
        }
    }
}
