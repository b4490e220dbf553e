//! Drives one target without guidance, or repeats one input. `cargo xtask fuzz` calls it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Parser;
use fonio_fuzz::campaign;

/// Drives a fuzz target through mutations of its seeds.
#[derive(Parser)]
#[command(name = "fonio-fuzz")]
struct Cli {
    /// One of the targets.
    target: String,
    /// Repeats these inputs instead.
    inputs: Vec<PathBuf>,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Which series of mutations; a new one each time, unless given.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(target) = fonio_fuzz::find(&cli.target) else {
        eprintln!("error: there is no fuzz target `{}`", cli.target);
        return ExitCode::from(2);
    };
    for path in &cli.inputs {
        match std::fs::read(path) {
            Ok(input) => campaign::once(target, &input, &path.display().to_string()),
            Err(error) => {
                eprintln!("error: {} cannot be read: {error}", path.display());
                return ExitCode::from(2);
            }
        }
    }
    if cli.inputs.is_empty() {
        let seed = cli.seed.unwrap_or_else(by_the_clock);
        let done = campaign::timed(target, seed, Duration::from_secs(cli.seconds));
        println!("{}: seed {seed}, {done} mutations", target.name);
    }
    ExitCode::SUCCESS
}

fn by_the_clock() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
