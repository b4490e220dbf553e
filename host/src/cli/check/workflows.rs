//! Workflows that are right, and will not do what they seem to.

use fonio_project::{Problem, Project, Severity, Workflow};
use fonio_store::STEPS_PER_RUN_MAX;

/// `found` is what is wrong with the project: of a workflow with errors in its file, no more is said.
pub(super) fn warnings(project: &Project, found: &[Problem]) -> Vec<Problem> {
    let is_right = |workflow: &&Workflow| {
        !found
            .iter()
            .any(|problem| problem.is_error() && problem.file == workflow.file)
    };
    let workflows = project.workflows.iter().filter(is_right);
    workflows
        .flat_map(|workflow| {
            [
                without_trigger(project, workflow),
                with_too_many_steps(workflow),
            ]
        })
        .flatten()
        .collect()
}

fn without_trigger(project: &Project, workflow: &Workflow) -> Option<Problem> {
    let message = format!(
        "the workflow `{}` has no trigger, and can only be run by hand",
        workflow.id
    );
    let help = format!(
        "add a webhook or a clock that starts it; by hand: fonio run {} --project {}",
        workflow.id,
        project.dir.display()
    );
    workflow
        .triggers
        .is_empty()
        .then(|| at(workflow, message, help))
}

fn with_too_many_steps(workflow: &Workflow) -> Option<Problem> {
    let steps = workflow.steps_at_most();
    let count = match steps {
        u64::MAX => format!("{} steps or more", grouped(steps)),
        _ => format!("{} steps", grouped(steps)),
    };
    let message = format!(
        "a run of the workflow `{}` can take {count}, and ends as failed after {}",
        workflow.id,
        grouped(STEPS_PER_RUN_MAX)
    );
    let help = "a job that several edges lead to runs once for each path to it; let fewer edges meet in one job";
    (steps > STEPS_PER_RUN_MAX).then(|| at(workflow, message, help.to_owned()))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let ends = digits.len() % 3;
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == ends {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn at(workflow: &Workflow, message: String, help: String) -> Problem {
    Problem {
        severity: Severity::Warning,
        file: workflow.file.clone(),
        line: workflow.line,
        column: 1,
        message,
        help: Some(help),
        source_line: None,
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn large_numbers_are_shown_in_groups_of_three() {
        for (number, shown) in [
            (7, "7"),
            (999, "999"),
            (10_000, "10,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }
}
