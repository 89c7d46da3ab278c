//! Who may do what.

use serde::{Deserialize, Serialize};

/// A member's or key's rank in an organization, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers conversations.
    Agent,
    /// Answers, and sees everything.
    Member,
    /// Configures numbers, agents and keys.
    Admin,
    /// Everything, including the organization itself.
    Owner,
}

impl Role {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "agent" => Some(Self::Agent),
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }
}

/// One thing an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Send messages.
    #[serde(rename = "messages:write")]
    MessagesWrite,
    /// Read messages, conversations and contacts, and the event stream.
    #[serde(rename = "messages:read")]
    MessagesRead,
    /// Change contacts and conversations.
    #[serde(rename = "contacts:write")]
    ContactsWrite,
    /// Read numbers, agents and the organization.
    #[serde(rename = "settings:read")]
    SettingsRead,
    /// Change numbers, agents and the organization.
    #[serde(rename = "settings:write")]
    SettingsWrite,
    /// Make and revoke API keys.
    #[serde(rename = "keys:write")]
    KeysWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::MessagesWrite,
        Self::MessagesRead,
        Self::ContactsWrite,
        Self::SettingsRead,
        Self::SettingsWrite,
        Self::KeysWrite,
    ];

    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessagesWrite => "messages:write",
            Self::MessagesRead => "messages:read",
            Self::ContactsWrite => "contacts:write",
            Self::SettingsRead => "settings:read",
            Self::SettingsWrite => "settings:write",
            Self::KeysWrite => "keys:write",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// The lowest role that may hold the scope.
    pub const fn least_role(self) -> Role {
        match self {
            Self::MessagesWrite | Self::MessagesRead | Self::ContactsWrite => Role::Agent,
            Self::SettingsRead => Role::Member,
            Self::SettingsWrite | Self::KeysWrite => Role::Admin,
        }
    }
}
