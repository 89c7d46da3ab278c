use reqwest::Method;
use sb_ids::ApiKeyId;

use crate::client::{Client, fetch};
use crate::error::ClientError;
use crate::types::api_keys::{ApiKey, CreateApiKey, CreatedApiKey};
use crate::types::list::{List, PageOptions};

impl Client {
    /// Makes an API key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_api_key(&self, new: &CreateApiKey) -> Result<CreatedApiKey, ClientError> {
        self.post("api_keys.create", &["api-keys"], new, None).await
    }

    /// Lists API keys.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_api_keys(&self, page: &PageOptions) -> Result<List<ApiKey>, ClientError> {
        self.list("api_keys.list", &["api-keys"], page).await
    }

    /// Ends an API key for good.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<ApiKey, ClientError> {
        let request = self.request(Method::DELETE, &["api-keys", &id.to_string()]);
        fetch("api_keys.revoke", request).await
    }
}
