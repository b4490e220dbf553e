//! `fonio token …`: what scripts and other programs show.

use std::time::Duration;

use clap::{Args, Subcommand};
use fonio_access::{NewToken, Role, Scope, Scopes, Tenants};
use fonio_project::parse_duration;

use super::access::{Data, by, table, time};
use super::output::println;
use super::{Exit, Failure, paint};

/// Tokens for scripts and other programs. A host that runs sees at once what is changed here.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token and prints it, this once.
    New(New),
    /// Lists tokens, without their values, which nobody has kept.
    List(List),
    /// Ends a token, and whoever signed in with it.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// A name to know it by: letters, digits and any of . - _ @
    name: String,
    /// viewer sees everything, editor also changes what runs, admin also sees the audit log and gives out and deletes messages.
    #[arg(long, default_value_t = Role::Viewer)]
    role: Role,
    /// The id of the project it is for; `*` is all that the host serves.
    #[arg(long, value_name = "PROJECT", default_value_t = Tenants::All)]
    tenant: Tenants,
    /// What it is good for, within its role: read, write, and send, which is for messages to triggers with `auth = "token"`
    /// [default: read for a viewer, all for others].
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// How long it is good, such as 90d [default: until it is revoked].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    expires: Option<Duration>,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The token's name.
    name: String,
    #[command(flatten)]
    data: Data,
}

impl TokenCommand {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        match self {
            TokenCommand::New(new) => new.execute(),
            TokenCommand::List(list) => list.execute(),
            TokenCommand::Revoke(revoke) => {
                let access = revoke.data.open_existing()?;
                access
                    .revoke_token(&by(), &revoke.name)
                    .map_err(Failure::failed)?;
                paint::event("revoked", &format!("token {}", revoke.name));
                Ok(Exit::Success)
            }
        }
    }
}

impl New {
    fn execute(self) -> Result<Exit, Failure> {
        let scopes = match (self.scope.is_empty(), self.role) {
            (false, _) => self.scope.iter().copied().collect(),
            (true, Role::Viewer) => [Scope::Read].into_iter().collect(),
            (true, Role::Editor | Role::Admin) => Scopes::all(),
        };
        self.data.warn_of_unknown(&self.tenant.to_string());
        let new = NewToken {
            name: &self.name,
            role: self.role,
            tenants: self.tenant,
            scopes,
            lifetime: self.expires,
        };
        let access = self.data.open()?;
        let value = access.make_token(&by(), &new).map_err(Failure::failed)?;
        let (role, tenants, scopes) = (new.role, &new.tenants, &new.scopes);
        paint::event(
            "made",
            &format!(
                "token {}, {role} in {tenants}, for {scopes}; it is shown once and kept nowhere",
                self.name
            ),
        );
        println!("{value}");
        Ok(Exit::Success)
    }
}

impl List {
    fn execute(self) -> Result<Exit, Failure> {
        let tokens = self
            .data
            .open_existing()?
            .tokens()
            .map_err(Failure::failed)?;
        if self.json {
            println!("{}", serde_json::json!(tokens));
            return Ok(Exit::Success);
        }
        let rows = tokens.into_iter().map(|token| {
            let role = token.role.map_or("(unknown)", Role::as_str);
            let until = token.expires_ms.map_or_else(
                || "until revoked".to_owned(),
                |ms| format!("until {}", time(ms)),
            );
            [
                token.name,
                format!("{role} in {}", token.tenant),
                token.scopes.to_string(),
                time(token.created_ms),
                until,
            ]
        });
        table(&rows.collect::<Vec<_>>());
        Ok(Exit::Success)
    }
}
