//! The folder of `serve --projects`: each folder in it is a tenant, which is served from when it appears until it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fonio_project::{
    Problem, TENANTS_FILE, Tenants, check_tenant_name, load_tenants, tenant_folders,
};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};

use super::sites::Table;
use super::{Means, Running, Sites};
use crate::cli::paint;
use crate::host::Host;
use crate::reload;
use crate::storage::Storage;

/// The most tenants of one host: each has a place of its own for a step, a thread that writes and about 1 MiB.
pub const TENANTS_MAX: usize = 64;
/// How long the folder must be quiet: copying a project into it takes a while.
const QUIET: Duration = Duration::from_millis(100);
/// Where events are lost, the folder is read this often all the same.
const RESCAN: Duration = Duration::from_secs(30);

/// The tenants of a host.
pub struct Folder {
    dir: PathBuf,
    /// Where each has a folder for what it keeps.
    data: PathBuf,
    storage: Storage,
    means: Means,
    sites: Arc<Sites>,
    running: BTreeMap<String, Running>,
    /// Those whose folders are gone, until what ran of them has ended.
    leaving: JoinSet<()>,
    left: BTreeMap<Id, String>,
    settings: Tenants,
    /// What was said of the folder, so that it is said once.
    said: BTreeSet<String>,
}

impl Folder {
    /// Over `dir`; [`Folder::look`] starts what is in it.
    pub fn new(
        dir: PathBuf,
        data: &Path,
        storage: Storage,
        means: Means,
        sites: Arc<Sites>,
    ) -> Folder {
        Folder {
            dir,
            data: data.join("tenants"),
            storage,
            means,
            sites,
            running: BTreeMap::new(),
            leaving: JoinSet::new(),
            left: BTreeMap::new(),
            settings: Tenants::default(),
            said: BTreeSet::new(),
        }
    }

    /// Starts tenants that are new, stops those that are gone, and gives all what `tenants.toml` says. It waits for none of
    /// them: a tenant is found at once, and loads, or ends, by itself.
    pub fn look(&mut self) {
        let mut said = BTreeSet::new();
        let (settings, problems) = load_tenants(&self.dir);
        match settings {
            Some(settings) => {
                if settings != self.settings && !self.running.is_empty() {
                    paint::event("reloaded", TENANTS_FILE);
                }
                self.settings = settings;
            }
            None => self.complain(&mut said, "what it said before counts", &problems),
        }
        let names = self.names(&mut said);
        let gone: Vec<String> = self
            .running
            .keys()
            .filter(|name| !names.contains(*name))
            .cloned()
            .collect();
        for name in gone {
            if let Some(running) = self.running.remove(&name) {
                let task = self.leaving.spawn(running.leave());
                self.left.insert(task.id(), name);
            }
        }
        for name in names {
            match self.running.get(&name) {
                Some(running) => {
                    let quota = self.settings.of(&name).quota;
                    running.host.ration.change(quota);
                    running.host.store.store_at_most(Some(quota.stored_bytes));
                }
                None if self.is_leaving(&name) => {
                    let line = format!(
                        "{name}: it is back, and is served when what ran of it before has ended"
                    );
                    self.say_once(&mut said, line);
                }
                None => self.start(name, &mut said),
            }
        }
        self.publish();
        self.said = said;
    }

    fn is_leaving(&self, name: &str) -> bool {
        self.left.values().any(|left| left == name)
    }

    fn complain(&self, said: &mut BTreeSet<String>, consequence: &str, problems: &[Problem]) {
        let mut new = false;
        for problem in problems {
            let line = problem.to_string();
            if !self.said.contains(&line) {
                paint::problem(problem);
                new = true;
            }
            said.insert(line);
        }
        if new {
            paint::event("not reloaded", consequence);
        }
    }

    fn say_once(&self, said: &mut BTreeSet<String>, line: String) {
        if !self.said.contains(&line) {
            paint::event("not served", &line);
        }
        said.insert(line);
    }

    /// The folders that can be tenants.
    fn names(&self, said: &mut BTreeSet<String>) -> Vec<String> {
        let mut names = match tenant_folders(&self.dir) {
            Ok(names) => names,
            Err(error) => {
                self.say_once(said, format!("{}: {error}", self.dir.display()));
                // A folder that cannot be read now has what it had.
                return self.running.keys().cloned().collect();
            }
        };
        // Those that run keep their places, whatever comes before them in the alphabet.
        let has_place = |name: &String| self.running.contains_key(name) || self.is_leaving(name);
        names.sort_by_cached_key(|name| (!has_place(name), name.clone()));
        names.retain(|name| {
            check_tenant_name(name)
                .inspect_err(|why| self.say_once(said, why.clone()))
                .is_ok()
        });
        let gone = self.left.values().filter(|name| !names.contains(name));
        let places = TENANTS_MAX.saturating_sub(gone.count());
        for left in names.split_off(names.len().min(places)) {
            let line = format!("{left}: a host has {TENANTS_MAX} tenants at most");
            self.say_once(said, line);
        }
        names
    }

    fn start(&mut self, name: String, said: &mut BTreeSet<String>) {
        let settings = self.settings.of(&name);
        let data = self.data.join(&name);
        let stored_max = Some(settings.quota.stored_bytes);
        let made = fonio_store::make_folder(&self.data)
            .and_then(|()| self.storage.open(&name, &data, stored_max));
        let store = match made {
            Ok(store) => store,
            Err(error) => return self.say_once(said, format!("{name}: {error}")),
        };
        let dir = self.dir.join(&name);
        let means = &self.means;
        let host = Host::of_tenant(name.clone(), settings, dir, data, store, means);
        let share = means.places.of_tenant();
        let running = Running::begin(Arc::new(host), share, means);
        self.running.insert(name, running);
    }

    /// Has the tenants that run found.
    fn publish(&self) {
        let mut table = Table::default();
        for (name, running) in &self.running {
            for hostname in self.settings.of(name).hostnames {
                table.hostnames.insert(hostname, Arc::clone(&running.host));
            }
            table.hosts.insert(name.clone(), Arc::clone(&running.host));
        }
        self.sites.serve(table);
    }

    /// Looks again whenever the folder changes, and on a hint has all tenants look too, until the sites stop; then stops
    /// every tenant.
    pub async fn follow(mut self, mut hints: mpsc::Receiver<()>) {
        let (changed, mut changes) = mpsc::channel(16);
        let _watcher = watch(&self.dir, changed);
        // What came after the first look and before the watch.
        self.look();
        loop {
            tokio::select! {
                Some(()) = changes.recv() => tokio::select! {
                    () = reload::wait_for_quiet(&mut changes, QUIET) => {}
                    () = self.sites.stopping() => break,
                },
                Some(()) = hints.recv() => self.running.values().for_each(Running::reload),
                Some(ended) = self.leaving.join_next_with_id() => {
                    self.ended(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
                () = tokio::time::sleep(RESCAN) => {}
                () = self.sites.stopping() => break,
            }
            self.look();
        }
        // All at once: each may have a step that takes its time.
        for running in self.running.values() {
            running.host.stop();
        }
        for running in self.running.into_values() {
            running.stop(self.sites.cut_off()).await;
        }
        tokio::select! {
            () = async { while self.leaving.join_next().await.is_some() {} } => {}
            // What was committed of them is safe.
            () = self.sites.cut_off() => {}
        }
    }

    /// What ran of a tenant has ended, and its store is closed: its name is free.
    fn ended(&mut self, task: Id) {
        if let Some(name) = self.left.remove(&task) {
            paint::event("tenant", &format!("{name} is gone; what it stored is kept"));
        }
    }
}

fn watch(dir: &Path, changed: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let hear = move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // Full means that a look is due already.
            let _ = changed.try_send(());
        }
    };
    let watcher = notify::recommended_watcher(hear).and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watcher
        .inspect_err(|error| tracing::warn!(%error, "the folder of tenants cannot be watched; it is read every {RESCAN:?}"))
        .ok()
}
