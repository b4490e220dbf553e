//! A host whose network is gone for long: no way to the other system, and nobody who knows its name. What is accepted
//! meanwhile waits, over restarts, and arrives once when the network is back.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fonio_tests::network::{Names, PUBLIC, alone};
use fonio_tests::{Answer, FarSide, Host, Project, wait_for};
use serde_json::{Value, json};

const NAME: &str = "registry.example.org";

/// The other system on the internet, and the way there.
struct Outside {
    far_side: FarSide,
    names: Names,
    known: Arc<AtomicBool>,
}

impl Outside {
    fn new() -> Outside {
        let listener = TcpListener::bind((PUBLIC, 0)).expect("in a network of its own");
        let far_side = FarSide::answering_at(listener, |_| {
            // No connection outlives its request: each takes the way that there is by then.
            Answer::json(&json!({})).header("connection", "close")
        });
        let known = Arc::new(AtomicBool::new(true));
        let is_known = Arc::clone(&known);
        let names = Names::leading(move |_, _| match is_known.load(Ordering::SeqCst) {
            true => vec![PUBLIC],
            false => Vec::<Ipv4Addr>::new(),
        });
        Outside {
            far_side,
            names,
            known,
        }
    }

    fn origin(&self) -> String {
        format!("http://{NAME}:{}", self.far_side.address().port())
    }

    /// Takes the address away from this machine, so that no route leads there, or brings it back.
    fn route(&self, what: &str) {
        let mut ip = Command::new("ip");
        let ip = ip.args(["address", what, &format!("{PUBLIC}/32"), "dev", "lo"]);
        assert!(ip.status().expect("there is `ip`").success(), "{what}");
    }

    /// A workflow that keeps the order of its messages, and one that does not.
    fn project(&self) -> Project {
        let workflow = |id: &str| {
            let url = format!("{}/{id}", self.origin());
            json!({ "id": id, "steps": [
                { "id": "hook", "type": "webhook", "next": "send" },
                { "id": "send", "adaptor": "@openfn/language-http",
                  "expression": format!("post('{url}', state => state.data)") },
            ] })
        };
        let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic",
            "workflows": [workflow("ordered"), workflow("any")] });
        let settings = format!(
            "[network]\nallow = [\"{}\"]\n[workflows.ordered]\nconcurrency = 1\n\
             [circuit_breaker]\nfailures = 1\npause = \"100ms\"\nmax_pause = \"200ms\"\n",
            self.origin()
        );
        Project::new()
            .file("project.yaml", file.to_string())
            .file("fonio.toml", settings)
    }

    /// The numbers that arrived for a workflow, in order.
    fn arrived(&self, workflow: &str) -> Vec<u64> {
        let received = self.far_side.received();
        let of_it = received
            .iter()
            .filter(|request| request.target == format!("/{workflow}"));
        of_it
            .map(|request| request.json()["n"].as_u64().expect("its number"))
            .collect()
    }
}

fn send(host: &Host, numbers: std::ops::Range<u64>) {
    for n in numbers {
        for workflow in ["ordered", "any"] {
            let body = json!({ "n": n }).to_string();
            let headers = [("content-type", "application/json")];
            let path = format!("/i/{workflow}");
            let reply = host.send("POST", &path, &headers, body.as_bytes());
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    }
}

/// Waits until so many steps wait for the system.
fn wait_for_parked(host: &Host, origin: &str, steps: u64) {
    wait_for(&format!("{steps} steps to be parked"), || {
        let breakers = host.project_as_served()["breakers"].clone();
        let breakers = breakers.as_array().cloned().unwrap_or_default();
        let parked = |it: &Value| it["origin"] == origin && it["parked"] == steps;
        breakers.iter().any(parked).then_some(())
    });
}

#[test]
fn what_is_accepted_while_the_network_is_gone_arrives_once_and_in_order_when_it_is_back() {
    alone(
        "what_is_accepted_while_the_network_is_gone_arrives_once_and_in_order_when_it_is_back",
        || {
            let outside = Outside::new();
            let host = Host::serving(outside.project());
            send(&host, 0..1);
            let all: Vec<u64> = (0..20).collect();
            wait_for("the first to arrive", || {
                (outside.arrived("ordered") == all[..1] && outside.arrived("any") == all[..1])
                    .then_some(())
            });

            // First there is no way to an address that is known.
            outside.route("del");
            send(&host, 1..8);
            // Of those in order one waits for the system, and the others for it.
            wait_for_parked(&host, &outside.origin(), 7 + 1);
            // Then nobody knows the address either.
            outside.known.store(false, Ordering::SeqCst);
            send(&host, 8..14);
            wait_for_parked(&host, &outside.origin(), 13 + 1);
            let host = host.killed_and_restarted();
            send(&host, 14..20);
            wait_for_parked(&host, &outside.origin(), 19 + 1);
            let asked = outside.names.asked(NAME);
            wait_for("the name to be asked for again", || {
                (outside.names.asked(NAME) > asked).then_some(())
            });

            // And they come back in the other order.
            outside.known.store(true, Ordering::SeqCst);
            outside.route("add");
            let runs = host.runs_done();
            assert_eq!(runs.len(), 40);
            assert!(runs.iter().all(|run| run.status == "succeeded"));
            assert_eq!(outside.arrived("ordered"), all);
            let mut any = outside.arrived("any");
            any.sort_unstable();
            assert_eq!(any, all);
        },
    );
}
