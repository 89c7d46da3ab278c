//! Apps that receive an account's webhooks, and what a token may do.

use chrono::{DateTime, Utc};
use sb_config::Secret;
use sb_ids::{MetaAppId, WabaId};
use serde::Deserialize;

use super::{
    Graph, GraphError,
    answer::{Success, read},
};

/// An app that gets an account's webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedApp {
    /// Meta's id of the app.
    pub id: MetaAppId,
    /// The app's name.
    pub name: Option<String>,
    /// Where this account's webhooks go instead of to the app's address.
    pub override_callback_uri: Option<String>,
}

/// What Meta says about an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Whether it is accepted.
    pub is_valid: bool,
    /// The app it was made for.
    pub app_id: Option<MetaAppId>,
    /// `SYSTEM_USER`, `USER`, `APP`, …
    pub kind: Option<String>,
    /// When it ends; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Permissions.
    pub scopes: Vec<String>,
    /// Permissions with the accounts they hold for; without targets they hold for all.
    pub granular_scopes: Vec<GranularScope>,
}

/// A permission limited to some accounts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GranularScope {
    /// The permission.
    pub scope: String,
    /// Ids of the accounts.
    #[serde(default)]
    pub target_ids: Vec<String>,
}

#[derive(Deserialize)]
struct AppsAnswer {
    data: Vec<AppEntry>,
}

#[derive(Deserialize)]
struct AppEntry {
    whatsapp_business_api_data: AppData,
    override_callback_uri: Option<String>,
}

#[derive(Deserialize)]
struct AppData {
    id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    data: TokenData,
}

#[derive(Deserialize)]
struct TokenData {
    #[serde(default)]
    is_valid: bool,
    app_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    expires_at: i64,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    granular_scopes: Vec<GranularScope>,
}

impl Graph {
    /// Sends an account's webhooks to the app the token belongs to. Removes an override of the
    /// address, if there is one.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Webhook overrides": `POST /{waba}/subscribed_apps` without a body.
    pub async fn subscribe_app(&self, token: &Secret, waba: &WabaId) -> Result<(), GraphError> {
        const OPERATION: &str = "meta.subscribed_apps.add";
        let request = self.post(token, &format!("{waba}/subscribed_apps"));
        let sent = request.send(OPERATION).await;
        let answer: Success = read(OPERATION, "success", sent).await?;
        answer.confirmed(OPERATION)
    }

    /// Lists the apps that get an account's webhooks.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Webhook overrides": `GET /{waba}/subscribed_apps`.
    pub async fn subscribed_apps(
        &self,
        token: &Secret,
        waba: &WabaId,
    ) -> Result<Vec<SubscribedApp>, GraphError> {
        const OPERATION: &str = "meta.subscribed_apps.list";
        let request = self.get(token, &format!("{waba}/subscribed_apps"));
        let sent = request.send(OPERATION).await;
        let answer: AppsAnswer = read(OPERATION, "data", sent).await?;
        let apps = answer.data.into_iter().filter_map(|entry| {
            Some(SubscribedApp {
                id: MetaAppId::parse(entry.whatsapp_business_api_data.id).ok()?,
                name: entry.whatsapp_business_api_data.name,
                override_callback_uri: entry.override_callback_uri,
            })
        });
        Ok(apps.collect())
    }

    /// Asks what `inspected` may do. `token` is the app's own (`app_id|app_secret`), a developer's,
    /// or the inspected token itself.
    ///
    /// # Errors
    /// [`GraphError`]; an invalid `inspected` is an answer, not an error.
    ///
    /// # Source
    /// Meta, "Access token debugging": `GET /debug_token?input_token=…`.
    pub async fn debug_token(
        &self,
        token: &Secret,
        inspected: &Secret,
    ) -> Result<TokenInfo, GraphError> {
        const OPERATION: &str = "meta.tokens.debug";
        let request = self
            .get(token, "debug_token")
            .query(&[("input_token", inspected.expose())]);
        let sent = request.send(OPERATION).await;
        let TokenAnswer { data } = read(OPERATION, "data", sent).await?;
        Ok(TokenInfo {
            is_valid: data.is_valid,
            app_id: data.app_id.and_then(|id| MetaAppId::parse(id).ok()),
            kind: data.kind,
            expires_at: Some(data.expires_at)
                .filter(|seconds| *seconds > 0)
                .and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            scopes: data.scopes,
            granular_scopes: data.granular_scopes,
        })
    }
}
