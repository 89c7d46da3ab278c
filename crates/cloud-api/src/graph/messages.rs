//! Sending, and telling the contact that we have read and are typing.

use sb_config::Secret;
use sb_ids::{Bsuid, PhoneNumberId, WaId, Wamid};
use serde::Deserialize;
use serde_json::json;

use super::{
    Graph, GraphError, SendBody,
    answer::{Success, read},
};

/// Meta's word that it has taken a message over. Not that it was delivered: statuses tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendReceipt {
    /// Meta's id of the message.
    pub wamid: Wamid,
    /// The recipient's phone number as Meta knows it; may differ from the one asked for.
    pub wa_id: Option<WaId>,
    /// The recipient's business-scoped id.
    pub user_id: Option<Bsuid>,
    /// On templates: `accepted`, `held_for_quality_assessment` or `paused`.
    pub message_status: Option<String>,
}

#[derive(Deserialize)]
struct SendAnswer {
    #[serde(default)]
    contacts: Vec<AnswerContact>,
    messages: Vec<AnswerMessage>,
}

#[derive(Default, Deserialize)]
struct AnswerContact {
    wa_id: Option<String>,
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct AnswerMessage {
    id: String,
    message_status: Option<String>,
}

impl Graph {
    /// Sends a message from the number `from`.
    ///
    /// # Errors
    /// [`GraphError`]; only [`GraphError::NotSent`] and refusals are known not to have sent it.
    ///
    /// # Source
    /// Meta, "Send messages": `POST /{phone_number_id}/messages`, and "Marketing Messages API" for what goes there.
    pub async fn send_message(
        &self,
        token: &Secret,
        from: &PhoneNumberId,
        body: &SendBody,
    ) -> Result<SendReceipt, GraphError> {
        const OPERATION: &str = "meta.messages.send";
        let path = format!("{from}/{}", body.endpoint().as_str());
        let request = self.post(token, &path).json(body);
        let sent = request.send(OPERATION).await;
        let expected = "messages[0].id";
        let answer: SendAnswer = read(OPERATION, expected, sent).await?;
        let message = answer.messages.into_iter().next();
        let message = message.and_then(|message| {
            let wamid = Wamid::parse(message.id).ok()?;
            Some((wamid, message.message_status))
        });
        let Some((wamid, message_status)) = message else {
            return Err(GraphError::Unreadable {
                operation: OPERATION,
                http_status: 200,
                expected,
            });
        };
        let contact = answer.contacts.into_iter().next().unwrap_or_default();
        Ok(SendReceipt {
            wamid,
            wa_id: contact.wa_id.and_then(|id| WaId::parse(id).ok()),
            user_id: contact.user_id.and_then(|id| Bsuid::parse(id).ok()),
            message_status,
        })
    }

    /// Marks a contact's message, and those before it, as read. With `typing` the contact also sees
    /// that an answer is being written, for 25 seconds or until it comes.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Mark messages as read" and "Typing indicators".
    pub async fn mark_read(
        &self,
        token: &Secret,
        number: &PhoneNumberId,
        message: &Wamid,
        typing: bool,
    ) -> Result<(), GraphError> {
        const OPERATION: &str = "meta.messages.mark_read";
        let mut body = json!({
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": message.as_str(),
        });
        if typing && let Some(body) = body.as_object_mut() {
            body.insert("typing_indicator".to_owned(), json!({ "type": "text" }));
        }
        let request = self.post(token, &format!("{number}/messages")).json(&body);
        let sent = request.send(OPERATION).await;
        let answer: Success = read(OPERATION, "success", sent).await?;
        answer.confirmed(OPERATION)
    }
}
