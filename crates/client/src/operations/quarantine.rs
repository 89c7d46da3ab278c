use reqwest::Method;
use sb_ids::QuarantineId;
use serde_json::json;

use crate::client::{Client, Path, fetch};
use crate::error::ClientError;
use crate::types::list::{List, PageOptions};
use crate::types::quarantine::{QuarantineFilter, QuarantinedUpdate};

impl Client {
    /// Lists updates in quarantine, without their payloads.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_quarantine(
        &self,
        filter: &QuarantineFilter,
        page: &PageOptions,
    ) -> Result<List<QuarantinedUpdate>, ClientError> {
        self.list_updates("quarantine.list", &["quarantine"], (filter, page))
            .await
    }

    /// Gets an update in quarantine, with its payload.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn quarantined(&self, id: QuarantineId) -> Result<QuarantinedUpdate, ClientError> {
        self.get("quarantine.get", &["quarantine", &id.to_string()])
            .await
    }

    /// Runs an update in quarantine again; the answer comes before the outcome.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn replay_quarantined(
        &self,
        id: QuarantineId,
    ) -> Result<QuarantinedUpdate, ClientError> {
        let (id, body) = (id.to_string(), json!({}));
        let path = ["quarantine", &id, "replay"];
        self.post("quarantine.replay", &path, &body, None).await
    }

    /// Discards an update in quarantine.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn discard_quarantined(
        &self,
        id: QuarantineId,
        note: &str,
    ) -> Result<QuarantinedUpdate, ClientError> {
        let (id, body) = (id.to_string(), json!({ "note": note }));
        let path = ["quarantine", &id, "discard"];
        self.post("quarantine.discard", &path, &body, None).await
    }

    /// Lists updates in quarantine, of all organizations and of none. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn operator_list_quarantine(
        &self,
        filter: &QuarantineFilter,
        page: &PageOptions,
    ) -> Result<List<QuarantinedUpdate>, ClientError> {
        let path = ["operator", "quarantine"];
        self.list_updates("operator_quarantine.list", &path, (filter, page))
            .await
    }

    /// Gets any update in quarantine, with its payload. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn operator_quarantined(
        &self,
        id: QuarantineId,
    ) -> Result<QuarantinedUpdate, ClientError> {
        let path = ["operator", "quarantine", &id.to_string()];
        self.get("operator_quarantine.get", &path).await
    }

    /// Runs any update in quarantine again; the answer comes before the outcome. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn operator_replay_quarantined(
        &self,
        id: QuarantineId,
    ) -> Result<QuarantinedUpdate, ClientError> {
        let (id, body) = (id.to_string(), json!({}));
        let path = ["operator", "quarantine", &id, "replay"];
        self.post("operator_quarantine.replay", &path, &body, None)
            .await
    }

    /// Discards any update in quarantine. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn operator_discard_quarantined(
        &self,
        id: QuarantineId,
        note: &str,
    ) -> Result<QuarantinedUpdate, ClientError> {
        let (id, body) = (id.to_string(), json!({ "note": note }));
        let path = ["operator", "quarantine", &id, "discard"];
        self.post("operator_quarantine.discard", &path, &body, None)
            .await
    }

    async fn list_updates(
        &self,
        operation: &'static str,
        path: Path<'_>,
        (filter, page): (&QuarantineFilter, &PageOptions),
    ) -> Result<List<QuarantinedUpdate>, ClientError> {
        let request = self.request(Method::GET, path);
        fetch(operation, request.query(filter).query(page)).await
    }
}
