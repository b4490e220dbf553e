//! Instances and steps, in this process, through the sandbox that `fonio` uses, one at a time.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use fonio_project::{Grants, Limits, Origin};
use fonio_sandbox::{
    Adaptor, CodeKey, CompiledJob, Egress, InstanceTime, Sandbox, SandboxOptions, Seals,
    StepFailure, StepOutcome, StepRequest,
};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::inputs::{self, Job};
use crate::process::Server;
use crate::report::{self, Spread, rounded};
use crate::sealing;

const INSTANCES: usize = 2000;
const STEPS: usize = 500;
/// Not counted: the first instances touch memory that later ones find mapped.
const WARM_UP: usize = 100;

#[derive(Serialize)]
struct Measured {
    instantiate_http_us: Spread,
    instantiate_http_drop_us: Spread,
    instantiate_runtime_us: Spread,
    instantiate_runtime_drop_us: Spread,
    step_trivial_us: Spread,
    step_map100_us: Spread,
    step_post_us: Spread,
    seal_request_us: Spread,
    /// CPU time of this whole process per step, on average.
    step_cpu_us: StepCpu,
    step_guest_memory_mib: f64,
    map100_input_bytes: usize,
    map100_output_bytes: usize,
}

#[derive(Serialize)]
struct StepCpu {
    trivial: f64,
    map100: f64,
    post: f64,
}

/// Measures all of them. `program` compiles the guests, as it does for itself.
pub fn measure(program: &Path, work: &Path) -> anyhow::Result<report::Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let far_side = Server::own(&["hello"])?;
    runtime.block_on(async {
        let sandbox = Sandbox::start(options(program, work)?).await?;
        let http = Arc::new(load_http(&sandbox).await?);
        eprintln!("instances of the http adaptor and of the runtime");
        let adaptor = instances(async || sandbox.time_adaptor_instance(&http).await).await?;
        let expression = instances(async || sandbox.time_runtime_instance().await).await?;
        eprintln!("steps: trivial, mapping 100 records, one POST");
        let of = async |job| {
            Steps::new(&sandbox, job, &http, far_side.address)
                .await?
                .time(&sandbox)
                .await
        };
        let (trivial, map100, post) = (
            of(inputs::TRIVIAL).await?,
            of(inputs::MAP100).await?,
            of(inputs::POST).await?,
        );
        report::figures(Measured {
            instantiate_http_us: adaptor.make()?,
            instantiate_http_drop_us: adaptor.dropped()?,
            instantiate_runtime_us: expression.make()?,
            instantiate_runtime_drop_us: expression.dropped()?,
            step_trivial_us: Spread::of(&trivial.wall_us)?,
            step_map100_us: Spread::of(&map100.wall_us)?,
            step_post_us: Spread::of(&post.wall_us)?,
            seal_request_us: sealing::measure()?,
            step_cpu_us: StepCpu {
                trivial: trivial.cpu_us,
                map100: map100.cpu_us,
                post: post.cpu_us,
            },
            step_guest_memory_mib: rounded(map100.memory_bytes as f64 / f64::from(1 << 20)),
            map100_input_bytes: map100.input_bytes,
            map100_output_bytes: map100.output_bytes,
        })
    })
}

/// A sandbox as `fonio serve` has it.
pub fn options(program: &Path, work: &Path) -> anyhow::Result<SandboxOptions> {
    Ok(SandboxOptions {
        code_cache: work.join("code"),
        code_key: CodeKey::open(&work.join("code.key"))?,
        compiler: program.to_owned(),
        steps: 8,
    })
}

/// The native adaptor.
pub async fn load_http(sandbox: &Sandbox) -> anyhow::Result<Adaptor> {
    let mut carried = Sandbox::built_in_adaptors().iter();
    let (_, wasm) = carried
        .find(|(name, _)| *name == "http")
        .context("the program carries no http adaptor")?;
    Ok(sandbox.load_adaptor(wasm).await?)
}

struct Instances(Vec<InstanceTime>);

impl Instances {
    fn make(&self) -> anyhow::Result<Spread> {
        Spread::of(
            &self
                .0
                .iter()
                .map(|time| micros(time.make))
                .collect::<Vec<_>>(),
        )
    }

    fn dropped(&self) -> anyhow::Result<Spread> {
        Spread::of(
            &self
                .0
                .iter()
                .map(|time| micros(time.drop))
                .collect::<Vec<_>>(),
        )
    }
}

async fn instances(
    make: impl AsyncFn() -> Result<InstanceTime, StepFailure>,
) -> anyhow::Result<Instances> {
    let mut times = Vec::with_capacity(INSTANCES);
    for n in 0..WARM_UP + INSTANCES {
        let time = make()
            .await
            .map_err(|failure| anyhow!("no instance: {}", failure.message))?;
        if n >= WARM_UP {
            times.push(time);
        }
    }
    Ok(Instances(times))
}

/// A job, ready to run again and again.
pub struct Steps {
    proof: &'static str,
    code: Arc<CompiledJob>,
    state: String,
    egress: Egress,
}

/// What its steps took.
pub struct StepTimes {
    pub wall_us: Vec<f64>,
    cpu_us: f64,
    memory_bytes: u64,
    input_bytes: usize,
    output_bytes: usize,
}

impl Steps {
    pub async fn new(
        sandbox: &Sandbox,
        job: Job,
        http: &Arc<Adaptor>,
        far_side: SocketAddr,
    ) -> anyhow::Result<Steps> {
        let adaptor = job.adaptor.map(|_| Arc::clone(http));
        let code = sandbox.load_job(job.name, job.source, adaptor).await;
        let code = code
            .map_err(|problems| anyhow!("the job {} does not compile: {problems:?}", job.name))?;
        let egress = Egress::new(Grants::new([
            format!("http://{far_side}").parse::<Origin>()?
        ]));
        Ok(Steps {
            proof: job.proof,
            code: Arc::new(code),
            state: job.state(far_side).to_string(),
            egress,
        })
    }

    pub async fn time(&self, sandbox: &Sandbox) -> anyhow::Result<StepTimes> {
        let mut outcome = self.step(sandbox).await?;
        for _ in 0..WARM_UP {
            outcome = self.step(sandbox).await?;
        }
        let mut wall_us = Vec::with_capacity(STEPS);
        let cpu_before = process_cpu();
        for _ in 0..STEPS {
            let started = Instant::now();
            outcome = self.step(sandbox).await?;
            wall_us.push(micros(started.elapsed()));
        }
        let cpu = process_cpu().saturating_sub(cpu_before);
        Ok(StepTimes {
            wall_us,
            cpu_us: rounded(micros(cpu) / STEPS as f64),
            memory_bytes: outcome.usage.memory_bytes,
            input_bytes: self.state.len(),
            output_bytes: outcome.result.map_or(0, |state| state.len()),
        })
    }

    async fn step(&self, sandbox: &Sandbox) -> anyhow::Result<StepOutcome> {
        self.run(sandbox, self.state.clone(), Seals::default())
            .await
    }

    /// One step with a state and a credential of the caller's.
    pub async fn run(
        &self,
        sandbox: &Sandbox,
        state: String,
        seals: Seals,
    ) -> anyhow::Result<StepOutcome> {
        let request = StepRequest {
            variables: Vec::new(),
            job: Arc::clone(&self.code),
            state,
            egress: self.egress.clone(),
            seals,
            collections: None,
            events: None,
            limits: Limits::default(),
            requests: Default::default(),
            listener: None,
        };
        let outcome = sandbox.run(request).await;
        match &outcome.result {
            Ok(state) => ensure!(
                state.contains(self.proof),
                "a step ended with {state}, which lacks {}",
                self.proof
            ),
            Err(failure) => bail!("a step failed: {}: {}", failure.name, failure.message),
        }
        Ok(outcome)
    }
}

pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// CPU time of all threads of this process so far.
fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
