//! A run begins: at once, when its turn has come among others (`lanes`), or at a later time (`later`).

use crate::change::Writing;
use crate::ids::{MessageId, RunId};
use crate::journal::Happened;
use crate::lanes::Lanes;
use crate::model::{NewRun, RunStatus};
use crate::numbers::insert;
use crate::queued::QueuedInput;
use crate::sql::{SqlError, values};
use crate::turn::RunRule;

/// When a run begins, and how.
struct Beginning {
    rule: RunRule,
    /// Before which its first step does not go into the queue.
    due_ms: Option<i64>,
    deadline_ms: Option<i64>,
    lanes: Lanes,
}

impl Beginning {
    fn of(writing: &Writing<'_>, new: &NewRun, created_ms: i64) -> Beginning {
        let rule = writing
            .rules
            .and_then(|rules| rules.get(&new.workflow))
            .cloned();
        let rule = rule.unwrap_or_default();
        let asked = new.turn.not_before_ms;
        let due_ms = asked.unwrap_or_else(|| created_ms.saturating_add(rule.delay_ms));
        let begins_ms = due_ms.max(created_ms);
        Beginning {
            due_ms: (due_ms > created_ms).then_some(due_ms),
            deadline_ms: rule
                .deadline_ms
                .map(|deadline| begins_ms.saturating_add(deadline)),
            lanes: Lanes::of(&new.workflow, &rule, new.turn.ordering_key.as_deref()),
            rule,
        }
    }
}

impl Writing<'_> {
    /// Opens a run with its first steps: one on its way to the queue, the others behind it.
    pub(crate) fn begin_run(
        &mut self,
        new: &NewRun,
        message: Option<MessageId>,
        created_ms: i64,
    ) -> Result<RunId, SqlError> {
        let Some((first, others)) = new.first.split_first() else {
            return self.begin_run_without_steps(new, message, created_ms);
        };
        let beginning = Beginning::of(self, new, created_ms);
        let Beginning { rule, lanes, .. } = &beginning;
        let lined = beginning.due_ms.is_none() && !lanes.is_empty();
        let run = RunId(self.insert(
            insert!(
                runs,
                "message, workflow, trigger, job, status, open_steps, leaf_failed, created_ms,
                 priority, due_ms, deadline_ms, lane, key_lane, lined",
                "$1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13"
            ),
            values![
                message,
                &new.workflow,
                &new.trigger,
                &first.job,
                RunStatus::Queued,
                new.first.len() as i64,
                created_ms,
                rule.priority,
                beginning.due_ms,
                beginning.deadline_ms,
                lanes.workflow_name(),
                lanes.key_name(),
                lined
            ],
        )?);
        self.tell_begun(run, new, message);
        if let Some(deadline_ms) = beginning.deadline_ms {
            self.set_deadline(run, deadline_ms, created_ms)?;
        }
        for dataclip in new.first.iter().filter_map(|first| first.input) {
            self.keep_for(run, dataclip)?;
        }
        let input = QueuedInput::of(message, first.input);
        match beginning.due_ms {
            Some(due_ms) => self.begin_later(run, &first.job, input, due_ms)?,
            None => self.begin_in_turn(run, &first.job, input, lanes)?,
        }
        for other in others {
            let input = QueuedInput::of(message, other.input);
            self.hold_back(run, &other.job, input)?;
        }
        Ok(run)
    }

    /// Its trigger led nowhere, so it has succeeded.
    fn begin_run_without_steps(
        &mut self,
        new: &NewRun,
        message: Option<MessageId>,
        created_ms: i64,
    ) -> Result<RunId, SqlError> {
        let run = RunId(self.insert(
            insert!(
                runs,
                "message, workflow, trigger, job, status, open_steps, leaf_failed, created_ms, finished_ms",
                "$1, $2, $3, '', $4, 0, 0, $5, $5"
            ),
            values![
                message,
                &new.workflow,
                &new.trigger,
                RunStatus::Succeeded,
                created_ms
            ],
        )?);
        self.tell_begun(run, new, message);
        self.effects.finished.push(run);
        self.effects.journal.tell(Happened::RunEnded {
            run,
            workflow: new.workflow.clone(),
            status: RunStatus::Succeeded,
        });
        Ok(run)
    }

    fn tell_begun(&mut self, run: RunId, new: &NewRun, message: Option<MessageId>) {
        self.effects.journal.tell(Happened::RunBegun {
            run,
            workflow: new.workflow.clone(),
            trigger: new.trigger.clone(),
            message,
        });
    }

    fn begin_in_turn(
        &mut self,
        run: RunId,
        job: &str,
        input: QueuedInput,
        lanes: &Lanes,
    ) -> Result<(), SqlError> {
        match self.line_up(lanes)? {
            None => self.enqueue(run, job, input).map(drop),
            Some(lane) => self.hold(run, job, input, lane),
        }
    }

    fn begin_later(
        &mut self,
        run: RunId,
        job: &str,
        input: QueuedInput,
        due_ms: i64,
    ) -> Result<(), SqlError> {
        let step = self.number_step()?;
        let (message, dataclip) = input.columns();
        self.db.execute(
            "INSERT INTO later (step, run, job, message, dataclip, attempts, due_ms) VALUES ($1, $2, $3, $4, $5, 0, $6)",
            values![step, run, job, message, dataclip, due_ms],
        )?;
        self.is_due_at(due_ms);
        Ok(())
    }
}
