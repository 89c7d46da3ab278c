//! What a tenant sees, waited for.

use std::time::Duration;

use e2e::{Tenant, until_some};
use sb_client::{Conversation, ConversationFilter, Message, MessageOrder, PageOptions};
use sb_domain::content::{MessageContent, Part};
use sb_ids::{ConversationId, MessageId};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The one conversation a tenant has, once it is there.
pub(crate) async fn only_conversation(tenant: &Tenant) -> anyhow::Result<Conversation> {
    let everything = ConversationFilter::default();
    until_some("there is one conversation", PATIENCE, async || {
        let page = tenant
            .client
            .list_conversations(&everything, &PageOptions::default())
            .await?;
        let mut conversations = page.data;
        anyhow::ensure!(
            conversations.len() <= 1,
            "several conversations: {conversations:?}"
        );
        Ok(conversations.pop())
    })
    .await
}

/// The messages of a conversation in their order.
pub(crate) async fn messages(
    tenant: &Tenant,
    conversation: ConversationId,
) -> anyhow::Result<Vec<Message>> {
    let page = PageOptions {
        limit: Some(200),
        after: None,
    };
    Ok(tenant
        .client
        .list_messages(conversation, MessageOrder::Asc, &page)
        .await?
        .data)
}

/// The messages of a conversation, once there are so many.
pub(crate) async fn messages_once(
    tenant: &Tenant,
    conversation: ConversationId,
    count: usize,
) -> anyhow::Result<Vec<Message>> {
    let what = format!("there are {count} messages");
    until_some(&what, PATIENCE, async || {
        let found = messages(tenant, conversation).await?;
        Ok((found.len() >= count).then_some(found))
    })
    .await
}

/// A message of ours, once it is this far and its sender has recorded that Meta took it: statuses can be faster than
/// the answer to the send.
pub(crate) async fn message_once(
    tenant: &Tenant,
    id: MessageId,
    status: &str,
) -> anyhow::Result<Message> {
    let what = format!("message {id} is {status}");
    until_some(&what, PATIENCE, async || {
        let message = tenant.client.message(id).await?;
        Ok((message.status == status && message.accepted_at.is_some()).then_some(message))
    })
    .await
}

/// The words of a text message.
pub(crate) fn words(content: &MessageContent) -> &str {
    if let Part::Text { body, .. } = &content.part {
        body
    } else {
        ""
    }
}
