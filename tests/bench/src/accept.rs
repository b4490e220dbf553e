//! How many messages a second are accepted: hello, the two durable floors and `/inbox`, in turn, so that whatever else the
//! machine does falls on all of them alike.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use crate::inputs;
use crate::load::{self, Outcome, Target};
use crate::process::Server;
use crate::report::{self, PerConnections, Spread, median, rounded};
use crate::servers::GROUP_MAX_BODIES;

const CONNECTIONS: [usize; 3] = [1, 16, 256];
/// Many short stretches: their median forgets one that fell together with something else on the machine.
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(300);
const STRETCH: Duration = Duration::from_secs(2);
/// What the matched messages leave behind is run before the next stretch begins.
const SETTLE_WITHIN: Duration = Duration::from_secs(300);

#[derive(Serialize)]
struct Measured {
    hyper_hello_per_s: PerConnections<f64>,
    single_commit_floor_per_s: PerConnections<f64>,
    durable_floor_per_s: PerConnections<f64>,
    inbox_accept_per_s: PerConnections<f64>,
    inbox_vs_durable_floor: PerConnections<f64>,
    /// Messages that start a run each, while those runs take their share of the processor. One stretch.
    inbox_accept_matched_per_s: PerConnections<f64>,
    /// The server's CPU time; it says more than the rates when the machine is not quiet.
    hyper_hello_cpu_us: PerConnections<f64>,
    durable_floor_cpu_us: PerConnections<f64>,
    inbox_accept_cpu_us: PerConnections<f64>,
    single_commit_floor_us: PerConnections<Spread>,
    durable_floor_us: PerConnections<Spread>,
    inbox_accept_us: PerConnections<Spread>,
}

/// One stretch of load at one number of connections.
struct Stretch {
    connections: usize,
    outcome: Outcome,
    /// Of the server, per message.
    cpu_us: f64,
}

/// A server, what it is sent, and how it did.
struct Contender<'s> {
    server: &'s Server,
    target: Target,
    stretches: Vec<Stretch>,
}

impl<'s> Contender<'s> {
    fn new(server: &'s Server, path: &str, body: &str, counted: u16) -> Contender<'s> {
        let target = Target::post(server.address, path, body, counted);
        Contender {
            server,
            target,
            stretches: Vec::new(),
        }
    }

    fn load(&mut self, connections: usize) -> anyhow::Result<()> {
        let before = self.server.cpu()?;
        let outcome = load::for_time(&self.target, connections, WARM_UP, STRETCH)?;
        ensure!(
            outcome.refused == 0,
            "{} of {} messages were refused",
            outcome.refused,
            outcome.answered
        );
        let cpu = self.server.cpu()?.saturating_sub(before);
        let cpu_us = cpu.as_secs_f64() * 1e6 / outcome.answered as f64;
        self.stretches.push(Stretch {
            connections,
            outcome,
            cpu_us,
        });
        Ok(())
    }

    fn at(&self, connections: usize) -> impl Iterator<Item = &Stretch> {
        self.stretches
            .iter()
            .filter(move |stretch| stretch.connections == connections)
    }

    fn median(&self, figure: impl Fn(&Stretch) -> f64) -> anyhow::Result<PerConnections<f64>> {
        each(|connections| {
            Ok(rounded(median(
                &self.at(connections).map(&figure).collect::<Vec<_>>(),
            )?))
        })
    }

    fn per_second(&self) -> anyhow::Result<PerConnections<f64>> {
        self.median(|stretch| stretch.outcome.per_second())
    }

    fn cpu_us(&self) -> anyhow::Result<PerConnections<f64>> {
        self.median(|stretch| stretch.cpu_us)
    }

    fn latency_us(&self) -> anyhow::Result<PerConnections<Spread>> {
        each(|connections| {
            let all = self
                .at(connections)
                .flat_map(|stretch| &stretch.outcome.latencies_us);
            Spread::of(&all.copied().collect::<Vec<_>>())
        })
    }
}

fn each<T>(figure: impl Fn(usize) -> anyhow::Result<T>) -> anyhow::Result<PerConnections<T>> {
    CONNECTIONS
        .into_iter()
        .map(|connections| Ok((connections, figure(connections)?)))
        .collect()
}

/// Measures all of them.
pub fn measure(program: &Path, work: &Path) -> anyhow::Result<report::Figures> {
    let project = work.join("accept");
    inputs::write_inbox_project(&project)?;
    let hello = Server::own(&["hello"])?;
    let floor = |most: usize| Server::own(&["floor", &work.to_string_lossy(), &most.to_string()]);
    let (single, floor) = (floor(1)?, floor(GROUP_MAX_BODIES)?);
    let fonio = Server::fonio(program, &project)?;
    let body = inputs::small_message("no-such-kind");
    let mut contenders = [
        Contender::new(&hello, "/", &body, 200),
        Contender::new(&single, "/", &body, 202),
        Contender::new(&floor, "/", &body, 202),
        Contender::new(&fonio, "/inbox", &body, 202),
    ];
    for round in 1..=ROUNDS {
        for connections in CONNECTIONS {
            eprintln!("accepting, round {round} of {ROUNDS}, {connections} connections");
            contenders
                .iter_mut()
                .try_for_each(|contender| contender.load(connections))?;
        }
    }
    let mut matched = Contender::new(&fonio, "/inbox", &inputs::small_message("noop"), 202);
    for (stretch, connections) in CONNECTIONS.into_iter().enumerate() {
        if stretch > 0 {
            fonio.wait_until_settled(SETTLE_WITHIN)?;
        }
        eprintln!("accepting what starts a run, {connections} connections");
        matched.load(connections)?;
    }
    report::figures(measured(&contenders, &matched)?)
}

fn measured(
    [hello, single, floor, inbox]: &[Contender<'_>; 4],
    matched: &Contender<'_>,
) -> anyhow::Result<Measured> {
    let (durable_floor_per_s, inbox_accept_per_s) = (floor.per_second()?, inbox.per_second()?);
    Ok(Measured {
        hyper_hello_per_s: hello.per_second()?,
        inbox_vs_durable_floor: inbox_accept_per_s
            .zip_with(&durable_floor_per_s, |inbox, floor| rounded(inbox / floor)),
        durable_floor_per_s,
        inbox_accept_per_s,
        inbox_accept_matched_per_s: matched.per_second()?,
        single_commit_floor_per_s: single.per_second()?,
        single_commit_floor_us: single.latency_us()?,
        hyper_hello_cpu_us: hello.cpu_us()?,
        durable_floor_cpu_us: floor.cpu_us()?,
        inbox_accept_cpu_us: inbox.cpu_us()?,
        durable_floor_us: floor.latency_us()?,
        inbox_accept_us: inbox.latency_us()?,
    })
}
