//! A service that knows `ama`, and a host that goes by it.

use serde_json::{Value, json};

use crate::{Host, IdentityProvider, PUBLIC, Project};

/// Where a sign-in begins.
pub const BEGIN: &str = "/api/v1/session/oidc";
/// The client has one.
pub const SECRET: &str = "client_secret_file = \"secret\"";

/// The service.
pub fn provider() -> IdentityProvider {
    let provider = IdentityProvider::sending_back_to(&format!("{PUBLIC}{BEGIN}/callback"));
    provider.knows(ama());
    provider
}

/// What it says of her.
pub fn ama() -> Value {
    json!({ "sub": "17", "email": "ama@example.org", "email_verified": true, "preferred_username": "ama" })
}

/// A project, and whom the service knows as what.
pub fn project(provider: &IdentityProvider, more: &str, user: &[&str]) -> Project {
    let project = Project::with_job("@openfn/language-common", "fn(state => state)")
        .file("fonio.toml", "[project]\nid = \"clinic\"\n")
        .going_by(provider, more);
    project.fonio(&[&["user", "add", "ama"], user].concat());
    project
}

/// With `ama`, an editor, whom the service knows by her mail address.
pub fn host(provider: &IdentityProvider) -> Host {
    let user = ["--role", "editor", "--oidc", "ama@example.org"];
    Host::by_oidc(project(provider, SECRET, &user), &["."])
}
