//! The access tokens of one credential: which one counts now, and when the next is asked for.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fonio_project::{Credential, OAuthSettings, is_oauth_field, oauth_field};
use fonio_sandbox::{Egress, Refused, SecretText};
use serde_json::{Map, Value};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::exchange::{Exchange, Granted, OAuthError};
use super::kept::Kept;
use super::known::{Known, Named};
use crate::rarely::{Line, Rarely};

/// What an endpoint that says nothing of it, and a credential whose token somebody else got, mean most often.
const USUAL_LIFETIME: Duration = Duration::from_secs(3600);
/// With less left of it a token is not used: clocks differ, and the step that begins with it takes its time.
const MARGIN_MAX: Duration = Duration::from_secs(30);
/// With less left the next one is asked for, while this one is still used.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// A token as steps get it.
#[derive(Debug)]
pub struct AccessToken {
    /// No two of a credential have the same.
    pub number: u64,
    /// The token itself.
    pub value: SecretText,
    /// `token_type`, where the endpoint said it.
    pub token_type: Option<String>,
    /// `scope`, where the endpoint said it.
    pub scope: Option<String>,
    /// Until when it counts.
    pub expires: SystemTime,
    lifetime: Duration,
    /// What the credential has had besides, with the names of the fields; replies and logs are looked through for it.
    pub known: Vec<(String, SecretText)>,
}

impl AccessToken {
    /// Whether at least a part of its life, `most` at the most, is left.
    fn has_left(&self, part: u32, most: Duration) -> bool {
        let margin = (self.lifetime / part).min(most);
        SystemTime::now() + margin < self.expires
    }

    fn is_usable(&self) -> bool {
        self.has_left(4, MARGIN_MAX)
    }

    fn is_ageing(&self) -> bool {
        !self.has_left(2, AHEAD_MAX)
    }

    /// `expires_at` as OpenFn's credentials have it: seconds since 1970.
    pub fn expires_at(&self) -> u64 {
        let since = self.expires.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    }
}

/// Gets tokens for one credential, one at a time, and keeps the last.
#[derive(Debug)]
pub struct Tokens {
    /// Of the credential, for messages.
    name: String,
    /// Or why none can be asked for.
    exchange: Result<Exchange, OAuthError>,
    first_refresh_token: Option<SecretText>,
    kept: Option<Kept>,
    state: Mutex<State>,
    /// Held while one is asked for.
    turn: Arc<Turn<()>>,
}

#[derive(Debug)]
struct State {
    token: Option<Arc<AccessToken>>,
    /// Numbers given so far.
    numbers: u64,
    /// When the last try ended in vain, and why.
    failed: Option<(Instant, OAuthError)>,
    /// The last that the endpoint gave, where it could not be kept.
    refresh_token: Option<SecretText>,
    known: Known,
    /// That no new token was given, while the old one is used.
    complaints: Rarely,
}

impl Tokens {
    /// For this credential; what the endpoint gives to be kept is kept in `data`. Nothing is asked for yet.
    pub fn new(
        credential: &Credential,
        settings: &OAuthSettings,
        egress: Egress,
        data: &Path,
    ) -> Tokens {
        let body = &*credential.body;
        let refresh = oauth_field(body, "refresh_token");
        let state = State {
            token: given(body).map(Arc::new),
            numbers: 0,
            failed: None,
            refresh_token: None,
            known: Known::of(body),
            complaints: Rarely::new(1),
        };
        Tokens {
            name: credential.name.clone(),
            exchange: Exchange::new(settings, body, egress),
            first_refresh_token: refresh.map(|token| SecretText::new(token.to_owned())),
            kept: Kept::new(data, &credential.name, settings, body),
            state: Mutex::new(state),
            turn: Arc::default(),
        }
    }

    /// The name of the credential.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A token that counts. It waits only where there is none; one that ages is replaced meanwhile.
    ///
    /// # Errors
    /// When there is none, and the endpoint gives none.
    pub async fn current(self: &Arc<Self>) -> Result<Arc<AccessToken>, OAuthError> {
        let asked = Instant::now();
        if let Some(token) = self.usable() {
            if token.is_ageing()
                && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
            {
                tokio::spawn(Arc::clone(self).renew(turn));
            }
            return Ok(token);
        }
        // On its own, so that a new refresh token is not lost when whoever waits for it goes away.
        let this = Arc::clone(self);
        let fetched = tokio::spawn(async move {
            let turn = Arc::clone(&this.turn).lock_owned().await;
            // Others may have asked while this one waited, and what they were told counts for it, too.
            if let Some(token) = this.usable() {
                return Ok(token);
            }
            match this.failed_since(asked) {
                Some(error) => Err(error),
                None => this.fetch(turn).await,
            }
        });
        match fetched.await {
            Ok(fetched) => fetched,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn renew(self: Arc<Self>, turn: OwnedMutexGuard<()>) {
        if let Err(error) = self.fetch(turn).await
            && let Line::Said { .. } = self.state().complaints.weigh(Instant::now())
        {
            tracing::warn!(credential = self.name, %error, "no new access token yet; the old one is still used");
        }
    }

    async fn fetch(&self, _turn: OwnedMutexGuard<()>) -> Result<Arc<AccessToken>, OAuthError> {
        let refresh_token = self.refresh_token();
        self.know(None, refresh_token.as_ref());
        let known = self.state().known.all();
        let asked = match &self.exchange {
            Ok(exchange) => exchange.ask(refresh_token.as_ref(), known).await,
            Err(lacks) => Err(lacks.clone()),
        };
        let granted = asked.inspect_err(|error| {
            self.state().failed = Some((Instant::now(), error.clone()));
        })?;
        if let Some(next) = &granted.refresh_token {
            self.keep(next);
        }
        self.know(Some(&granted.token), granted.refresh_token.as_ref());
        let mut state = self.state();
        let known = state.known.in_use();
        state.numbers += 1;
        let token = Arc::new(fresh(granted, state.numbers, known));
        state.token = Some(Arc::clone(&token));
        state.failed = None;
        Ok(token)
    }

    /// Remembers these.
    fn know(&self, access: Option<&SecretText>, refresh: Option<&SecretText>) {
        let known = &mut self.state().known;
        if let Some(token) = access {
            known.add_access_token(token);
        }
        if let Some(token) = refresh {
            known.add_refresh_token(token);
        }
    }

    /// The last that the endpoint gave, else the credential's own.
    fn refresh_token(&self) -> Option<SecretText> {
        let given = self.state().refresh_token.clone();
        // Read each time: `fonio run` beside a host may have been given another.
        given
            .or_else(|| self.kept.as_ref()?.read())
            .or_else(|| self.first_refresh_token.clone())
    }

    fn keep(&self, next: &SecretText) {
        let same = |known: SecretText| known.expose() == next.expose();
        if self.refresh_token().is_some_and(same) {
            return;
        }
        let kept = self.kept.as_ref().map(|kept| kept.write(next));
        match kept {
            Some(Ok(())) => self.state().refresh_token = None,
            Some(Err(error)) => {
                tracing::error!(credential = self.name, %error, "a new refresh token cannot be kept: it is lost when this program ends");
                self.state().refresh_token = Some(next.clone());
            }
            // With client_credentials there is no use for one.
            None => {}
        }
    }

    fn usable(&self) -> Option<Arc<AccessToken>> {
        let token = self.state().token.clone();
        token.filter(|token| token.is_usable())
    }

    fn failed_since(&self, asked: Instant) -> Option<OAuthError> {
        let failed = self.state().failed.clone();
        failed.and_then(|(at, error)| (at >= asked).then_some(error))
    }

    fn drop_token(&self, number: u64) {
        let mut state = self.state();
        if state
            .token
            .as_ref()
            .is_some_and(|token| token.number == number)
        {
            state.token = None;
        }
    }

    /// What a panicking holder left is whole: each field is set at once.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One token, for whoever hears that a system did not take it.
#[derive(Debug)]
pub(super) struct OneToken(Arc<Tokens>, u64);

impl Tokens {
    /// Drops the token of this number when it is refused, so that the next step gets another.
    pub fn drop_when_refused(self: &Arc<Self>, number: u64) -> Arc<dyn Refused> {
        Arc::new(OneToken(Arc::clone(self), number))
    }
}

impl Refused for OneToken {
    fn refused(&self) {
        self.0.drop_token(self.1);
    }
}

fn fresh(granted: Granted, number: u64, known: Vec<Named>) -> AccessToken {
    let lifetime = granted.lifetime.unwrap_or(USUAL_LIFETIME);
    AccessToken {
        number,
        value: granted.token,
        token_type: granted.token_type,
        scope: granted.scope,
        expires: SystemTime::now() + lifetime,
        lifetime,
        known,
    }
}

/// The token that a credential came with, as those of OpenFn do; nothing if it does not say until when it counts.
fn given(body: &Map<String, Value>) -> Option<AccessToken> {
    let (_, expires) = body
        .iter()
        .find(|(key, _)| is_oauth_field(key, "expires_at"))?;
    let text = expires.as_str().and_then(|text| text.trim().parse().ok());
    let expires: u64 = expires.as_u64().or(text)?;
    Some(AccessToken {
        number: 0,
        value: SecretText::new(oauth_field(body, "access_token")?.to_owned()),
        token_type: None,
        scope: None,
        expires: UNIX_EPOCH.checked_add(Duration::from_secs(expires))?,
        lifetime: USUAL_LIFETIME,
        known: Vec::new(),
    })
}
