//! Lines as OpenFn's command line writes them: a part, a sign, a text; or as JSON. Warnings and errors go to standard
//! error, everything else to standard output.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use fonio_sandbox::{Level, Listener, LogLine};
use serde_json::{Value, json};

use crate::cli::output;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Component {
    Cli,
    Compiler,
    Runtime,
    Job,
}

impl Component {
    const ALL: [Component; 4] = [
        Component::Cli,
        Component::Compiler,
        Component::Runtime,
        Component::Job,
    ];

    fn name(self) -> &'static str {
        match self {
            Component::Cli => "CLI",
            Component::Compiler => "CMP",
            Component::Runtime => "R/T",
            Component::Job => "JOB",
        }
    }
}

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Debug,
    Info,
    Success,
    Always,
    Warn,
    Error,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Debug => "debug",
            Kind::Info => "info",
            Kind::Success => "success",
            Kind::Always => "always",
            Kind::Warn => "warn",
            Kind::Error => "error",
        }
    }

    fn sign(self) -> (char, Style) {
        match self {
            Kind::Debug => ('❯', Style::new().dimmed()),
            Kind::Info => ('ℹ', Style::new()),
            Kind::Success => ('✔', AnsiColor::Green.on_default()),
            Kind::Always => ('♦', Style::new()),
            Kind::Warn => ('⚠', AnsiColor::Yellow.on_default()),
            Kind::Error => ('✘', AnsiColor::Red.on_default()),
        }
    }

    /// The loudest threshold that lets it through.
    fn passes(self, threshold: Threshold) -> bool {
        match self {
            Kind::Error => true,
            Kind::Debug => threshold == Threshold::Debug,
            Kind::Info => threshold <= Threshold::Info,
            Kind::Success | Kind::Always | Kind::Warn => threshold <= Threshold::Default,
        }
    }
}

/// From which kind on lines are written. Errors always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Threshold {
    Debug,
    Info,
    Default,
    None,
}

/// One `-l`: of every part, or of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    of: Option<Component>,
    threshold: Threshold,
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Levels, String> {
        let text = text.trim().to_lowercase();
        let (of, level) = match text.split_once('=') {
            Some((part, level)) => (part, level),
            None => ("default", text.as_str()),
        };
        let of = match of {
            "default" => None,
            "cli" => Some(Component::Cli),
            "compiler" | "cmp" => Some(Component::Compiler),
            "runtime" | "rt" | "r/t" => Some(Component::Runtime),
            "job" => Some(Component::Job),
            other => {
                return Err(format!(
                    "there is no part `{other}`; there are cli, compiler, runtime and job"
                ));
            }
        };
        let threshold = match level {
            "none" => Threshold::None,
            "default" | "success" | "always" | "warn" | "error" => Threshold::Default,
            "info" => Threshold::Info,
            "debug" => Threshold::Debug,
            other => {
                return Err(format!(
                    "there is no level `{other}`; there are none, default, info and debug"
                ));
            }
        };
        Ok(Levels { of, threshold })
    }
}

/// Writes the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    json: bool,
    thresholds: [Threshold; 4],
}

impl Log {
    /// Jobs tell everything unless they are named themselves; all else what `levels` say, `default` where they do not.
    pub fn new(levels: &[Levels], json: bool) -> Log {
        let last = |of: Option<Component>| {
            let named = levels.iter().rev().find(|level| level.of == of);
            named.map(|level| level.threshold)
        };
        let thresholds = Component::ALL.map(|component| {
            let general = match component {
                Component::Job => Some(Threshold::Debug),
                _ => last(None),
            };
            last(Some(component))
                .or(general)
                .unwrap_or(Threshold::Default)
        });
        Log { json, thresholds }
    }

    pub fn debug(&self, by: Component, said: &str) {
        self.write(by, Kind::Debug, said, None);
    }

    pub fn info(&self, by: Component, said: &str) {
        self.write(by, Kind::Info, said, None);
    }

    pub fn success(&self, by: Component, said: &str) {
        self.write(by, Kind::Success, said, None);
    }

    pub fn always(&self, by: Component, said: &str) {
        self.write(by, Kind::Always, said, None);
    }

    pub fn warn(&self, by: Component, said: &str) {
        self.write(by, Kind::Warn, said, None);
    }

    pub fn error(&self, by: Component, said: &str) {
        self.write(by, Kind::Error, said, None);
    }

    /// What was asked for on standard output, whatever the levels: as it is, or as the message of a line of JSON.
    pub fn result(&self, state: &str) {
        if self.json {
            let state = serde_json::from_str(state).unwrap_or_else(|_| Value::from(state));
            let line = json_line(Component::Cli, Kind::Always, state, now());
            output::println!("{line}");
        } else {
            output::println!("{state}");
        }
    }

    fn write(&self, by: Component, kind: Kind, said: &str, at: Option<Duration>) {
        if !kind.passes(self.thresholds[by as usize]) {
            return;
        }
        let line = if self.json {
            json_line(by, kind, said.into(), at.unwrap_or_else(now))
        } else {
            const BLUE: Style = AnsiColor::Blue.on_default();
            let (sign, style) = kind.sign();
            // A job writes its lines as it likes; all else tells of names.
            let said = match by {
                Component::Job => said.to_owned(),
                _ => fonio_project::printable(said),
            };
            format!(
                "{BLUE}[{}]{BLUE:#} {style}{sign}{style:#} {said}",
                by.name()
            )
        };
        match kind {
            Kind::Warn | Kind::Error => anstream::eprintln!("{line}"),
            _ => output::println!("{line}"),
        }
    }
}

/// The lines of jobs, with the time when they wrote them.
impl Listener for Log {
    fn hear(&self, line: &LogLine) {
        let kind = match line.level {
            Level::Debug => Kind::Debug,
            Level::Info => Kind::Info,
            Level::Warn => Kind::Warn,
            Level::Error => Kind::Error,
        };
        let at = u64::try_from(line.at_ms).unwrap_or_default();
        self.write(
            Component::Job,
            kind,
            &line.message,
            Some(Duration::from_millis(at)),
        );
    }
}

/// `time` is nanoseconds since 1970, as text because JavaScript's numbers do not hold it.
fn json_line(by: Component, kind: Kind, message: Value, at: Duration) -> String {
    json!({
        "level": kind.name(),
        "name": by.name(),
        "message": [message],
        "time": at.as_nanos().to_string(),
    })
    .to_string()
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(levels: &[&str]) -> Log {
        let parse = |text: &&str| text.parse().expect("a level");
        let levels: Vec<Levels> = levels.iter().map(parse).collect();
        Log::new(&levels, false)
    }

    #[test]
    fn jobs_tell_everything_unless_they_are_named() {
        let of = |levels: &[&str]| log(levels).thresholds;
        use Threshold::{Debug, Default, Info, None};
        assert_eq!(of(&[]), [Default, Default, Default, Debug]);
        assert_eq!(of(&["none"]), [None, None, None, Debug]);
        assert_eq!(
            of(&["info", "job=none", "r/t=debug"]),
            [Info, Info, Debug, None]
        );
    }

    #[test]
    fn errors_are_told_even_when_nothing_is() {
        assert!(Kind::Error.passes(Threshold::None));
        assert!(!Kind::Warn.passes(Threshold::None));
        assert!(!Kind::Info.passes(Threshold::Default));
        assert!(Kind::Success.passes(Threshold::Default));
    }

    #[test]
    fn a_level_or_a_part_that_is_not_there_is_named_with_those_that_are() {
        assert!(
            "loud"
                .parse::<Levels>()
                .is_err_and(|said| said.contains("debug"))
        );
        assert!(
            "jub=info"
                .parse::<Levels>()
                .is_err_and(|said| said.contains("runtime"))
        );
    }
}
