//! `events` of `[project]` and of `[adaptors.NAME]`: what may be published; and the event that a trigger waits for.

use std::str::FromStr;

use crate::event::{EventPattern, EventPatternError};
use crate::model::TriggerKind;
use crate::reading::Reading;
use crate::tree::Node;

impl Reading<'_> {
    /// A list of names and patterns. What is wrong grants nothing.
    pub(super) fn event_patterns(&mut self, node: &Node) -> Vec<EventPattern> {
        let items = self.list(node, "`events`").unwrap_or_default();
        let pattern = |item: &Node| self.event_pattern(item, "an event in `events`");
        items.iter().filter_map(pattern).collect()
    }

    /// The trigger `name`, which waits for this.
    pub(crate) fn event_trigger(&mut self, name: &str, node: &Node) -> Option<TriggerKind> {
        let pattern = self.event_pattern(node, &format!("`event` of the trigger `{name}`"))?;
        Some(TriggerKind::Event { pattern })
    }

    fn event_pattern(&mut self, node: &Node, what: &str) -> Option<EventPattern> {
        let text = self.text(node, what)?;
        match EventPattern::from_str(&text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.error(node.at, error.to_string())
                    .help(EventPatternError::HELP);
                None
            }
        }
    }
}
