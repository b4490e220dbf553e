//! What jobs may publish.

use crate::event::EventPattern;

/// What one job may publish, and where fonio.toml says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEvents {
    patterns: Vec<EventPattern>,
    /// The name in `[adaptors.NAME]`, if that is where it is said.
    adaptor: Option<String>,
}

impl JobEvents {
    /// Any event, for the job's own code: what a project that says nothing grants.
    pub fn any() -> JobEvents {
        JobEvents::of_adaptor(vec![EventPattern::any()], None)
    }

    pub(crate) fn of_adaptor(patterns: Vec<EventPattern>, adaptor: Option<String>) -> JobEvents {
        JobEvents { patterns, adaptor }
    }

    /// Whether an event of this name may be published.
    pub fn permit(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// The names and patterns, as they are written.
    pub fn patterns(&self) -> &[EventPattern] {
        &self.patterns
    }

    /// Whether the job's adaptor may publish, too, and not only its own code: it is named for that.
    pub fn are_for_the_adaptor(&self) -> bool {
        self.adaptor.is_some() && !self.patterns.is_empty()
    }

    /// The lines of fonio.toml that would grant this name besides what is granted.
    pub fn line_to_allow(&self, name: &str) -> String {
        let patterns = self.patterns.iter().map(EventPattern::to_string);
        let quoted: Vec<String> = patterns
            .chain([name.to_owned()])
            .map(|pattern| format!("\"{pattern}\""))
            .collect();
        let line = format!("events = [{}]", quoted.join(", "));
        match &self.adaptor {
            None => format!("[project]\n{line}"),
            Some(name) => format!("[adaptors.{}]\n{line}", super::toml_key(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_granted_and_the_line_keeps_what_is() {
        let patterns = vec!["intake.*".parse().expect("a pattern")];
        let events = JobEvents::of_adaptor(patterns, Some("http".to_owned()));
        assert!(events.permit("intake.accepted") && !events.permit("sent"));
        assert!(events.are_for_the_adaptor() && !JobEvents::any().are_for_the_adaptor());
        assert_eq!(
            events.line_to_allow("sent"),
            "[adaptors.http]\nevents = [\"intake.*\", \"sent\"]"
        );
        assert!(!JobEvents::of_adaptor(Vec::new(), None).permit("sent"));
    }
}
