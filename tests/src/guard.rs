//! Users and tokens of a host that is closed, made as an operator makes them.

use crate::{Ended, Host, Program, Project, Response, wait_for};

/// A password that is long enough.
pub const PASSWORD: &str = "a grain of fonio";

impl Project {
    /// `fonio ARGUMENTS…` in the project's folder, which must succeed.
    #[track_caller]
    pub fn fonio(&self, arguments: &[&str]) -> Ended {
        Program::new(arguments).run(self.dir()).expect_code(0)
    }

    /// Makes a token and gives its value.
    #[track_caller]
    pub fn token(&self, name: &str, options: &[&str]) -> String {
        let made = self.fonio(&[&["token", "new", name], options].concat());
        made.stdout.trim().to_owned()
    }

    /// Adds a user with [`PASSWORD`].
    #[track_caller]
    pub fn user(&self, name: &str, options: &[&str]) {
        let arguments = [&["user", "add", name], options].concat();
        let added = Program::new(arguments).input(&format!("{PASSWORD}\n"));
        added.run(self.dir()).expect_code(0);
    }
}

/// A browser that is signed in: a cookie, and what changes have to carry.
#[derive(Clone, Debug)]
pub struct Browser {
    /// `fonio_session=…`.
    pub cookie: String,
    /// For `x-fonio-csrf`.
    pub csrf: String,
}

impl Host {
    /// The token that it made at its first start.
    pub fn first_token(&self) -> String {
        wait_for("the first token", || {
            let said = self.said();
            let mut words = said.split_whitespace();
            words
                .find(|word| word.starts_with("fonio_"))
                .map(str::to_owned)
        })
    }

    /// Sends a request with a token.
    #[track_caller]
    pub fn with_token(&self, token: &str, method: &str, target: &str) -> Response {
        let value = format!("Bearer {token}");
        self.send(method, target, &[("authorization", &value)], b"")
    }

    /// Tries to sign in.
    #[track_caller]
    pub fn try_sign_in(&self, name: &str, password: &str) -> Response {
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        let json = [("content-type", "application/json")];
        self.send("POST", "/api/v1/session", &json, body.as_bytes())
    }

    /// Signs in.
    #[track_caller]
    pub fn sign_in(&self, name: &str) -> Browser {
        let reply = self.try_sign_in(name, PASSWORD);
        assert_eq!(reply.status, 201, "{}", reply.text());
        let cookie = reply.header("set-cookie").expect("a cookie");
        let csrf = reply.json()["csrf"].as_str().expect("a value").to_owned();
        Browser {
            cookie: cookie.split(';').next().unwrap_or_default().to_owned(),
            csrf,
        }
    }
}
