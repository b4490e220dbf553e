//! Who may send messages to a project, as `fonio check` shows it.

use fonio_project::{Project, TriggerAuth};
use serde::Serialize;

use super::access::table;

/// The inbox or a webhook.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    name: String,
    /// Any one of these; empty where the project says nothing.
    auth: Vec<String>,
    /// In words.
    who: String,
}

/// All of a project.
pub(crate) fn of(project: &Project) -> Vec<Shown> {
    let doors = project.doors().into_iter();
    doors
        .map(|door| {
            let auth = door.settings.map(|settings| settings.auth.as_slice());
            let auth = auth.unwrap_or_default();
            Shown {
                name: door.name,
                who: who(auth),
                auth: auth.iter().map(ToString::to_string).collect(),
            }
        })
        .collect()
}

fn who(auth: &[TriggerAuth]) -> String {
    if auth.is_empty() {
        return "on a loopback address whoever reaches it, elsewhere nobody (no `auth`)".to_owned();
    }
    let each = auth.iter().map(|auth| match auth {
        TriggerAuth::ApiKey(name) => format!("who has the key `{name}`"),
        TriggerAuth::Basic(name) => format!("who has the user name and password `{name}`"),
        TriggerAuth::Hmac(name) => format!("who signs the body with `{name}`"),
        TriggerAuth::Token => "who has a token of the host for sending".to_owned(),
        TriggerAuth::Mtls => "who has a certificate of the listener's authorities".to_owned(),
        TriggerAuth::None => "anybody".to_owned(),
    });
    each.collect::<Vec<_>>().join(", or ")
}

/// For people.
pub(crate) fn print(doors: &[Shown]) {
    let rows = doors.iter().map(|door| {
        [
            door.name.clone(),
            format!("takes messages from: {}", door.who),
        ]
    });
    table(&rows.collect::<Vec<_>>());
}
