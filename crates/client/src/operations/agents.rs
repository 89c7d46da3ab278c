use reqwest::Method;
use sb_ids::AgentId;

use crate::client::{Client, accepted};
use crate::error::ClientError;
use crate::types::agents::{Agent, CreateAgent, UpdateAgent};
use crate::types::list::{List, PageOptions};

impl Client {
    /// Makes an agent.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_agent(
        &self,
        new: &CreateAgent,
        idempotency_key: Option<&str>,
    ) -> Result<Agent, ClientError> {
        self.post("agents.create", &["agents"], new, idempotency_key)
            .await
    }

    /// Lists agents.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_agents(&self, page: &PageOptions) -> Result<List<Agent>, ClientError> {
        self.list("agents.list", &["agents"], page).await
    }

    /// Gets an agent.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn agent(&self, id: AgentId) -> Result<Agent, ClientError> {
        self.get("agents.get", &["agents", &id.to_string()]).await
    }

    /// Changes an agent.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_agent(
        &self,
        id: AgentId,
        change: &UpdateAgent,
    ) -> Result<Agent, ClientError> {
        self.patch("agents.update", &["agents", &id.to_string()], change)
            .await
    }

    /// Removes an agent.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_agent(&self, id: AgentId) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &["agents", &id.to_string()]);
        accepted("agents.delete", request).await.map(drop)
    }
}
