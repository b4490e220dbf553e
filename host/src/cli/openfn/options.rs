//! The options, as OpenFn names them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::ignored::Ignored;
use super::log::{Levels, Log};
use super::sanitize::Policy;
use super::{NAME, elsewhere};

/// Runs OpenFn's jobs and workflows in a WebAssembly sandbox: Fonio, with OpenFn's command line.
///
/// `openfn PATH` runs a job (.js), a workflow or a project (.json, .yaml), a folder with a job.js in it, or a workflow of
/// the workspace here by its name. The final state is written to output.json beside it.
///
/// Jobs reach nothing on the network but their credential's own system, what --allow names, and what a fonio.toml beside
/// the job or in this directory grants.
#[derive(Debug, Parser)]
#[command(name = NAME, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct OpenFn {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Execute(Box<Execute>),
    Compile(Compile),
    Docs(Docs),
    /// Runs a job of its own, to see that all is well.
    Test(Common),
    /// Says what this is.
    Version,
    /// What only OpenFn has.
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Runs a job or a workflow; the command that is meant where none is named.
///
/// Exits 0 when the run ended, also with errors in its state, and 1 when it could not begin or was stopped.
#[derive(Debug, Args)]
pub(super) struct Execute {
    /// A job (.js), a workflow or project (.json, .yaml), a folder with a job.js, or the name of a workflow here.
    pub path: String,
    /// Which workflow, if PATH holds several.
    pub workflow: Option<String>,
    #[command(flatten)]
    pub adaptors: Adaptors,
    /// The state to start with, from a JSON file.
    #[arg(short, long, value_name = "FILE")]
    pub state_path: Option<PathBuf>,
    /// The state to start with, as JSON.
    #[arg(short = 'S', long, value_name = "JSON", conflicts_with = "state_path")]
    pub state_stdin: Option<String>,
    /// Where to write the final state [default: output.json beside the job or workflow].
    #[arg(short, long, value_name = "FILE")]
    pub output_path: Option<PathBuf>,
    /// Print the final state instead.
    #[arg(short = 'O', long)]
    pub output_stdout: bool,
    /// Run this step alone. An id, or a part of an id or name that fits one step.
    #[arg(long, value_name = "STEP", conflicts_with_all = ["start", "end"])]
    pub only: Option<String>,
    /// The step to start with.
    #[arg(long, value_name = "STEP")]
    pub start: Option<String>,
    /// The step to end with.
    #[arg(long, value_name = "STEP")]
    pub end: Option<String>,
    /// The credentials that steps name: a JSON or YAML file, a map from name to credential.
    #[arg(long, visible_alias = "creds", value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// How long the run may take, in milliseconds [default: what the workflow says, else 300000].
    #[arg(short, long, value_name = "MS")]
    pub timeout: Option<u64>,
    /// Keep the output of every step below .cli-cache; --start takes its input from there.
    #[arg(long, env = "OPENFN_ALWAYS_CACHE_STEPS", value_parser = clap::builder::FalseyValueParser::new())]
    pub cache_steps: bool,
    /// The workspace whose workflows can be named [default: the current directory].
    #[arg(
        short,
        long,
        value_name = "DIR",
        default_value = ".",
        env = "OPENFN_WORKSPACE"
    )]
    pub workspace: PathBuf,
    /// One more origin that the jobs may reach, for example https://dhis2.example.org.
    #[arg(long, value_name = "ORIGIN")]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub common: Common,
}

/// What a job can call beside the common operations.
#[derive(Debug, Args)]
pub(super) struct Adaptors {
    /// The adaptor of a job: a name (`http`, `http@7.2.0`), a `.wasm` file, or `NAME=FILE.wasm`.
    #[arg(
        short = 'a',
        long = "adaptors",
        visible_alias = "adaptor",
        value_name = "ADAPTOR"
    )]
    pub named: Vec<String>,
}

/// Compiles a job and prints what runs in its place.
#[derive(Debug, Args)]
pub(super) struct Compile {
    /// A job (.js), or a folder with a job.js.
    pub path: PathBuf,
    #[command(flatten)]
    pub adaptors: Adaptors,
    /// Where to write it [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub output_path: Option<PathBuf>,
    /// Print it, which is what happens anyway.
    #[arg(short = 'O', long, conflicts_with = "output_path")]
    pub output_stdout: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Tells what an adaptor can do.
#[derive(Debug, Args)]
pub(super) struct Docs {
    /// An adaptor's name, or a `.wasm` file.
    pub adaptor: String,
    /// One of its operations.
    pub operation: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// How much to tell: none, default, info or debug; or of one part (cli, compiler, runtime, job): job=none.
    #[arg(short, long, value_name = "LEVEL", value_delimiter = ',')]
    log: Vec<Levels>,
    /// Tell it as JSON, one object a line.
    #[arg(long, env = "OPENFN_LOG_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    log_json: bool,
    /// What becomes of objects and arrays that jobs log: none shows them, remove leaves them out, summarize gives their
    /// keys or their length, obfuscate what they are.
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Policy::None)]
    pub sanitize: Policy,
    #[command(flatten)]
    pub ignored: Ignored,
}

impl Common {
    pub fn log(&self) -> Log {
        Log::new(&self.log, self.log_json)
    }
}

/// The commands by their names, with what OpenFn calls otherwise.
const COMMANDS: &[&str] = &["execute", "compile", "docs", "test", "version"];
const VERSION: &[&str] = &["-v", "-V", "--version"];
const HELP: &[&str] = &["-h", "--help", "help"];

/// The arguments with the command that is meant where none is named, and `help` as an option.
pub(super) fn normal(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let word = |at: usize, arguments: &[OsString]| {
        let found = arguments.get(at).and_then(|argument| argument.to_str());
        found.unwrap_or_default().to_owned()
    };
    let first = word(1, &arguments);
    let is = |words: &[&str]| words.contains(&first.as_str());
    if arguments.len() < 2 || is(HELP) {
        return vec![NAME.into(), "--help".into()];
    }
    if is(VERSION) {
        return vec![NAME.into(), "version".into()];
    }
    if is(COMMANDS) {
        if word(2, &arguments) == "help" {
            arguments[2] = "--help".into();
        }
        return arguments;
    }
    if !elsewhere::knows(&first) {
        arguments.insert(1, "execute".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn normalised(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let words = normal(words).into_iter();
        let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
        words.join(" ")
    }

    #[test]
    fn the_command_that_is_not_named_is_execute() {
        for (typed, meant) in [
            ("openfn job.js -a http", "openfn execute job.js -a http"),
            ("openfn -ia http job.js", "openfn execute -ia http job.js"),
            ("openfn compile job.js", "openfn compile job.js"),
            ("openfn compile help", "openfn compile --help"),
            ("openfn -v", "openfn version"),
            ("openfn pull", "openfn pull"),
            ("openfn", "openfn --help"),
        ] {
            assert_eq!(normalised(typed), meant);
        }
    }

    #[test]
    fn the_options_do_not_contradict_each_other() {
        OpenFn::command().debug_assert();
    }

    #[test]
    fn options_run_together_as_people_write_them() {
        let line = r#"openfn execute wf.json -iS {"data":{}} -l info,job=none --start b"#;
        let parsed = OpenFn::try_parse_from(line.split(' ')).expect("OpenFn takes it");
        let Command::Execute(execute) = parsed.command else {
            panic!("another command: {parsed:?}");
        };
        assert_eq!(execute.state_stdin.as_deref(), Some(r#"{"data":{}}"#));
        assert_eq!(execute.start.as_deref(), Some("b"));
        assert_eq!(execute.common.ignored.given(), ["--autoinstall"]);
    }
}
