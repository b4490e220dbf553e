//! Which project a request is for: the only one, or a tenant, by the first part of its path or by its host name.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::HOST;
use http::uri::{PathAndQuery, Uri};
use http::{Request, uri::Authority};
use tokio::sync::watch;

use crate::host::{Figures, Host};

/// Every project that the listener serves.
pub struct Sites {
    served: Served,
    /// Of requests that are for no tenant.
    pub figures: Figures,
    stop: watch::Sender<Stop>,
}

/// How far a shutdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    Not,
    /// What is going on is finished.
    InOrder,
    /// What is going on is cut off.
    AtOnce,
}

enum Served {
    One(Arc<Host>),
    Several(ArcSwap<Table>),
}

/// The tenants, and the names that lead to them.
#[derive(Default)]
pub struct Table {
    /// By name.
    pub hosts: BTreeMap<String, Arc<Host>>,
    /// By what a request calls the host.
    pub hostnames: BTreeMap<String, Arc<Host>>,
}

/// Where a request belongs.
pub enum Found {
    /// To this project, in whose own words the path is now.
    Project(Arc<Host>),
    /// To a tenant, but without the slash behind its name, without which the addresses on its page lead elsewhere.
    Slash(String),
    /// To the host of several, and none of them.
    Root,
}

impl Sites {
    /// One project.
    pub fn one(host: Arc<Host>) -> Sites {
        Sites::with(Served::One(host))
    }

    /// Several; at first none.
    pub fn several() -> Sites {
        Sites::with(Served::Several(ArcSwap::default()))
    }

    fn with(served: Served) -> Sites {
        Sites {
            served,
            figures: Figures::default(),
            stop: watch::Sender::new(Stop::Not),
        }
    }

    /// Puts other tenants in the place of those before.
    pub fn serve(&self, table: Table) {
        if let Served::Several(tenants) = &self.served {
            tenants.store(Arc::new(table));
        }
    }

    /// Every tenant by name; nothing where there is one project.
    pub fn tenants(&self) -> Vec<(String, Arc<Host>)> {
        match &self.served {
            Served::One(_) => Vec::new(),
            Served::Several(table) => {
                let hosts = table.load();
                let hosts = hosts.hosts.iter();
                hosts
                    .map(|(name, host)| (name.clone(), Arc::clone(host)))
                    .collect()
            }
        }
    }

    /// Finds the project of a request, and takes the tenant's name off its path.
    pub fn find<B>(&self, request: &mut Request<B>) -> Found {
        let table = match &self.served {
            Served::One(host) => return Found::Project(Arc::clone(host)),
            Served::Several(table) => table.load(),
        };
        if let Some(host) = hostname(request).and_then(|name| table.hostnames.get(&name)) {
            return Found::Project(Arc::clone(host));
        }
        let path = request.uri().path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let Some(host) = table.hosts.get(name) else {
            return Found::Root;
        };
        if path.len() == name.len() {
            let query = request.uri().query();
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            return Found::Slash(format!("/{name}/{query}"));
        }
        let query = request.uri().query();
        let within = match query {
            Some(query) => format!("/{rest}?{query}"),
            None => format!("/{rest}"),
        };
        match PathAndQuery::try_from(within) {
            Ok(within) => {
                *request.uri_mut() = Uri::from(within);
                Found::Project(Arc::clone(host))
            }
            // A part of a path that was one is one.
            Err(_) => Found::Root,
        }
    }

    /// Begins the shutdown of the listener.
    pub fn stop(&self) {
        self.stop_by(Stop::InOrder);
    }

    /// Has the shutdown wait for nothing more.
    pub fn stop_at_once(&self) {
        self.stop_by(Stop::AtOnce);
    }

    fn stop_by(&self, how: Stop) {
        self.stop.send_modify(|stop| *stop = (*stop).max(how));
    }

    /// Resolves when the shutdown begins.
    pub async fn stopping(&self) {
        self.reached(Stop::InOrder).await;
    }

    /// Resolves when the shutdown waits for nothing more.
    pub async fn cut_off(&self) {
        self.reached(Stop::AtOnce).await;
    }

    async fn reached(&self, how: Stop) {
        // The sender lives as long as `self`, so waiting can only end with what is waited for.
        let _ = self.stop.subscribe().wait_for(|stop| *stop >= how).await;
    }

    /// Whether it has begun.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow() >= Stop::InOrder
    }
}

/// What the request calls the host, in lower case and without a port.
fn hostname<B>(request: &Request<B>) -> Option<String> {
    let named = request.headers().get(HOST)?.to_str().ok()?;
    let authority: Authority = named.parse().ok()?;
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}
