//! `switchboard send`

use sb_client::SendMessage;
use sb_config::Settings;
use serde_json::json;

use super::gateway;
use crate::cli::SendArgs;

/// Queues a text message and prints where it stands as JSON.
pub(super) async fn run(args: &SendArgs, settings: &Settings) -> anyhow::Result<()> {
    let client = gateway::connect(&args.gateway, settings)?;
    let mut message = SendMessage::text(args.to.as_str(), args.text.as_str());
    if let Some(from) = &args.from {
        message = message.from(from.as_str());
    }
    let sent = client
        .send_message(&message, args.idempotency_key.as_deref())
        .await?;
    let printed = json!({
        "id": sent.id,
        "conversation_id": sent.conversation_id,
        "status": sent.status,
        "sequence": sent.sequence,
    });
    super::print(&printed.to_string());
    Ok(())
}
