#![doc = include_str!("../README.md")]

mod client;
mod error;
mod events;
mod operations;
mod types;

pub use client::Client;
pub use error::{ClientError, FieldError, Problem};
pub use events::{Event, EventStream, PlacedEvent};
pub use types::agents::{Agent, CreateAgent, UpdateAgent};
pub use types::api_keys::{ApiKey, CreateApiKey, CreatedApiKey};
pub use types::contacts::{Contact, ContactMerge, Identity};
pub use types::conversations::{Conversation, ConversationFilter, UpdateConversation};
pub use types::flow_endpoints::{
    CreateFlowEndpoint, CreatedFlowEndpoint, FlowEndpoint, FlowHandler, RotateFlowKey,
    UpdateFlowEndpoint,
};
pub use types::list::{List, MessageOrder, PageOptions, Paging};
pub use types::media::{Annotation, Media, MediaLinks, Upload};
pub use types::messages::{Message, SendError, SendMessage};
pub use types::numbers::{CreateNumber, Number, UpdateNumber};
pub use types::organizations::{CreatedOrganization, Organization, UpdateOrganization};
pub use types::quarantine::{QuarantineFilter, QuarantineState, QuarantinedUpdate};
