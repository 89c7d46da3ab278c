//! `switchboard why`: the story of one message.

use std::fmt::Write;

use anyhow::bail;
use sb_config::{Need, Settings};
use sb_db::{Db, MessageStory, QuarantinedItem, SystemReason};
use sb_events::Topology;
use serde_json::{Value, json};
use uuid::Uuid;

/// Prints the story of the message with this id or wamid, and of the answers to it.
pub(crate) async fn run(id: &str, as_json: bool, settings: &Settings) -> anyhow::Result<()> {
    settings.require(&[Need::DatabaseUrl])?;
    let db = Db::connect(&settings.database, Topology::new(&settings.nats.prefix)).await?;
    db.check_migrations().await?;
    let mut tx = db.system(SystemReason::Operations).await?;
    let mut stories = tx.stories();
    let found = stories.find(Uuid::try_parse(id).ok(), id).await?;
    if found.is_empty() {
        let aside = tx.quarantine().search(id).await?;
        bail!("no message has the id or wamid {id}. {}", hint(&aside));
    }
    let mut chapters = Vec::new();
    for story in found {
        let answers = if story.direction == "incoming" {
            stories.answers(&story).await?
        } else {
            Vec::new()
        };
        chapters.push(story);
        for answer in answers {
            chapters.extend(stories.find(Some(answer.as_uuid()), "").await?);
        }
    }
    let text = if as_json {
        serde_json::to_string_pretty(&chapters.iter().map(to_json).collect::<Vec<Value>>())?
    } else {
        chapters
            .iter()
            .map(to_text)
            .collect::<Vec<String>>()
            .join("\n")
    };
    super::print(&text);
    Ok(())
}

/// Where else to look.
fn hint(aside: &[QuarantinedItem]) -> String {
    if aside.is_empty() {
        return "Nothing in quarantine mentions it either; if Meta has just sent it, look at the `updates` metric of \
                whatsapp-webhook"
            .to_owned();
    }
    let lines = aside.iter().map(|item| {
        let (id, reason) = (item.id, &item.reason);
        format!("\n  in quarantine for {reason}: `switchboard quarantine show --operator {id}`")
    });
    lines.collect()
}

fn to_json(story: &MessageStory) -> Value {
    json!({
        "organization_id": story.organization,
        "message_id": story.id,
        "conversation_id": story.conversation,
        "wamid": story.wamid,
        "direction": story.direction,
        "content_type": story.content_type,
        "state": story.state,
        "sequence": story.sequence,
        "attempts": story.attempts,
        "error_code": story.error_code,
        "error": story.error,
        "post_id": story.post,
        "updates_sequence": story.source_sequence,
        "agent_id": story.agent,
        "hops": story.hops.iter().map(|hop| json!({
            "at": hop.at, "what": hop.what, "detail": hop.detail,
        })).collect::<Vec<Value>>(),
    })
}

fn to_text(story: &MessageStory) -> String {
    let mut text = format!(
        "{} message {}: {} ({}), number {} of its conversation\n  organization {}\n  conversation {}\n",
        story.direction,
        story.id,
        story.state,
        story.content_type,
        story.sequence,
        story.organization,
        story.conversation,
    );
    let optional = [
        ("wamid", story.wamid.clone()),
        ("post", story.post.map(|id| id.to_string())),
        (
            "place in UPDATES",
            story.source_sequence.map(|n| n.to_string()),
        ),
        ("agent", story.agent.map(|id| id.to_string())),
        ("error", story.error_code.clone()),
        ("Meta's error", story.error.as_ref().map(Value::to_string)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            line(&mut text, &format!("  {name} {value}"));
        }
    }
    let start = story.hops.first().map(|hop| hop.at);
    for hop in &story.hops {
        let after = start.map_or(0, |start| (hop.at - start).num_milliseconds());
        let at = hop.at.format("%Y-%m-%d %H:%M:%S%.3f");
        line(
            &mut text,
            &format!("  {at}  +{after:>6} ms  {} {}", hop.what, hop.detail),
        );
    }
    if let Some(advice) = advice(story) {
        line(&mut text, &format!("  → {advice}"));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

/// What to do about a message that is stuck.
fn advice(story: &MessageStory) -> Option<String> {
    let code = story.error_code.as_deref().unwrap_or_default();
    match story.state.as_str() {
        "queued" if code == "meta.190" => {
            Some("Meta refuses the number's token: store a new one with PATCH /v1/numbers/{id}".to_owned())
        }
        "queued" => Some(
            "it waits for its turn: an earlier message of the conversation, the number's pace, or send_at"
                .to_owned(),
        ),
        "sending" => Some("a dispatcher is at it; if it died, the message becomes `unknown` soon".to_owned()),
        "unknown" => Some(
            "Meta's answer was lost. It is not sent again; a status with our id resolves it".to_owned(),
        ),
        "failed" if code == "meta.131047" || code == "conversation.window_closed" => {
            Some("the contact wrote more than 24 hours ago: send a template".to_owned())
        }
        "failed" => Some("look the code up in Meta's error list, or our problems page".to_owned()),
        _ => None,
    }
}
