#![doc = include_str!("../README.md")]

mod agent_context;
mod agents;
mod annotations;
mod api_keys;
mod audit;
mod contacts;
mod conversations;
pub mod dispatch;
mod error;
mod flow_endpoints;
mod flow_keys;
mod idempotency;
mod identity;
pub mod ingest;
mod media;
mod media_fetches;
mod media_retention;
mod media_uploads;
mod messages;
mod number_profiles;
mod numbers;
mod operations;
mod organizations;
mod outbox;
mod page;
mod pool;
mod quarantine;
mod queue;
mod sealed;
mod story;
mod transaction;
mod turns;

pub use agent_context::{AgentContexts, AnsweringAgent, Author, ContextMessage};
pub use agents::{Agent, AgentChange, Agents, NewAgent};
pub use annotations::{AnnotatedMessage, Annotations};
pub use api_keys::{ApiKey, ApiKeys, KeyHolder, NewApiKey, SystemApiKeys};
pub use audit::{Audit, AuditEntry};
pub use contacts::{Contact, Contacts, Identity, StoredIdentity};
pub use conversations::{Conversation, ConversationChange, ConversationFilter, Conversations};
pub use error::DbError;
pub use flow_endpoints::{
    FlowEndpoint, FlowEndpointChange, FlowEndpoints, FlowHandler, NewFlowEndpoint, ServingAgent,
    ServingFlowEndpoint, SystemFlowEndpoints,
};
pub use flow_keys::{FlowKeys, NewFlowKey, RotatedFlowKey, StoredFlowKey};
pub use idempotency::{Idempotency, IdempotencyClaim};
pub use identity::{
    ContactMerge, Identities, MergeCause, MergeOutcome, MergeRequest, Sighted, Sighting,
};
pub use media::{Annotation, Media, MediaFiles, MediaState, NewMedia};
pub use media_fetches::{FetchedFile, MediaFetches, OverdueFile, WantedFile};
pub use media_retention::{ExpiredFile, MediaRetention};
pub use media_uploads::{MediaUpload, MediaUploads};
pub use messages::{Message, MessageState, Messages};
pub use number_profiles::{
    Account, DueProfile, NumberProfile, NumberProfiles, ProfileSource, SavedProfile,
    SystemNumberProfiles,
};
pub use numbers::{NewNumber, Number, NumberChange, Numbers, SystemNumbers};
pub use operations::Operations;
pub use organizations::{
    Organization, OrganizationChange, OrganizationStatus, Organizations, SystemOrganizations,
};
pub use outbox::{Outbox, OutboxListener, OutboxRow, SystemOutbox, Woken};
pub use page::{ActivityKey, Order, Page, PageRequest, SequenceKey};
pub use pool::{Db, MIGRATOR};
pub use quarantine::{
    Quarantine, QuarantineFilter, QuarantineResolution, QuarantinedItem, ReplayRequest, SetAside,
};
pub use queue::{MessageQueue, NewOutgoing, QueuedMessage};
pub use sealed::{SealedColumn, SealedRow, SealedSecrets};
pub use story::{Hop, MessageStory, Stories};
pub use transaction::{SystemReason, SystemTx, TenantTx};
pub use turns::{
    AskedTurn, ClaimedTurn, Finished, HeldTurn, HeldTurns, TurnClaim, TurnKey, TurnQueue,
    TurnRequest, TurnState, TurnStatus, TurnTrace,
};
