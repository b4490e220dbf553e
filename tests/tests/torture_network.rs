//! Names that lead elsewhere, hosts that never answer, and sessions that others began: on the wire.
//! docs/security/torture.md lists every behaviour and its test.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use fonio_tests::network::{METADATA, Names, PUBLIC, alone, far_side};
use fonio_tests::{
    Attack, Authority, FarSide, Handshakes, Host, Job, Program, Project, Step, TIGHT, wait_for,
};
use serde_json::{Value, json};

const NAME: &str = "api.example.org";

/// Has a job, beside a neighbour, get these paths from the name, which is granted at this port.
#[track_caller]
fn gets(port: u16, paths: &[&str]) -> Step {
    let origin = format!("http://{NAME}:{port}");
    let gets = paths.iter().map(|path| format!("get('{origin}{path}');\n"));
    let expression: String = gets.collect();
    Attack::by_job("http", &expression)
        .settings(&format!("[network]\nallow = [\"{origin}\"]\n{TIGHT}"))
        .survived()
}

/// A server of the internet, and one of this machine's own on the same port.
fn outside_and_inside() -> (FarSide, FarSide) {
    let outside = far_side(PUBLIC, 0);
    let inside = far_side(Ipv4Addr::LOCALHOST, outside.address().port());
    (outside, inside)
}

#[test]
fn a_name_that_leads_to_this_machine_after_it_was_checked_is_still_where_it_was_checked() {
    alone(
        "a_name_that_leads_to_this_machine_after_it_was_checked_is_still_where_it_was_checked",
        || {
            let (outside, inside) = outside_and_inside();
            let names = Names::leading(|_, before| match before {
                0 => vec![PUBLIC],
                _ => vec![Ipv4Addr::LOCALHOST],
            });
            let step = gets(outside.address().port(), &["/once"]);
            step.expect_success();
            assert_eq!(outside.only().target, "/once");
            assert_eq!((names.asked(NAME), inside.connections()), (1, 0));
        },
    );
}

#[test]
fn a_name_that_leads_to_this_machine_the_second_time_is_refused_the_second_time() {
    alone(
        "a_name_that_leads_to_this_machine_the_second_time_is_refused_the_second_time",
        || {
            let (outside, inside) = outside_and_inside();
            let names = Names::leading(|_, before| match before {
                0 => vec![PUBLIC],
                _ => vec![Ipv4Addr::LOCALHOST],
            });
            let step = gets(outside.address().port(), &["/once", "/twice"]);
            step.expect_failure(3, "its name leads to 127.0.0.1");
            assert_eq!(outside.only().target, "/once");
            assert_eq!((names.asked(NAME), inside.connections()), (2, 0));
        },
    );
}

#[test]
fn a_name_that_leads_to_many_addresses_is_connected_to_where_it_may_be_and_nowhere_else() {
    alone(
        "a_name_that_leads_to_many_addresses_is_connected_to_where_it_may_be_and_nowhere_else",
        || {
            let (outside, inside) = outside_and_inside();
            let metadata = far_side(METADATA, outside.address().port());
            Names::leading(|_, _| vec![Ipv4Addr::LOCALHOST, METADATA, PUBLIC]);
            gets(outside.address().port(), &["/x"]).expect_success();
            assert_eq!(outside.only().target, "/x");
            assert_eq!((inside.connections(), metadata.connections()), (0, 0));
        },
    );
}

#[test]
fn a_name_that_leads_to_the_metadata_service_is_refused_before_it_is_connected_to() {
    alone(
        "a_name_that_leads_to_the_metadata_service_is_refused_before_it_is_connected_to",
        || {
            let metadata = far_side(METADATA, 0);
            Names::leading(|_, _| vec![METADATA]);
            let step = gets(metadata.address().port(), &["/latest/meta-data/"]);
            step.expect_failure(3, "its name leads to 169.254.169.254");
            assert_eq!(metadata.connections(), 0);
        },
    );
}

/// A listener that takes no more connections, and drops whoever asks for one. The streams keep it so.
fn deaf_listener() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    // A queue of one, which those who come first fill.
    rustix::net::listen(&listener, 0).expect("a listener can be told again");
    let address = listener.local_addr().expect("it is bound");
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, A_MOMENT) {
        waiting.push(stream);
        assert!(waiting.len() < 16, "its queue does not fill");
    }
    (listener, waiting)
}

/// Longer than this machine takes to connect to itself.
const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(500);

#[test]
fn a_connection_that_is_never_answered_ends_at_its_deadline_which_is_named() {
    let (deaf, _waiting) = deaf_listener();
    let origin = format!("http://{}", deaf.local_addr().expect("it is bound"));
    let said = Job::new(&format!("get('{origin}/x', {{ timeout: 100000 }})"))
        .adaptor("http")
        .settings(&format!(
            "[network]\nallow = [\"{origin}\"]\n[limits]\nwall_time = \"90s\"\n"
        ))
        .run()
        .expect_failure(1, "there was no connection to it within 30s");
    assert!(said.contains(&format!("GET {origin} failed")), "{said}");
}

const TENANTS: [&str; 2] = ["clinic", "school"];
/// Of each tenant, one after another.
const RUNS: usize = 3;

/// Two tenants, each with a job that gets a path with the tenant's name in it.
fn two_tenants(origin: &str, authority: &Authority) -> Host {
    let yaml = "jobs:\n  job: { adaptor: '@openfn/language-http', trigger: any }\n\
                triggers:\n  any: { criteria: '{}' }\n";
    let mut project = Project::new().file("authorities.pem", &authority.certificate);
    for tenant in TENANTS {
        project = project
            .file(&format!("{tenant}/project.yaml"), yaml)
            .file(
                &format!("{tenant}/jobs/job.js"),
                format!("get('{origin}/{tenant}')"),
            )
            .file(
                &format!("{tenant}/fonio.toml"),
                format!("[network]\nallow = [\"{origin}\"]\n"),
            );
    }
    let serve = [
        "serve",
        "--projects",
        ".",
        "--listen",
        "127.0.0.1:0",
        "--dev",
    ];
    let program = Program::new(serve).env("FONIO_CA_FILE", "authorities.pem");
    let host = Host::guarded_by(project, &program);
    host.wait_until_ready();
    host
}

/// Has each tenant's job run, again and again, each run after the one before has ended.
fn run_each(host: &Host) {
    let runs = |tenant: &str| -> Vec<Value> {
        let answer = host.get(&format!("/{tenant}/api/v1/runs")).json();
        answer["runs"].as_array().expect("a list").clone()
    };
    for tenant in TENANTS {
        wait_for("the tenant to be ready", || {
            (host.get(&format!("/{tenant}/ready")).status == 200).then_some(())
        });
        for count in 1..=RUNS {
            let json = [("content-type", "application/json")];
            host.send("POST", &format!("/{tenant}/inbox"), &json, b"{}");
            wait_for("the run to end", || {
                let ended =
                    |run: &&Value| run["status"] == "succeeded" || run["status"] == "failed";
                (runs(tenant).iter().filter(ended).count() == count).then_some(())
            });
        }
        let failed = runs(tenant)
            .into_iter()
            .find(|run| run["status"] != "succeeded");
        assert_eq!(failed, None);
    }
}

#[test]
fn a_tls_session_that_one_tenant_began_is_taken_up_again_by_it_and_by_no_other() {
    let authority = Authority::new();
    let far = Handshakes::showing(&authority.sign("127.0.0.1"));
    let host = two_tenants(&far.origin(), &authority);
    run_each(&host);
    let met: Vec<(String, bool)> = far
        .met()
        .into_iter()
        .map(|met| (met.path, met.resumed))
        .collect();
    // The first of each tenant is a stranger to the server, and the others are known to it.
    let expected =
        TENANTS.map(|tenant| [false, true, true].map(|resumed| (format!("/{tenant}"), resumed)));
    assert_eq!(met, expected.concat());
}

#[test]
fn a_connection_that_one_tenant_opened_is_used_again_by_it_and_by_no_other() {
    let far = FarSide::saying(json!({}));
    let host = two_tenants(&far.origin(), &Authority::new());
    run_each(&host);
    assert_eq!(far.received().len(), TENANTS.len() * RUNS);
    assert_eq!(far.connections(), TENANTS.len(), "one for each, kept open");
}
