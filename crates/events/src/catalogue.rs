//! Every event and command: who makes it, who reads it, where it travels.

use crate::event::ItemKind;
use crate::streams::Stream;

/// One row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Full protobuf name.
    pub name: &'static str,
    /// Fact or order.
    pub kind: ItemKind,
    /// The stream that carries it.
    pub stream: Stream,
    /// What keeps its order.
    pub ordering_key: &'static str,
    /// Packages that publish it.
    pub producers: &'static [&'static str],
    /// Packages that act on it.
    pub consumers: &'static [&'static str],
    /// Its name in the public API, when tenants may see it.
    pub public_name: Option<&'static str>,
}

const fn fact(
    name: &'static str,
    ordering_key: &'static str,
    producers: &'static [&'static str],
    consumers: &'static [&'static str],
    public_name: &'static str,
) -> Entry {
    Entry {
        name,
        kind: ItemKind::Event,
        stream: Stream::Events,
        ordering_key,
        producers,
        consumers,
        public_name: Some(public_name),
    }
}

const fn order(name: &'static str, producers: &'static [&'static str]) -> Entry {
    Entry {
        name,
        kind: ItemKind::Command,
        stream: Stream::Dispatch,
        ordering_key: "number",
        producers,
        consumers: &["whatsapp-dispatcher"],
        public_name: None,
    }
}

/// The whole contract.
pub const CATALOGUE: &[Entry] = &[
    fact(
        "switchboard.message.v1.MessageReceived",
        "conversation",
        &["whatsapp-webhook"],
        &["agent-client", "gateway"],
        "message.received",
    ),
    fact(
        "switchboard.message.v1.MessageQueued",
        "conversation",
        &["gateway", "agent-client"],
        &["gateway"],
        "message.queued",
    ),
    fact(
        "switchboard.message.v1.MessageAccepted",
        "conversation",
        &["whatsapp-dispatcher"],
        &["gateway"],
        "message.accepted",
    ),
    fact(
        "switchboard.message.v1.MessageFailed",
        "conversation",
        &["whatsapp-dispatcher"],
        &["gateway"],
        "message.failed",
    ),
    fact(
        "switchboard.message.v1.MessageStatusChanged",
        "conversation",
        &["whatsapp-webhook", "whatsapp-dispatcher"],
        &["gateway"],
        "message.status",
    ),
    fact(
        "switchboard.message.v1.MessageAnnotated",
        "conversation",
        &["annotator"],
        &["gateway"],
        "message.annotated",
    ),
    fact(
        "switchboard.media.v1.MediaStored",
        "file",
        &["gateway", "whatsapp-webhook"],
        &["annotator", "gateway"],
        "media.stored",
    ),
    fact(
        "switchboard.media.v1.MediaFailed",
        "file",
        &["whatsapp-webhook"],
        &["gateway"],
        "media.failed",
    ),
    fact(
        "switchboard.number.v1.NumberChanged",
        "number",
        &[
            "whatsapp-manager",
            "whatsapp-dispatcher",
            "whatsapp-webhook",
        ],
        &["gateway"],
        "number.changed",
    ),
    fact(
        "switchboard.message.v1.MessageEchoed",
        "conversation",
        &["whatsapp-webhook"],
        &["gateway"],
        "message.echoed",
    ),
    fact(
        "switchboard.message.v1.MessageImported",
        "conversation",
        &["whatsapp-webhook"],
        &["gateway"],
        "message.imported",
    ),
    fact(
        "switchboard.message.v1.MessageEdited",
        "conversation",
        &["whatsapp-webhook"],
        &["gateway"],
        "message.edited",
    ),
    fact(
        "switchboard.message.v1.MessageRevoked",
        "conversation",
        &["whatsapp-webhook"],
        &["gateway"],
        "message.revoked",
    ),
    fact(
        "switchboard.account.v1.AccountUpdated",
        "account",
        &["whatsapp-webhook"],
        &["gateway"],
        "account.updated",
    ),
    fact(
        "switchboard.template.v1.TemplateChanged",
        "account",
        &["whatsapp-webhook"],
        &["gateway"],
        "template.changed",
    ),
    fact(
        "switchboard.call.v1.CallSignalled",
        "call",
        &["whatsapp-webhook"],
        &["gateway"],
        "call.signalled",
    ),
    fact(
        "switchboard.contact.v1.ContactPreferenceChanged",
        "contact",
        &["whatsapp-webhook"],
        &["gateway"],
        "contact.preference_changed",
    ),
    fact(
        "switchboard.contact.v1.ContactChanged",
        "contact",
        &["whatsapp-webhook", "whatsapp-dispatcher", "gateway"],
        &["gateway"],
        "contact.changed",
    ),
    fact(
        "switchboard.contact.v1.ContactMerged",
        "contact",
        &["whatsapp-webhook", "whatsapp-dispatcher", "gateway"],
        &["gateway"],
        "contact.merged",
    ),
    fact(
        "switchboard.contact.v1.ContactUnmerged",
        "contact",
        &["gateway"],
        &["gateway"],
        "contact.unmerged",
    ),
    fact(
        "switchboard.conversation.v1.ConversationHandedOver",
        "conversation",
        &["whatsapp-webhook"],
        &["gateway"],
        "conversation.handed_over",
    ),
    fact(
        "switchboard.group.v1.GroupChanged",
        "group",
        &["whatsapp-webhook"],
        &["gateway"],
        "group.changed",
    ),
    fact(
        "switchboard.update.v1.UpdateUnrecognized",
        "account",
        &["whatsapp-webhook"],
        &["gateway"],
        "update.unrecognized",
    ),
    order(
        "switchboard.dispatch.v1.SendMessage",
        &["gateway", "agent-client", "whatsapp-dispatcher"],
    ),
    order("switchboard.dispatch.v1.MarkRead", &["agent-client"]),
    Entry {
        name: "switchboard.media.v1.FetchMedia",
        kind: ItemKind::Command,
        stream: Stream::Media,
        ordering_key: "file",
        producers: &["whatsapp-webhook", "gateway"],
        consumers: &["whatsapp-webhook"],
        public_name: None,
    },
];

/// Finds an event by its full protobuf name.
pub fn find(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}
