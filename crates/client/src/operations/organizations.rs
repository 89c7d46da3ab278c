use sb_ids::OrganizationId;
use serde_json::json;

use crate::client::Client;
use crate::error::ClientError;
use crate::types::list::{List, PageOptions};
use crate::types::organizations::{CreatedOrganization, Organization, UpdateOrganization};

impl Client {
    /// Makes an organization and its first key. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_organization(
        &self,
        name: &str,
    ) -> Result<CreatedOrganization, ClientError> {
        let body = json!({ "name": name });
        self.post("organizations.create", &["organizations"], &body, None)
            .await
    }

    /// Lists organizations. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_organizations(
        &self,
        page: &PageOptions,
    ) -> Result<List<Organization>, ClientError> {
        self.list("organizations.list", &["organizations"], page)
            .await
    }

    /// Suspends an organization or ends that. Needs the operator's key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn suspend_organization(
        &self,
        id: OrganizationId,
        suspended: bool,
    ) -> Result<Organization, ClientError> {
        let status = if suspended { "suspended" } else { "active" };
        let (id, body) = (id.to_string(), json!({ "status": status }));
        self.patch(
            "organizations.update_status",
            &["organizations", &id],
            &body,
        )
        .await
    }

    /// The organization of the key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn organization(&self) -> Result<Organization, ClientError> {
        self.get("organization.get", &["organization"]).await
    }

    /// Changes the organization of the key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_organization(
        &self,
        change: &UpdateOrganization,
    ) -> Result<Organization, ClientError> {
        self.patch("organization.update", &["organization"], change)
            .await
    }
}
