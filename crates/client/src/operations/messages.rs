use reqwest::Method;
use sb_ids::{ConversationId, MessageId};

use crate::client::{Client, fetch};
use crate::error::ClientError;
use crate::types::list::{List, MessageOrder, PageOptions};
use crate::types::messages::{Message, SendMessage};

impl Client {
    /// Queues a message.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send_message(
        &self,
        new: &SendMessage,
        idempotency_key: Option<&str>,
    ) -> Result<Message, ClientError> {
        self.post("messages.send", &["messages"], new, idempotency_key)
            .await
    }

    /// Gets a message.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn message(&self, id: MessageId) -> Result<Message, ClientError> {
        self.get("messages.get", &["messages", &id.to_string()])
            .await
    }

    /// Lists the messages of a conversation by their place in it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_messages(
        &self,
        conversation: ConversationId,
        order: MessageOrder,
        page: &PageOptions,
    ) -> Result<List<Message>, ClientError> {
        let path = ["conversations", &conversation.to_string(), "messages"];
        let request = self.request(Method::GET, &path);
        fetch(
            "messages.list",
            request.query(&[("order", order)]).query(page),
        )
        .await
    }
}
