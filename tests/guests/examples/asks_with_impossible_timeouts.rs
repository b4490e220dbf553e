//! Asks an authority with no time at all, and then with all there is.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::Asking;
use fonio_test_guests::{Adaptor, Error, Reply, data, quoted, unquoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let within = |timeout| Asking {
            authority: unquoted(argument),
            path: "/".into(),
            timeout: Some(timeout),
            ..Asking::default()
        };
        let [none, all] = [0, u64::MAX].map(|timeout| format!("{:?}", within(timeout).send()));
        data(format!("[{},{}]", quoted(&none), quoted(&all)))
    }
}

fonio_test_guests::export!(Guest);
