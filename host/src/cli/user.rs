//! `fonio user …`: who signs in with a name and a password, or by another service.

use clap::{Args, Subcommand};
use fonio_access::{Linked, Role, Shows, Tenants, User};
use serde_json::json;

use super::access::{Data, by, table, time};
use super::output::println;
use super::{Exit, Failure, ask, paint};

/// Users of a host. A host that runs sees at once what is changed here.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Adds a user; the password is asked for at the terminal, or read from standard input. With --oidc there is none.
    Add(Add),
    /// Lists users and their roles.
    List(List),
    /// Removes a user, who is signed out.
    Remove(Named),
    /// Sets a user's password, who is signed out everywhere.
    Passwd(Named),
    /// Says by what the sign-in service of `serve --oidc` knows a user, who is signed out everywhere; or takes that.
    Oidc(SetIdentity),
    /// Gives a user a role in another project, or another role; or takes it.
    Role(SetRole),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Letters, digits and any of . - _ @
    name: String,
    /// What the sign-in service of `serve --oidc` knows them by, letter for letter: their mail address, unless the host goes
    /// by another claim. They have no password, until `fonio user passwd` gives them one.
    #[arg(long, value_name = "IDENTITY")]
    oidc: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct SetIdentity {
    /// The user's name.
    name: String,
    /// What the service knows them by, letter for letter. Whose account that is, is settled when they next sign in.
    #[arg(required_unless_present = "take")]
    identity: Option<String>,
    /// Takes what there is.
    #[arg(long, conflicts_with = "identity")]
    take: bool,
    #[command(flatten)]
    data: Data,
}

/// What, and where.
#[derive(Debug, Args)]
struct Place {
    /// viewer sees everything, editor also changes what runs, admin also sees the audit log and gives out and deletes messages.
    #[arg(long, default_value_t = Role::Viewer)]
    role: Role,
    /// The id of the project it is for; `*` is all that the host serves.
    #[arg(long, value_name = "PROJECT", default_value_t = Tenants::All)]
    tenant: Tenants,
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
pub(crate) struct Named {
    /// The user's name.
    name: String,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct SetRole {
    /// The user's name.
    name: String,
    #[command(flatten)]
    place: Place,
    /// Removes the role in that project.
    #[arg(long, conflicts_with = "role")]
    take: bool,
    #[command(flatten)]
    data: Data,
}

impl UserCommand {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        match self {
            UserCommand::Add(add) => add.execute(),
            UserCommand::List(list) => list.execute(),
            UserCommand::Remove(named) => {
                let access = named.data.open_existing()?;
                access
                    .remove_user(&by(), &named.name)
                    .map_err(Failure::failed)?;
                paint::event("removed", &format!("user {}", named.name));
                Ok(Exit::Success)
            }
            UserCommand::Passwd(named) => {
                let access = named.data.open_existing()?;
                let password = ask::new_password()?;
                let set = access.set_password(&by(), &named.name, &password);
                set.map_err(Failure::failed)?;
                paint::event("changed", &format!("the password of {}", named.name));
                Ok(Exit::Success)
            }
            UserCommand::Oidc(identity) => identity.execute(),
            UserCommand::Role(role) => role.execute(),
        }
    }
}

impl Add {
    fn execute(self) -> Result<Exit, Failure> {
        self.data.warn_of_unknown(&self.place.tenant.to_string());
        let access = self.data.open()?;
        let password;
        let shows = match &self.oidc {
            Some(identity) => Shows::Identity(identity),
            None => {
                password = ask::new_password()?;
                Shows::Password(&password)
            }
        };
        let Place { role, tenant } = self.place;
        access
            .add_user(&by(), &self.name, &shows, &tenant, role)
            .map_err(Failure::failed)?;
        paint::event("added", &format!("user {}, {role} in {tenant}", self.name));
        Ok(Exit::Success)
    }
}

impl List {
    fn execute(self) -> Result<Exit, Failure> {
        let users = self
            .data
            .open_existing()?
            .users()
            .map_err(Failure::failed)?;
        if self.json {
            let shown = users.iter().map(|user| {
                let roles = user.roles.iter();
                let roles = roles.map(|(tenant, role)| json!({ "tenant": tenant, "role": role }));
                json!({
                    "name": user.name,
                    "roles": roles.collect::<Vec<_>>(),
                    "created_ms": user.created_ms,
                    "password": user.password,
                    "oidc": user.oidc,
                })
            });
            println!("{}", json!(shown.collect::<Vec<_>>()));
            return Ok(Exit::Success);
        }
        let rows = users.into_iter().map(|user| {
            let ways = ways(&user);
            let roles = user.roles.iter();
            let roles = roles.map(|(tenant, role)| format!("{role} in {tenant}"));
            [
                user.name,
                time(user.created_ms),
                roles.collect::<Vec<_>>().join(", "),
                ways,
            ]
        });
        table(&rows.collect::<Vec<_>>());
        Ok(Exit::Success)
    }
}

/// How they can sign in.
fn ways(user: &User) -> String {
    let oidc = user.oidc.as_ref().map(|Linked { identity, issuer }| {
        let issuer = issuer.as_deref().unwrap_or("not yet signed in");
        format!("oidc {identity} ({issuer})")
    });
    let password = user.password.then(|| "password".to_owned());
    let ways: Vec<String> = password.into_iter().chain(oidc).collect();
    ways.join(", ")
}

impl SetIdentity {
    fn execute(self) -> Result<Exit, Failure> {
        let access = self.data.open_existing()?;
        access
            .link_identity(&by(), &self.name, self.identity.as_deref())
            .map_err(Failure::failed)?;
        let how = match self.identity {
            Some(identity) => format!("signs in as {identity}"),
            None => "signs in by no other service".to_owned(),
        };
        paint::event("changed", &format!("user {} {how}", self.name));
        Ok(Exit::Success)
    }
}

impl SetRole {
    fn execute(self) -> Result<Exit, Failure> {
        self.data.warn_of_unknown(&self.place.tenant.to_string());
        let access = self.data.open_existing()?;
        let Place { role, tenant } = self.place;
        let role = (!self.take).then_some(role);
        access
            .set_role(&by(), &self.name, &tenant, role)
            .map_err(Failure::failed)?;
        let now = role.map_or("no role", Role::as_str);
        paint::event("changed", &format!("user {}, {now} in {tenant}", self.name));
        Ok(Exit::Success)
    }
}
