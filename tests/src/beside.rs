//! A hostile job beside a good one: what becomes of the one, and that nothing becomes of the other, of the host and of
//! the secret.

use serde_json::{Value, json};

use crate::{Host, Program, Project, Run, Step, sinks, wait_for};

/// Small, so that attacks are over soon. Time on the wall is plenty: on a busy machine 300 ms on a processor take long.
pub const TIGHT: &str = "[limits]\nmemory = \"32MiB\"\ncpu_time = \"300ms\"\nwall_time = \"30s\"\nlog = \"64KiB\"\noutput = \"1MiB\"\n";

/// What the credential of every hostile job holds, as `hush`, unless a test gives it another. Its characters are written
/// in other ways in JSON, in addresses and in base64.
pub const SECRET: &str = "hush\"9f3c/7a+e1?c0";

/// By how much the resident memory of a host may grow while a run lasts: one sandbox at its limit, what the host keeps
/// for it, and the neighbours.
const GROWTH_WHILE_MAX_KIB: u64 = 256 << 10;
/// By how much it may have grown afterwards: what an allocator keeps for the next run.
const GROWTH_AFTER_MAX_KIB: u64 = 64 << 10;
const NEIGHBOURS: usize = 5;

/// A job that attacks, and what it attacks with. A second job has nothing to do with it.
#[derive(Debug)]
pub struct Attack {
    project: Project,
    program: Program,
    settings: String,
    expression: String,
    adaptor: &'static str,
    credential: Value,
}

impl Attack {
    /// By a test guest, whose operation `attack` is called with `data.argument` of the message.
    pub fn by_guest(name: &str) -> Attack {
        Attack::by_file(&crate::guest(name))
    }

    /// The same by any bytes in the place of an adaptor.
    pub fn by_file(wasm: &[u8]) -> Attack {
        let mut attack = Attack::by_job("bad", "attack(state => state.data.argument)");
        attack.project = attack.project.file("adaptors/bad.wasm", wasm);
        attack
    }

    /// By an expression, with an adaptor of the host's own.
    pub fn by_job(adaptor: &'static str, expression: &str) -> Attack {
        Attack {
            project: Project::new(),
            program: Program::new(["serve", ".", "--listen", "127.0.0.1:0"]),
            settings: TIGHT.to_owned(),
            expression: expression.to_owned(),
            adaptor,
            credential: json!({ "hush": SECRET }),
        }
    }

    /// With another expression.
    #[must_use]
    pub fn calling(mut self, expression: &str) -> Attack {
        expression.clone_into(&mut self.expression);
        self
    }

    /// With a `fonio.toml` in place of one with [`TIGHT`].
    #[must_use]
    pub fn settings(mut self, toml: &str) -> Attack {
        toml.clone_into(&mut self.settings);
        self
    }

    /// With another credential, of which [`SECRET`] should be a part.
    #[must_use]
    pub fn credential(mut self, credential: &Value) -> Attack {
        self.credential = credential.clone();
        self
    }

    /// With a variable in the host's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Attack {
        self.program = self.program.env(name, value);
        self
    }

    /// Serves both jobs.
    #[track_caller]
    pub fn served(self) -> Host {
        let yaml = format!(
            "jobs:\n  bad: {{ adaptor: '@openfn/language-{}', trigger: bad, credential: theirs }}\n  \
             good: {{ adaptor: '@openfn/language-common', trigger: good, expression: 'fn(state => state)' }}\n\
             triggers:\n  bad: {{ criteria: '{{\"to\":\"bad\"}}' }}\n  good: {{ criteria: '{{\"to\":\"good\"}}' }}\n",
            self.adaptor
        );
        let project = self
            .project
            .file("project.yaml", yaml)
            .file("jobs/bad.js", self.expression)
            .file("credentials/theirs.json", self.credential.to_string())
            .file("fonio.toml", self.settings);
        let host = Host::started_by(project, &self.program);
        host.wait_until_ready();
        host
    }

    /// Has it attack once and gives what became of it; see [`Host::survives`].
    #[track_caller]
    pub fn survived(self) -> Step {
        self.survived_with(&Value::Null)
    }

    /// The same with an argument.
    #[track_caller]
    pub fn survived_with(self, argument: &Value) -> Step {
        self.served().survives(argument)
    }
}

impl Host {
    /// Sends the hostile job of an [`Attack`] a message with this argument, and gives how its step ended.
    ///
    /// # Panics
    /// When a neighbour's run beside it or after it failed, when the host does not answer any more, when its memory grew
    /// by more than one sandbox explains or is not given back, or when the secret is in anything the host wrote.
    #[track_caller]
    pub fn survives(&self, argument: &Value) -> Step {
        // What the host needs for any run is there already.
        let last = self.newest_after_one_good();
        let before = self.resident();
        self.post(&json!({"to": "bad", "argument": argument}));
        for _ in 0..NEIGHBOURS {
            self.post(&json!({"to": "good"}));
        }
        let mut runs = self.runs_since(last);
        self.newest_after_one_good();
        let attack = runs.iter().position(|run| run.job == "bad");
        let attack = runs.remove(attack.expect("the hostile job ran"));
        self.check_survival(&runs, before);
        self.check_sinks();
        let mut steps = attack.steps;
        steps.pop().expect("its step is stored")
    }

    #[track_caller]
    fn check_survival(&self, neighbours: &[Run], before: Resident) {
        let well = neighbours.iter().filter(|run| run.status == "succeeded");
        assert_eq!(
            well.count(),
            NEIGHBOURS,
            "a neighbour failed: {neighbours:#?}"
        );
        assert_eq!(self.get("/health").status, 200, "the host is alive");
        let grown = self.resident().peak_kib.saturating_sub(before.peak_kib);
        assert!(
            grown < GROWTH_WHILE_MAX_KIB,
            "the host's memory grew by {grown} KiB"
        );
        wait_for("the host's memory to be given back", || {
            let now = self.resident().now_kib;
            (now < before.now_kib + GROWTH_AFTER_MAX_KIB).then_some(())
        });
    }

    /// Checks that [`SECRET`] is in nothing that the host wrote, in no form that its filter promises to know.
    #[track_caller]
    pub fn check_sinks(&self) {
        for (place, bytes) in self.sinks() {
            for form in sinks::forms(SECRET) {
                assert!(
                    !sinks::holds(&bytes, form.as_bytes()),
                    "the secret is in {place}, as {form}"
                );
            }
        }
    }

    /// Has a neighbour run, and gives the number of that run.
    #[track_caller]
    fn newest_after_one_good(&self) -> i64 {
        let run = self.run(&json!({"to": "good"}));
        assert_eq!(run.status, "succeeded", "a neighbour failed: {run:#?}");
        self.runs()
            .first()
            .and_then(|run| run["id"].as_i64())
            .expect("there is a run")
    }

    fn resident(&self) -> Resident {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the host is alive");
        let field = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name));
            rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
                .expect("Linux says it")
        };
        Resident {
            now_kib: field("VmRSS:"),
            peak_kib: field("VmHWM:"),
        }
    }
}

/// What a process has of the machine's memory, and the most that it had.
struct Resident {
    now_kib: u64,
    peak_kib: u64,
}
