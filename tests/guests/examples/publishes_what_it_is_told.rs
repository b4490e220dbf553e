//! Says that it wants events, and publishes one of the name in its argument, `TIMES NAME DATA`, so many times: DATA is JSON,
//! or `bytes:N` for a text of so many, or `no-text` for bytes that are no UTF-8.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{
    Adaptor, Description, Error, Reply, data, description, events, quoted, unquoted,
};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        Description {
            wants: vec!["log".into(), "events".into()],
            ..description("crier", "1.0.0")
        }
    }

    fn attack(argument: &str) -> Result<Reply, Error> {
        let argument = unquoted(argument);
        let mut words = argument.splitn(3, ' ');
        let times: u32 = words
            .next()
            .and_then(|times| times.parse().ok())
            .unwrap_or(1);
        let name = words.next().unwrap_or_default();
        let payload = payload(words.next().unwrap_or("null"));
        let mut refused = None;
        for _ in 0..times {
            if let Err(error) = events::publish(name, &payload) {
                refused = Some(error);
            }
        }
        match refused {
            Some(error) => Err(Error::Other(error.to_string())),
            None => data(times.to_string()),
        }
    }
}

fn payload(data: &str) -> String {
    match data.strip_prefix("bytes:").map(str::parse) {
        Some(Ok(bytes)) => quoted(&"x".repeat(bytes)),
        // SAFETY: there is none, which is the attack; the bytes are handed to the host and not read here.
        _ if data == "no-text" => unsafe {
            String::from_utf8_unchecked(vec![b'"', 0xff, 0xc0, b'"'])
        },
        _ => data.to_owned(),
    }
}

fonio_test_guests::export!(Guest);
