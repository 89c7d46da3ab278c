use reqwest::Method;
use sb_ids::ConversationId;

use crate::client::{Client, fetch};
use crate::error::ClientError;
use crate::types::conversations::{Conversation, ConversationFilter, UpdateConversation};
use crate::types::list::{List, PageOptions};

impl Client {
    /// Lists conversations, the most active first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        page: &PageOptions,
    ) -> Result<List<Conversation>, ClientError> {
        let request = self.request(Method::GET, &["conversations"]);
        fetch("conversations.list", request.query(filter).query(page)).await
    }

    /// Gets a conversation.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, ClientError> {
        self.get("conversations.get", &["conversations", &id.to_string()])
            .await
    }

    /// Changes a conversation.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_conversation(
        &self,
        id: ConversationId,
        change: &UpdateConversation,
    ) -> Result<Conversation, ClientError> {
        let path = ["conversations", &id.to_string()];
        self.patch("conversations.update", &path, change).await
    }
}
