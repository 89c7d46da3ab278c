//! `switchboard tail`

use sb_config::Settings;
use serde_json::json;

use super::gateway;
use crate::cli::TailArgs;

/// Prints events as JSON lines until it is interrupted; `place` is what `--after` takes.
pub(super) async fn run(args: &TailArgs, settings: &Settings) -> anyhow::Result<()> {
    let client = gateway::connect(&args.gateway, settings)?;
    let mut events = client.events(args.after.clone());
    events.connect().await?;
    while let Some(next) = events.next().await {
        let placed = next?;
        let event = placed.event;
        let line = json!({
            "place": placed.place,
            "id": event.id,
            "type": event.kind,
            "occurred_at": event.occurred_at,
            "conversation_id": event.conversation_id,
            "sequence": event.sequence,
            "data": event.data,
        });
        super::print(&line.to_string());
    }
    Ok(())
}
