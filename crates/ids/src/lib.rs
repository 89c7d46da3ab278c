#![doc = include_str!("../README.md")]

mod lane;
mod meta;
mod row;

pub use lane::{LANES, Lane, SHARDS, Shard};
pub use meta::{Bsuid, GroupId, InvalidId, MetaAppId, PhoneNumberId, WaId, WabaId, Wamid};
pub use row::{
    AgentId, ApiKeyId, AuditId, ContactId, ContactMergeId, ConversationId, EventId, FlowEndpointId,
    FlowExchangeId, FlowKeyId, MediaId, MessageId, NumberId, OrganizationId, PostId, QuarantineId,
    TurnId, UserId,
};
