use sb_ids::NumberId;

use crate::client::Client;
use crate::error::ClientError;
use crate::types::list::{List, PageOptions};
use crate::types::numbers::{CreateNumber, Number, UpdateNumber};

impl Client {
    /// Connects a number.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_number(
        &self,
        new: &CreateNumber,
        idempotency_key: Option<&str>,
    ) -> Result<Number, ClientError> {
        self.post("numbers.create", &["numbers"], new, idempotency_key)
            .await
    }

    /// Lists numbers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_numbers(&self, page: &PageOptions) -> Result<List<Number>, ClientError> {
        self.list("numbers.list", &["numbers"], page).await
    }

    /// Gets a number.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn number(&self, id: NumberId) -> Result<Number, ClientError> {
        self.get("numbers.get", &["numbers", &id.to_string()]).await
    }

    /// Changes a number.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_number(
        &self,
        id: NumberId,
        change: &UpdateNumber,
    ) -> Result<Number, ClientError> {
        self.patch("numbers.update", &["numbers", &id.to_string()], change)
            .await
    }
}
