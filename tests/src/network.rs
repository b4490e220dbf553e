//! A network of a test's own, in which names lead to where the test says.
//!
//! [`alone`] starts the test again, by itself, in a network namespace: nothing there but a loopback with a few addresses
//! more, and a resolver that asks [`Names`]. The built program cannot tell it from a machine on the internet.

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::FarSide;

/// An address of the public internet, which is one of this machine where a test is [`alone`].
pub const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 215, 14);
/// Where clouds tell a machine its secrets; one of this machine's, too.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Set for the test that is in the network of its own already.
const INSIDE: &str = "FONIO_TEST_NETWORK";

/// What makes the network. `hosts` is set because some machines ask a service of theirs, which is not in here.
const MAKE: &str = r#"
ip link set lo up
for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
folder=$(mktemp -d)
echo 'nameserver 127.0.0.1' > "$folder/resolv.conf"
echo 'hosts: files dns' > "$folder/nsswitch.conf"
mount --bind "$folder/resolv.conf" /etc/resolv.conf
mount --bind "$folder/nsswitch.conf" /etc/nsswitch.conf
rm -r "$folder"
exec "$@"
"#;

/// Calls `body` in a network of its own, from a test that has this name. Where the machine lets nobody make one, the test
/// is skipped ([`skip`]).
pub fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let probe = in_network(&["true"]).output();
    let why = match probe {
        Ok(probe) if probe.status.success() => None,
        Ok(probe) => Some(String::from_utf8_lossy(&probe.stderr).into_owned()),
        Err(error) => Some(format!("no `unshare`: {error}")),
    };
    if let Some(why) = why {
        return skip(&format!(
            "{test} needs a network namespace, and cannot make one: {why}"
        ));
    }
    let this = env::current_exe().expect("a test knows where it is");
    let this = this.to_str().expect("its path is text");
    let again = in_network(&[this, "--exact", test, "--nocapture"]).output();
    let again = again.expect("what could be started once can be again");
    let said = [again.stdout, again.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(again.status.success(), "in its own network:\n{said}");
    // A name that no test has would pass.
    assert!(said.contains("1 passed"), "{test} did not run:\n{said}");
}

/// Set where every test has to run: `.ci/run` does.
const NO_SKIP: &str = "FONIO_TEST_NO_SKIP";

/// Says that a test was skipped.
///
/// # Panics
/// Where none may be: a fault that nobody tries would else pass for one that is survived.
pub fn skip(why: &str) {
    let needed = [NO_SKIP, "CI"]
        .into_iter()
        .find(|name| env::var_os(name).is_some());
    if let Some(needed) = needed {
        panic!("{why}; and {needed} is set: no test may be skipped");
    }
    eprintln!("SKIPPED: {why}");
}

fn in_network(command: &[&str]) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare
        .args(["sh", "-e", "-c", MAKE, "sh"])
        .args(command)
        .env("ADDRESSES", format!("{PUBLIC} {METADATA}"))
        .env(INSIDE, "1");
    unshare
}

/// What answers where names lead to, on 127.0.0.1:53.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<BTreeMap<String, usize>>>);

impl Names {
    /// Answers with what `leads_to` says for a name and how often it was asked for before. Nothing: there is no such name.
    pub fn leading(leads_to: impl Fn(&str, usize) -> Vec<Ipv4Addr> + Send + 'static) -> Names {
        let socket = UdpSocket::bind("127.0.0.1:53").expect("nobody else answers here");
        let names = Names::default();
        let asked = names.clone();
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let Some(question) = Question::read(&packet[..length]) else {
                    continue;
                };
                let addresses = match question.wants_v4 {
                    true => leads_to(&question.name, asked.count(&question.name)),
                    false => Vec::new(),
                };
                let _ = socket.send_to(&question.answer(&addresses), from);
            }
        });
        names
    }

    /// How often it was asked for the IPv4 addresses of a name.
    pub fn asked(&self, name: &str) -> usize {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(name).copied().unwrap_or(0)
    }

    /// Counts one question, and gives how many there were before.
    fn count(&self, name: &str) -> usize {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asked.entry(name.to_owned()).or_default();
        *count += 1;
        *count - 1
    }
}

/// One question as RFC 1035 writes it.
struct Question<'p> {
    id: &'p [u8],
    /// The question itself, which the answer repeats.
    asked: &'p [u8],
    name: String,
    wants_v4: bool,
}

const HEAD_BYTES: usize = 12;

impl Question<'_> {
    fn read(packet: &[u8]) -> Option<Question<'_>> {
        let mut labels = Vec::new();
        let mut at = HEAD_BYTES;
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(std::str::from_utf8(packet.get(at..at + length)?).ok()?);
            at += length;
        }
        let kind = packet.get(at..at + 2)?;
        Some(Question {
            id: packet.get(..2)?,
            asked: packet.get(HEAD_BYTES..at + 4)?,
            name: labels.join(".").to_ascii_lowercase(),
            wants_v4: kind == [0, 1],
        })
    }

    /// Addresses that nobody may remember.
    fn answer(&self, addresses: &[Ipv4Addr]) -> Vec<u8> {
        let count = u8::try_from(addresses.len()).expect("a few addresses");
        let no_such_name = if self.wants_v4 && count == 0 { 3 } else { 0 };
        let mut packet = self.id.to_vec();
        packet.extend([0x81, 0x80 | no_such_name, 0, 1, 0, count, 0, 0, 0, 0]);
        packet.extend(self.asked);
        for address in addresses {
            // The name above, an address, of the internet, for 0 s, of 4 bytes.
            packet.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            packet.extend(address.octets());
        }
        packet
    }
}

/// A server on this address and port, which answers `{}` to one request on each connection.
pub fn far_side(at: Ipv4Addr, port: u16) -> FarSide {
    let listener = TcpListener::bind((at, port)).expect("in a network of its own a port is free");
    FarSide::at(listener, |stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        )
    })
}
