//! What waits: a queue that is full says so, and a clock's ticks become runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fonio_tests::{FarSide, Gate, Host, Program, Project, Store, wait_for};

/// More than run at once and wait, with `--queue 3`: 8 in the sandbox, and those a claim takes ahead.
const FLOOD: usize = 60;

#[test]
fn a_full_queue_answers_503_with_retry_after_and_takes_messages_again_when_it_has_emptied() {
    Store::each(|store| {
        let gate = Gate::default();
        let far_side = FarSide::behind(&gate);
        let job = format!("post('{}', state => state.data)", far_side.url("/x"));
        let project =
            Project::with_job("@openfn/language-http", &job).file("fonio.toml", far_side.granted());
        let serve = Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--queue", "3"]);
        let host = Host::started_by(project, &store.of(serve));
        host.wait_until_ready();

        let answers: Vec<_> = (0..FLOOD)
            .map(|n| host.post_inbox("application/json", format!("{{\"n\":{n}}}")))
            .collect();
        let accepted = answers.iter().filter(|answer| answer.status == 202).count();
        let refused = answers
            .iter()
            .find(|answer| answer.status == 503)
            .expect("the queue is full at some point");
        assert_eq!(refused.header("retry-after"), Some("10"));
        let detail = refused.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(
            detail.contains("steps are waiting, and no more than 3 may; send again later"),
            "{detail}"
        );

        gate.open();
        assert_eq!(
            host.runs_done().len(),
            accepted,
            "what was accepted ran, what was refused did not"
        );
        assert_eq!(host.post_inbox("application/json", "{}").status, 202);
    });
}

/// Waits for the clock; a minute is the shortest that cron knows, so this is the one test that takes one.
#[test]
fn a_tick_that_was_missed_while_the_host_was_down_is_made_up_for_at_the_start() {
    let project = Project::new().file(
        "project.yaml",
        "jobs:\n  sum: { adaptor: common, trigger: minutely, expression: 'fn(state => ({ ...state, runs: (state.runs || 0) + 1 }))' }\n\
         triggers:\n  minutely: { cron: '* * * * *' }\n",
    );
    let host = Host::serving(project);
    // The clock's first look at a new job is recorded; from then on a tick is due at each full minute.
    let host = host.restarted_after(|| {
        let minute_before = minute();
        while minute() == minute_before {
            std::thread::park_timeout(Duration::from_millis(200));
        }
    });
    let run = wait_for("the missed tick to be made up for", || {
        host.runs_done().into_iter().next()
    });
    assert_eq!(run.step().output["runs"], 1);
}

fn minute() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        / 60
}
