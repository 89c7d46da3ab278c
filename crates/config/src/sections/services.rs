use serde::{Deserialize, Serialize};

use crate::{Secret, section::section};

/// Which part of the webhook service a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookRole {
    /// All parts.
    #[default]
    All,
    /// Accepts Meta's posts.
    Receive,
    /// Turns accepted posts into rows and events.
    Ingest,
    /// Gets received files from Meta.
    Media,
}

section! {
    /// `whatsapp-webhook`: Meta's webhooks.
    WebhookSettings in webhook {
        /// Address it listens on.
        bind: String = "0.0.0.0:8081".to_owned(),
        /// `all`, `receive`, `ingest` or `media`.
        role: WebhookRole = WebhookRole::All,
        /// HTTP worker threads.
        workers: usize = 1,
        /// Largest accepted post, in bytes. Meta sends up to 3 MB.
        max_body_bytes: usize = 3_145_728,
        /// Posts packed into one JetStream message at most.
        max_batch_posts: usize = 128,
        /// JetStream messages that may wait for their acknowledgement at once.
        commit_inflight: usize = 2,
        /// Posts of one worker that may wait to be packed; more are answered 503.
        queue_capacity: usize = 4_096,
        /// Bytes of posts that one worker holds at most; more are answered 503.
        memory_budget_bytes: usize = 67_108_864,
        /// Posts one ingest transaction takes at most.
        ingest_batch: usize = 500,
        /// How long ingest waits for a fuller batch, in milliseconds.
        ingest_linger_ms: u64 = 10,
        /// Received files fetched at once.
        media_at_once: usize = 4,
        /// Largest received file that is kept, in bytes. Meta passes on up to 100 MB.
        media_limit_bytes: u64 = 104_857_600,
        /// Address under which Meta reaches us, with the path; used when an app is subscribed.
        public_url: String = String::new(),
    }
}

section! {
    /// `whatsapp-dispatcher`: sending.
    DispatcherSettings in dispatcher {
        /// Messages per second of a number whose own limit is not known.
        default_rate_per_second: u32 = 80,
        /// Requests to the Graph API at once.
        max_in_flight: usize = 256,
        /// How long one request may take, in milliseconds.
        send_timeout_ms: u64 = 20_000,
        /// How long a lost answer stays `unknown` before the policy decides, in seconds.
        unknown_deadline_seconds: u64 = 3_600,
        /// Rows claimed at once.
        claim_batch: u32 = 200,
    }
}

section! {
    /// `agent-client`: agent turns.
    AgentSettings in agent {
        /// Turns worked on at once.
        workers: usize = 32,
        /// How long a worker owns a turn without renewing it, in seconds.
        lease_seconds: u64 = 60,
        /// How often the queue is looked at when nothing woke us, in milliseconds.
        poll_interval_ms: u64 = 500,
        /// How long one turn may take, in seconds.
        turn_timeout_seconds: u64 = 120,
        /// How long a contact may keep typing before the agent answers, in seconds, where the
        /// agent itself says nothing else.
        response_delay_seconds: u64 = 3,
        /// Whether the contact sees that the agent has read the message and is typing.
        read_receipts: bool = true,
    }
}

section! {
    /// `annotator`: media to text.
    AnnotatorSettings in annotator {
        /// Largest document that is read, in bytes.
        max_document_bytes: u64 = 10_485_760,
    }
}

section! {
    /// `whatsapp-manager`: numbers and accounts.
    ManagerSettings in manager {
        /// Address it listens on.
        bind: String = "0.0.0.0:8083".to_owned(),
        /// Credential that callers of its API present, since it stands behind the gateway; at least 16
        /// characters.
        internal_key: Secret = Secret::default(),
        /// How often each number's profile and status are read again, in seconds.
        refresh_interval_seconds: u64 = 3_600,
        /// Profiles that one process reads a second at most.
        refreshes_per_second: u32 = 5,
    }
}

section! {
    /// `gateway`: the public API.
    GatewaySettings in gateway {
        /// Address it listens on.
        bind: String = "0.0.0.0:8080".to_owned(),
        /// HTTP worker threads.
        workers: usize = 1,
        /// Key under which API keys are hashed. Changing it invalidates every key.
        api_key_pepper: Secret = Secret::default(),
        /// Credential of the operator, who makes and lists organizations; at least 16 characters.
        /// Empty for none: then no organization can be made over HTTP.
        operator_key: Secret = Secret::default(),
        /// Address under which tenants reach the API.
        public_url: String = String::new(),
        /// Largest accepted request body, in bytes.
        body_limit_bytes: usize = 1_048_576,
        /// How long an idempotency key is remembered, in hours.
        idempotency_hours: u64 = 24,
        /// Largest accepted media file, in bytes. Meta takes documents of up to 100 MB.
        media_limit_bytes: u64 = 104_857_600,
        /// Event streams one API key may have open at once.
        streams_per_key: usize = 10,
    }
}

section! {
    /// `simulator`: the stand-in for Meta and the model providers. Its credentials protect nothing
    /// and are therefore printed.
    SimulatorSettings in simulator {
        /// Address it listens on.
        bind: String = "127.0.0.1:8090".to_owned(),
        /// Where it posts webhooks; empty for nowhere until an app subscribes one.
        webhook_url: String = String::new(),
        /// Id of its Meta app.
        app_id: String = "900000000000001".to_owned(),
        /// Secret it signs webhooks with.
        app_secret: String = "simulator-app-secret".to_owned(),
        /// Word it repeats when it verifies a webhook address.
        verify_token: String = "simulator-verify-token".to_owned(),
        /// The only access token it accepts.
        access_token: String = "simulator-access-token".to_owned(),
        /// Id of its first business number.
        phone_number_id: String = "900000000000101".to_owned(),
        /// Its first business number as people write it.
        display_phone_number: String = "+1 555 010 0001".to_owned(),
        /// Name people see for its first business number.
        verified_name: String = "Switchboard Demo".to_owned(),
        /// Id of its WhatsApp business account.
        waba_id: String = "900000000000201".to_owned(),
        /// Id of the business that owns the account.
        business_id: String = "900000000000301".to_owned(),
        /// Key its model endpoints demand; empty accepts any key or none.
        llm_api_key: String = String::new(),
        /// Start of its ids and of chance, for repeatable runs; 0 picks one at random.
        seed: u64 = 0,
    }
}
