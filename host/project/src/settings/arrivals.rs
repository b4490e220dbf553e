//! `[triggers.NAME]` of the inbox and of webhooks: by which a message is known that is sent again.

use std::time::Duration;

use super::triggers::names_of;
use super::{INBOX, Settings};
use crate::field_path::FieldPath;
use crate::model::{Project, Trigger, Workflow};
use crate::reading::Reading;
use crate::report::Place;
use crate::sizes::format_duration;
use crate::tree::{Key, Node};

/// A minute of repetitions is less than any sender's patience, and a second is for tests.
const WINDOW_MIN: Duration = Duration::from_secs(1);
/// A key is a row for as long as it is remembered.
const WINDOW_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// How a message that is sent again is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivalSettings {
    /// `idempotency_key`: the field that tells messages apart, where their sender gives no header. Default: none.
    pub idempotency_key: Option<FieldPath>,
    /// `deduplicate`: for how long. Default 24 h.
    pub window: Duration,
    pub(crate) at: Place,
}

impl ArrivalSettings {
    pub(super) fn new(at: Place) -> ArrivalSettings {
        ArrivalSettings {
            idempotency_key: None,
            window: Duration::from_secs(24 * 3600),
            at,
        }
    }

    /// The top-level field that has to be seen of each message.
    pub fn top(&self) -> Option<&str> {
        self.idempotency_key.as_ref().map(FieldPath::top)
    }
}

impl Settings {
    /// How repetitions at the inbox are known, if the project says.
    pub fn inbox_arrival(&self) -> Option<&ArrivalSettings> {
        self.arrivals.get(INBOX)
    }
}

impl Project {
    /// How repetitions at the webhook `trigger` of `workflow` are known, if the project says.
    pub fn webhook_arrival(
        &self,
        workflow: &Workflow,
        trigger: &Trigger,
    ) -> Option<&ArrivalSettings> {
        let names = names_of(workflow, trigger);
        let named = |name: &String| self.settings.arrivals.get(name);
        names.iter().find_map(named)
    }
}

impl Reading<'_> {
    pub(super) fn deduplicate(&mut self, key: &Key, node: &Node) -> Option<Duration> {
        let window = self.duration(key, node)?;
        if (WINDOW_MIN..=WINDOW_MAX).contains(&window) {
            return Some(window);
        }
        let said = format!("`deduplicate` cannot be {}", format_duration(window));
        self.error(node.at, said).help("1s to 30d");
        None
    }
}
