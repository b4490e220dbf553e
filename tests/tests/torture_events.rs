//! Guests and jobs that publish what they must not, or without end. docs/security/torture.md lists them.

use fonio_tests::{Attack, Step, TIGHT};
use serde_json::json;

fn told(argument: &str) -> Step {
    let settings = TIGHT.replace("300ms", "5s") + "[adaptors.bad]\nevents = [\"intake.*\"]\n";
    Attack::by_guest("publishes_what_it_is_told")
        .settings(&settings)
        .survived_with(&json!(argument))
}

#[test]
fn a_million_events_of_one_step_come_to_their_limit_and_none_is_published() {
    let step = told("1000000 intake.flood 1");
    step.expect_failure(3, "");
    assert_eq!(step.error["kind"], "limit", "{step:?}");
    let many = "fn(async state => { for (let n = 0; n < 1e6; n++) await events.publish('flood', n)(state); return state; })";
    let step = Attack::by_job("common", many).survived();
    step.expect_failure(3, "a step publishes 1000 events at most");
    assert_eq!(step.error["kind"], "limit", "{step:?}");
}

#[test]
fn a_name_that_is_not_granted_is_refused() {
    let step = told("1 neighbours.secret 1");
    step.expect_failure(3, "not granted to publish neighbours.secret");
    assert_eq!(step.error["kind"], "denied", "{step:?}");
}

#[test]
fn data_beyond_the_output_of_a_step_is_refused_in_one_event_and_in_many() {
    for argument in ["1 intake.x bytes:2000000", "3 intake.x bytes:500000"] {
        let step = told(argument);
        step.expect_failure(3, "the limit `output` is 1MiB");
        assert_eq!(step.error["kind"], "limit", "{step:?}");
    }
}

#[test]
fn data_that_is_no_json_or_no_text_and_names_that_are_none_are_refused() {
    told("1 intake.x {\"a\":").expect_failure(1, "the data of intake.x is not JSON");
    told("1 intake/../x* 1").expect_failure(1, "`intake/../x*` is no name of an event");
    let step = told("1 intake.x no-text");
    assert_eq!(step.error["kind"], "crash", "{step:?}");
}
