use sb_ids::ContactId;
use serde_json::json;

use crate::client::{Client, fetch};
use crate::error::ClientError;
use crate::types::contacts::{Contact, ContactMerge};
use crate::types::list::{List, PageOptions};

impl Client {
    /// Lists contacts; with an identity (phone number or business-scoped user id), only who has it now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_contacts(
        &self,
        identity: Option<&str>,
        page: &PageOptions,
    ) -> Result<List<Contact>, ClientError> {
        let mut request = self
            .request(reqwest::Method::GET, &["contacts"])
            .query(page);
        if let Some(identity) = identity {
            request = request.query(&[("identity", identity)]);
        }
        fetch("contacts.list", request).await
    }

    /// Gets a contact.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn contact(&self, id: ContactId) -> Result<Contact, ClientError> {
        self.get("contacts.get", &["contacts", &id.to_string()])
            .await
    }

    /// Gives a contact another name.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rename_contact(&self, id: ContactId, name: &str) -> Result<Contact, ClientError> {
        let body = json!({ "name": name });
        self.patch("contacts.update", &["contacts", &id.to_string()], &body)
            .await
    }

    /// Merges another contact into one: both are one person.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn merge_contact(
        &self,
        id: ContactId,
        other: ContactId,
    ) -> Result<ContactMerge, ClientError> {
        let body = json!({ "contact_id": other });
        let path = ["contacts", &id.to_string(), "merge"];
        self.post("contacts.merge", &path, &body, None).await
    }

    /// Takes a contact out of the one it was merged into.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn unmerge_contact(&self, id: ContactId) -> Result<Contact, ClientError> {
        let path = ["contacts", &id.to_string(), "unmerge"];
        self.post("contacts.unmerge", &path, &json!({}), None).await
    }

    /// Lists the merges of a contact, undone ones as well, the latest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn contact_merges(
        &self,
        id: ContactId,
        page: &PageOptions,
    ) -> Result<List<ContactMerge>, ClientError> {
        let path = ["contacts", &id.to_string(), "merges"];
        let request = self.request(reqwest::Method::GET, &path).query(page);
        fetch("contacts.merges", request).await
    }
}
