//! What a step publishes becomes durable with it: each event, and the runs that it starts, in the transaction that settles
//! the step. So a step that fails has published nothing, and one that is tried again publishes once.

use crate::bodies;
use crate::change::Writing;
use crate::ids::{MessageId, RunId, StepId};
use crate::journal::Happened;
use crate::model::NewRun;
use crate::numbers::insert;
use crate::sql::{SqlError, values};

/// An event, and what it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What its runs know it by.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its data as JSON: the input of the first steps.
    pub payload: Vec<u8>,
    /// What the first steps see of it besides, as JSON.
    pub about: Vec<u8>,
    /// The names of the events that led to the run that published it, and its own: none has a space in it.
    pub chain: Vec<String>,
    /// The runs that it starts. Of one that starts none nothing is kept but that it was published.
    pub runs: Vec<NewRun>,
}

impl NewEvent {
    /// About how many bytes it adds.
    pub(crate) fn weight(&self) -> usize {
        self.payload.len() + self.about.len()
    }
}

/// The step that publishes.
pub(crate) struct Publisher<'p> {
    pub(crate) run: RunId,
    pub(crate) workflow: &'p str,
    pub(crate) step: StepId,
    pub(crate) at_ms: i64,
}

impl Writing<'_> {
    /// A full queue or store refuses none of this: the message that led here was accepted.
    pub(crate) fn publish(
        &mut self,
        by: &Publisher<'_>,
        events: &[NewEvent],
    ) -> Result<(), SqlError> {
        for event in events {
            let message = match event.runs.is_empty() {
                true => None,
                false => Some(self.begin_runs_of(event, by)?),
            };
            self.effects.journal.tell(Happened::EventPublished {
                run: by.run,
                workflow: by.workflow.to_owned(),
                step: by.step,
                event: event.id.clone(),
                name: event.name.clone(),
                message,
                runs: event.runs.len(),
            });
        }
        Ok(())
    }

    /// Its data is stored as a message, so that its runs can be done again as those of any message.
    fn begin_runs_of(
        &mut self,
        event: &NewEvent,
        by: &Publisher<'_>,
    ) -> Result<MessageId, SqlError> {
        let source = format!("event {}", event.name);
        let message = MessageId(self.insert(
            insert!(
                messages,
                "received_ms, source, content_type, body, event, came_of",
                "$1, $2, 'application/json', $3, $4, (SELECT message FROM runs WHERE id = $5)"
            ),
            values![by.at_ms, &source, &event.payload, &event.about, by.run],
        )?);
        bodies::name(self.db, &event.payload)?;
        let chain = event.chain.join(" ");
        for new in &event.runs {
            let run = self.begin_run(new, Some(message), by.at_ms)?;
            self.db.execute(
                "UPDATE runs SET chain = $2 WHERE id = $1",
                values![run, &chain],
            )?;
        }
        Ok(message)
    }
}

/// From the column of a run.
pub(crate) fn chain_of(column: Option<String>) -> Vec<String> {
    let names = column.as_deref().unwrap_or_default().split(' ');
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
