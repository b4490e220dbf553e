//! Options of OpenFn's that have nothing to do here. They are taken, so that a script goes on, and told in a line.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// One of them.
struct Unused {
    long: &'static str,
    short: Option<char>,
    takes: Takes,
    effect: Effect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Perhaps,
    Value,
}

/// Whether a run comes out otherwise without it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It is about how OpenFn works inside.
    None,
    /// It asks for something that is not there.
    Missed,
}

const fn flag(long: &'static str) -> Unused {
    with(long, Takes::Nothing, Effect::None)
}

const fn value(long: &'static str) -> Unused {
    with(long, Takes::Value, Effect::None)
}

const fn with(long: &'static str, takes: Takes, effect: Effect) -> Unused {
    let short = None;
    Unused {
        long,
        short,
        takes,
        effect,
    }
}

impl Unused {
    const fn short(self, short: char) -> Unused {
        let short = Some(short);
        Unused { short, ..self }
    }
}

const IGNORED: &[Unused] = &[
    flag("autoinstall").short('i'),
    flag("no-autoinstall"),
    flag("no-compile"),
    flag("no-expand-adaptors"),
    flag("skip-adaptor-validation"),
    flag("trace-linker"),
    flag("validate"),
    flag("no-log-json"),
    flag("no-cache-steps"),
    flag("no-confirm").short('y'),
    flag("no-strict"),
    flag("no-strict-output"),
    flag("use-adaptors-monorepo").short('m'),
    flag("beta"),
    flag("force").short('f'),
    flag("profile"),
    value("profile-poll-interval"),
    value("monorepo-path"),
    value("repo-dir"),
    value("base-dir"),
    with("ignore-imports", Takes::Perhaps, Effect::None),
    with("immutable", Takes::Nothing, Effect::Missed),
    with("strict", Takes::Nothing, Effect::Missed),
    with("globals", Takes::Value, Effect::Missed),
    with("collections-endpoint", Takes::Value, Effect::Missed),
    with("collections-version", Takes::Value, Effect::Missed),
    with("endpoint", Takes::Value, Effect::Missed),
    with("api-key", Takes::Value, Effect::Missed),
];

/// Those that were given.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    without_effect: Vec<String>,
    missed: Vec<String>,
}

impl Ignored {
    /// Those without which nothing changes.
    pub fn given(&self) -> &[String] {
        &self.without_effect
    }

    /// Those that asked for something.
    pub fn missed(&self) -> &[String] {
        &self.missed
    }
}

impl FromArgMatches for Ignored {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Ignored, clap::Error> {
        let given =
            |option: &&Unused| matches.value_source(option.long) == Some(ValueSource::CommandLine);
        let mut ignored = Ignored::default();
        for option in IGNORED.iter().filter(given) {
            let list = match option.effect {
                Effect::None => &mut ignored.without_effect,
                Effect::Missed => &mut ignored.missed,
            };
            list.push(format!("--{}", option.long));
        }
        Ok(ignored)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Ignored::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Ignored {
    fn augment_args(command: Command) -> Command {
        IGNORED.iter().fold(command, |command, option| {
            let arg = Arg::new(option.long).long(option.long).hide(true);
            let arg = match option.short {
                Some(short) => arg.short(short),
                None => arg,
            };
            command.arg(match option.takes {
                Takes::Nothing => arg.action(ArgAction::Count),
                Takes::Perhaps => arg.action(ArgAction::Append).num_args(0..=1),
                Takes::Value => arg.action(ArgAction::Append),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Ignored::augment_args(command)
    }
}
