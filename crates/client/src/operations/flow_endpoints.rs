use reqwest::Method;
use sb_ids::FlowEndpointId;

use crate::client::{Client, accepted};
use crate::error::ClientError;
use crate::types::flow_endpoints::{
    CreateFlowEndpoint, CreatedFlowEndpoint, FlowEndpoint, RotateFlowKey, UpdateFlowEndpoint,
};
use crate::types::list::{List, PageOptions};

const PATH: &str = "flow-endpoints";

impl Client {
    /// Makes a flow endpoint. Repeated, it makes another one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_flow_endpoint(
        &self,
        new: &CreateFlowEndpoint,
    ) -> Result<CreatedFlowEndpoint, ClientError> {
        self.post("flow_endpoints.create", &[PATH], new, None).await
    }

    /// Lists flow endpoints.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_flow_endpoints(
        &self,
        page: &PageOptions,
    ) -> Result<List<FlowEndpoint>, ClientError> {
        self.list("flow_endpoints.list", &[PATH], page).await
    }

    /// Gets a flow endpoint.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn flow_endpoint(&self, id: FlowEndpointId) -> Result<FlowEndpoint, ClientError> {
        self.get("flow_endpoints.get", &[PATH, &id.to_string()])
            .await
    }

    /// Changes a flow endpoint.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_flow_endpoint(
        &self,
        id: FlowEndpointId,
        change: &UpdateFlowEndpoint,
    ) -> Result<FlowEndpoint, ClientError> {
        self.patch("flow_endpoints.update", &[PATH, &id.to_string()], change)
            .await
    }

    /// Rotates the key pair that all flow endpoints of the account share.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rotate_flow_key(
        &self,
        id: FlowEndpointId,
        how: RotateFlowKey,
        idempotency_key: Option<&str>,
    ) -> Result<FlowEndpoint, ClientError> {
        let path = [PATH, &id.to_string(), "rotate-key"];
        self.post("flow_endpoints.rotate_key", &path, &how, idempotency_key)
            .await
    }

    /// Removes a flow endpoint.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_flow_endpoint(&self, id: FlowEndpointId) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &[PATH, &id.to_string()]);
        accepted("flow_endpoints.delete", request).await.map(drop)
    }
}
