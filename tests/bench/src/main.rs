//! `cargo xtask bench`: what the built program does in a second, and what it takes for it.
//!
//! Progress goes to standard error, one JSON document to standard output, whose keys are promises. Everything is
//! measured in one run on one machine, so that ratios hold where figures do not. In the order they run:
//!
//! - `accept`: messages accepted per second beside hyper's hello and the durable floor (`servers`), under `load`
//! - `steps`: fresh instances and whole steps in this process, and what `sealing` adds to a request
//! - `memory`: resident memory idle and after work, and that work from end to end
//! - `live`: start-up and edit-to-live time
//! - `claims`: claiming and settling beside up to five million runs that have ended, which `fill` makes
//! - `queued`: resident memory while a million messages wait behind steps that a `silent` system holds up
//! - `recovery`: a host that was killed with 100,000 steps in flight
//! - `hosts`: accepting on PostgreSQL, and work from end to end by several hosts on one database
//! - `packages`: compiling a job, importing a package from npm, and a step on it beside one on the native adaptor
//! - `hostile`: sealing, a neighbour's latency under attack, memory after steps that were stopped
//! - `peers`: the same jobs on OpenFn's own engine and runtime, when asked for
//!
//! `process` starts what is measured, `tree` adds up a peer's processes, `inputs` is what is sent and run, `report` makes many measurements one.

mod accept;
mod claims;
mod fill;
mod hostile;
mod hosts;
mod inputs;
mod live;
mod load;
mod memory;
mod packages;
mod peers;
mod process;
mod queued;
mod recovery;
mod report;
mod sealing;
mod servers;
mod silent;
mod steps;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use report::{Figures, Report};

/// Measures the built program and prints one JSON document.
#[derive(Parser)]
#[command(name = "fonio-bench", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures.
    Run(Run),
    /// Serves `hello`.
    #[command(hide = true)]
    Hello,
    /// Serves the durable floor from a new file in FOLDER, with so many bodies in a commit at most.
    #[command(hide = true)]
    Floor { folder: PathBuf, most: usize },
    /// Claims so many steps of the store in FOLDER, or at URL, and keeps them.
    #[command(hide = true)]
    InFlight {
        folder: PathBuf,
        steps: usize,
        url: Option<String>,
    },
}

#[derive(clap::Args)]
struct Run {
    /// The program to measure.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// Where projects, stores and peers are put; on the disk whose speed matters.
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
    /// Only these parts; their figures alone are printed.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// Also runs the jobs on OpenFn's engine and runtime, which needs node, npm and its registry.
    #[arg(long)]
    peers: bool,
    /// Does less of what takes minutes (hostile steps, millions of runs): to see that it works.
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Accept,
    Steps,
    Memory,
    Live,
    Claims,
    Queued,
    Recovery,
    Hosts,
    Packages,
    Hostile,
    Peers,
}

impl Part {
    fn measure(
        self,
        program: &Path,
        work: &Path,
        kept: &Path,
        quick: bool,
    ) -> anyhow::Result<Figures> {
        let amount = match quick {
            true => hostile::Amount::QUICK,
            false => hostile::Amount::FULL,
        };
        match self {
            Part::Accept => accept::measure(program, work),
            Part::Steps => steps::measure(program, work),
            Part::Memory => memory::measure(program, work),
            Part::Live => live::measure(program, work),
            Part::Claims => claims::measure(work, quick),
            Part::Queued => queued::measure(program, work, quick),
            Part::Recovery => recovery::measure(program, work, quick),
            Part::Hosts => hosts::measure(program, work, quick),
            Part::Packages => packages::measure(program, work),
            Part::Hostile => hostile::measure(program, work, amount),
            Part::Peers => peers::measure(kept),
        }
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(run) => run.execute(),
        Command::Hello => servers::hello(),
        Command::Floor { folder, most } => servers::floor(&folder, most),
        Command::InFlight { folder, steps, url } => {
            recovery::in_flight(&folder, steps, url.as_deref())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Run {
    /// Prints what could be measured even when a part fails, and then says so: a run takes minutes.
    fn execute(&self) -> anyhow::Result<()> {
        let program = self
            .program
            .canonicalize()
            .with_context(|| format!("no program at {}", self.program.display()))?;
        std::fs::create_dir_all(&self.work)?;
        let work = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&self.work)?;
        let mut report = Report::default();
        report.add(report::machine())?;
        for part in Part::value_variants()
            .iter()
            .filter(|part| self.wants(**part))
        {
            match part.measure(&program, work.path(), &self.work, self.quick) {
                Ok(figures) => report.add(figures)?,
                Err(error) => report.add_failure(&format!("{part:?}").to_lowercase(), &error),
            }
        }
        report.print()
    }

    fn wants(&self, part: Part) -> bool {
        match part {
            Part::Peers if self.peers => true,
            Part::Peers => self.only.contains(&part),
            _ => self.only.is_empty() || self.only.contains(&part),
        }
    }
}
