//! Who calls: the access token, and what it reaches.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::error::GraphError;
use crate::state::accounts::AccessToken;
use crate::state::faults::Strike;
use crate::state::{Simulator, State};

/// A caller whose token is good.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) simulator: Simulator,
    pub(crate) token: AccessToken,
    /// Address the caller used, for links in answers.
    pub(crate) base_url: String,
}

impl FromRequest for Caller {
    type Error = GraphError;
    type Future = Ready<Result<Self, GraphError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Caller, GraphError> {
    let simulator = request
        .app_data::<web::Data<Simulator>>()
        .ok_or_else(|| GraphError::new(131_000))?;
    let token = bearer(request).ok_or_else(GraphError::no_token)?;
    let connection = request.connection_info();
    let base_url = format!("{}://{}", connection.scheme(), connection.host());
    let token = simulator.read(|state| check(state, &token, simulator.now()))?;
    Ok(Caller {
        simulator: simulator.as_ref().clone(),
        token,
        base_url,
    })
}

/// Checks a token.
pub(crate) fn check(
    state: &State,
    token: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<AccessToken, GraphError> {
    if let Some(found) = state.accounts.tokens.get(token) {
        return match found.expires_at {
            Some(at) if at <= now => Err(GraphError::expired_token(&at.to_rfc2822())),
            _ => Ok(found.clone()),
        };
    }
    // An app may always speak as itself: `{app id}|{app secret}`.
    if let Some((app_id, secret)) = token.split_once('|')
        && let Some(app) = state.accounts.apps.get(app_id)
        && app.secret == secret
    {
        return Ok(AccessToken {
            app_id: app.id.clone(),
            expires_at: None,
            waba_ids: Vec::new(),
        });
    }
    Err(GraphError::wrong_token())
}

/// What stands in the place of a token; it may be wrong.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(pub(crate) Option<String>);

impl FromRequest for Bearer {
    type Error = GraphError;
    type Future = Ready<Result<Self, GraphError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(bearer(request))))
    }
}

/// The token of the header or of the query.
fn bearer(request: &HttpRequest) -> Option<String> {
    let header = request
        .headers()
        .get("Authorization")
        .and_then(|value| value.to_str().ok());
    if let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) {
        let is_token =
            scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth");
        return is_token.then(|| token.trim().to_owned());
    }
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    query
        .into_inner()
        .into_iter()
        .find_map(|(name, value)| (name == "access_token").then_some(value))
}

impl Caller {
    /// Fails unless the number exists and the token reaches its account.
    pub(crate) fn number(
        &self,
        state: &State,
        method: &str,
        id: &str,
    ) -> Result<String, GraphError> {
        state
            .accounts
            .numbers
            .get(id)
            .filter(|number| self.token.reaches(&number.waba_id))
            .map(|number| number.waba_id.clone())
            .ok_or_else(|| GraphError::unknown_object(method, id))
    }

    /// Fails unless the account exists and the token reaches it.
    pub(crate) fn waba(&self, state: &State, method: &str, id: &str) -> Result<(), GraphError> {
        (state.accounts.wabas.contains_key(id) && self.token.reaches(id))
            .then_some(())
            .ok_or_else(|| GraphError::unknown_object(method, id))
    }

    /// Lets the faults of a number (or, with an empty id, the global ones)
    /// strike the call.
    pub(crate) async fn gate(&self, number_id: &str) -> Result<(), GraphError> {
        let Strike {
            latency,
            outage,
            error,
        } = self
            .simulator
            .change(|state, _| state.faults.strike(number_id, &mut state.ids));
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if outage {
            return Err(GraphError::outage());
        }
        match error {
            Some(fault) => Err(GraphError::injected(&fault)),
            None => Ok(()),
        }
    }
}
