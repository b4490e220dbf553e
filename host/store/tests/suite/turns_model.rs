//! What a store should do, in a few screens: which runs begin, which of their steps are claimed, and how they end. It holds
//! what it is told against the store's answers.

use std::collections::{BTreeMap, VecDeque};

use super::common::newest_runs;
use fonio_store::{
    ClaimedStep, Priority, RUNS_MAX, RunId, RunRule, RunRules, RunStatus, StepId, StepInput, Store,
};

/// What holds for the runs of a workflow, as the model sees it.
pub struct Flow {
    pub name: &'static str,
    pub most: Option<usize>,
    pub ordered: bool,
    pub priority: Priority,
}

pub const FLOWS: [Flow; 4] = [
    Flow {
        name: "free",
        most: None,
        ordered: false,
        priority: Priority::Normal,
    },
    Flow {
        name: "ordered",
        most: None,
        ordered: true,
        priority: Priority::High,
    },
    Flow {
        name: "narrow",
        most: Some(2),
        ordered: false,
        priority: Priority::Low,
    },
    Flow {
        name: "both",
        most: Some(2),
        ordered: true,
        priority: Priority::Normal,
    },
];

pub fn rules() -> RunRules {
    let rule = |flow: &Flow| RunRule {
        concurrency: flow.most.map(|most| most as u32),
        ordered: flow.ordered,
        priority: flow.priority,
        ..RunRule::default()
    };
    FLOWS
        .iter()
        .map(|flow| (flow.name.to_owned(), rule(flow)))
        .collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// Not before this time.
    Late(i64),
    /// Held; the lower the number, the longer.
    Held(u64),
    Waiting,
    Claimed,
    /// To be tried again at this time.
    PutOff(i64),
    Ended(RunStatus),
}

impl Stage {
    pub fn is_begun(self) -> bool {
        matches!(self, Stage::Waiting | Stage::Claimed | Stage::PutOff(_))
    }

    pub fn has_ended(self) -> bool {
        matches!(self, Stage::Ended(_))
    }
}

pub struct Run {
    pub flow: usize,
    pub key: Option<String>,
    pub stage: Stage,
    /// Its step that is open, and what that starts from.
    pub step: StepId,
    pub input: Vec<u8>,
    /// What the steps behind that start from.
    pub behind: VecDeque<Vec<u8>>,
    pub leaf_failed: bool,
    pub body: Vec<u8>,
}

/// What should be true of the store.
#[derive(Default)]
pub struct Model {
    pub runs: BTreeMap<RunId, Run>,
    /// How many have ever been held.
    places: u64,
    /// How many steps were claimed since the store was opened.
    claims: usize,
}

impl Model {
    /// A new run, or one whose time has come, lines up.
    pub fn line_up(&mut self, id: RunId) {
        self.places += 1;
        let place = self.places;
        self.run(id).stage = Stage::Held(place);
        self.admit();
    }

    /// Those that are held begin, the longest first, as far as they may.
    pub fn admit(&mut self) {
        let mut held: Vec<(u64, RunId)> = self
            .runs
            .iter()
            .filter_map(|(id, run)| match run.stage {
                Stage::Held(place) => Some((place, *id)),
                _ => None,
            })
            .collect();
        held.sort_unstable();
        for (place, id) in held {
            if self.may_begin(place, &self.runs[&id]) {
                self.run(id).stage = Stage::Waiting;
            }
        }
    }

    fn may_begin(&self, place: u64, run: &Run) -> bool {
        let before = |other: &Run| match other.stage {
            Stage::Held(other) => other < place,
            stage => stage.is_begun(),
        };
        let same_key = |other: &&Run| run.key.is_some() && other.key == run.key;
        let of_flow = || self.runs.values().filter(|other| other.flow == run.flow);
        let open = of_flow().filter(|other| other.stage.is_begun()).count();
        !of_flow().filter(same_key).any(before)
            && FLOWS[run.flow].most.is_none_or(|most| open < most)
    }

    pub fn run(&mut self, id: RunId) -> &mut Run {
        self.runs.get_mut(&id).expect("a known run")
    }

    /// The runs whose step is at this stage.
    pub fn at(&self, stage: Stage) -> Vec<RunId> {
        let there = self.runs.iter().filter(|(_, run)| run.stage == stage);
        there.map(|(id, _)| *id).collect()
    }

    pub fn claim(&mut self, steps: &[ClaimedStep], max: usize) {
        let mut waiting = self.at(Stage::Waiting);
        let mut expected = Vec::new();
        let by_age = (self.claims + max) / 10;
        while expected.len() < max && !waiting.is_empty() {
            let rank = |id: &RunId| {
                let run = &self.runs[id];
                let by_rank = expected.len() < max - by_age;
                (by_rank.then_some(FLOWS[run.flow].priority), run.step)
            };
            let next = *waiting
                .iter()
                .min_by_key(|id| rank(id))
                .expect("one that waits");
            waiting.retain(|id| *id != next);
            expected.push(next);
        }
        self.claims = (self.claims + steps.len()) % 10;
        let mut claimed: Vec<(StepId, RunId)> =
            steps.iter().map(|step| (step.step, step.run)).collect();
        let mut expected: Vec<(StepId, RunId)> = expected
            .iter()
            .map(|id| (self.runs[id].step, *id))
            .collect();
        claimed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(claimed, expected, "by priority, and within one by age");
        for step in steps {
            let input = match &step.input {
                StepInput::Message { body, .. } | StepInput::Dataclip(body) => body,
                StepInput::Nothing | StepInput::Lost(_) | StepInput::Event { .. } => {
                    panic!("every step here starts from something")
                }
            };
            let run = self.run(step.run);
            assert_eq!(*input, run.input);
            run.stage = Stage::Claimed;
        }
        self.check_lanes();
    }

    fn check_lanes(&self) {
        let mut keys = BTreeMap::new();
        let mut flows = [0; FLOWS.len()];
        for run in self.runs.values().filter(|run| run.stage == Stage::Claimed) {
            flows[run.flow] += 1;
            if let Some(key) = &run.key {
                *keys.entry((run.flow, key)).or_insert(0) += 1;
            }
        }
        assert!(
            keys.values().all(|open| *open == 1),
            "one run of a key at a time"
        );
        for (flow, open) in FLOWS.iter().zip(flows) {
            assert!(
                flow.most.is_none_or(|most| open <= most),
                "{open} of {}",
                flow.name
            );
        }
    }

    pub fn settle(
        &mut self,
        id: RunId,
        following: usize,
        queued: Option<StepId>,
        state: &str,
        failed: bool,
    ) {
        let run = self.run(id);
        run.leaf_failed |= failed && following == 0;
        run.behind.extend((0..following).map(|_| Vec::from(state)));
        let next = run.behind.pop_front();
        assert_eq!(
            queued.is_some(),
            next.is_some(),
            "the run goes on while steps are open"
        );
        match queued.zip(next) {
            Some((step, input)) => (run.step, run.input, run.stage) = (step, input, Stage::Waiting),
            None if run.leaf_failed => run.stage = Stage::Ended(RunStatus::Failed),
            None => run.stage = Stage::Ended(RunStatus::Succeeded),
        }
        self.admit();
    }

    pub fn wake(&mut self, now_ms: i64) -> u64 {
        let mut due: Vec<(i64, StepId, RunId)> = self
            .runs
            .iter()
            .filter_map(|(id, run)| match run.stage {
                Stage::Late(at) | Stage::PutOff(at) if at <= now_ms => Some((at, run.step, *id)),
                _ => None,
            })
            .collect();
        due.sort_unstable();
        for (_, _, id) in &due {
            match self.run(*id).stage {
                Stage::Late(_) => self.line_up(*id),
                _ => self.run(*id).stage = Stage::Waiting,
            }
        }
        due.len() as u64
    }

    pub fn crash(&mut self) {
        for id in self.at(Stage::Claimed) {
            self.run(id).stage = Stage::Waiting;
        }
        self.claims = 0;
    }

    pub async fn check(&self, store: &Store) {
        let counts = store.counts().await.expect("counts");
        let many = |is: &dyn Fn(Stage) -> bool| {
            self.runs.values().filter(|run| is(run.stage)).count() as u64
        };
        let held = many(&|stage| matches!(stage, Stage::Held(_)));
        assert_eq!(counts.steps_held, held);
        assert_eq!(
            counts.steps_queued,
            held + many(&|stage| stage == Stage::Waiting)
        );
        assert_eq!(counts.steps_running, many(&|stage| stage == Stage::Claimed));
        assert_eq!(
            counts.steps_waiting,
            many(&|stage| matches!(stage, Stage::Late(_) | Stage::PutOff(_)))
        );
        let found = newest_runs(store, RUNS_MAX, None).await;
        assert_eq!(found.len(), self.runs.len(), "no run is lost");
        for (found, (id, run)) in found.iter().rev().zip(&self.runs) {
            assert_eq!(found.id, *id);
            assert_eq!(
                found.held.is_some(),
                matches!(run.stage, Stage::Held(_)),
                "run {id}"
            );
            match (found.status, run.stage) {
                (status, Stage::Ended(expected)) => assert_eq!(status, expected, "run {id}"),
                (RunStatus::Queued | RunStatus::Running, _) => {}
                other => panic!("run {id}: {other:?}"),
            }
        }
    }
}
