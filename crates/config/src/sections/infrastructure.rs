use serde::{Deserialize, Serialize};

use crate::{ConnectionUrl, Secret, section::section};

section! {
    /// PostgreSQL.
    DatabaseSettings in database {
        /// Connection URL, `postgres://user:password@host:port/database`.
        #[env("DATABASE_URL")]
        url: ConnectionUrl = ConnectionUrl::default(),
        /// Connections one process may open.
        max_connections: u32 = 16,
        /// How long a task waits for a free connection, in milliseconds.
        acquire_timeout_ms: u64 = 5_000,
        /// The server cancels a statement that runs longer than this, in milliseconds.
        statement_timeout_ms: u64 = 30_000,
    }
}

section! {
    /// NATS JetStream.
    NatsSettings in nats {
        /// Server URL, or several separated by commas.
        #[env("NATS_URL")]
        url: ConnectionUrl = ConnectionUrl::default(),
        /// Content of a NATS credentials file (JWT and seed); empty for none.
        credentials: Secret = Secret::default(),
        /// Put before every stream, subject and durable name, so that several installations can
        /// share one server.
        prefix: String = String::new(),
        /// Copies of every stream; 1 on one server, 3 in a cluster.
        replicas: usize = 1,
        /// How long raw Meta posts are kept, in hours.
        updates_max_age_hours: u64 = 192,
        /// How long events are kept, in hours.
        events_max_age_hours: u64 = 168,
        /// How long commands are kept, in hours.
        commands_max_age_hours: u64 = 168,
        /// How long dead letters are kept, in hours.
        dead_max_age_hours: u64 = 720,
        /// Size limit of each stream in bytes; -1 for none.
        stream_max_bytes: i64 = -1,
        /// How long a publisher waits for the server's acknowledgement, in milliseconds.
        publish_ack_timeout_ms: u64 = 5_000,
        /// How long nothing may be heard of a reader before what it works on goes to another one, in seconds. Work
        /// that takes longer keeps itself: what a crashed process had in its hands waits this long.
        ack_wait_seconds: u64 = 30,
    }
}

section! {
    /// The operations listener (`/livez`, `/readyz`, `/metrics`) and the end of the process.
    OpsSettings in ops {
        /// Address of the operations listener; port 0 picks a free one.
        bind: String = "0.0.0.0:9090".to_owned(),
        /// How long work in flight may take after SIGTERM, in seconds. Keep it below the
        /// orchestrator's own grace period.
        shutdown_deadline_seconds: u64 = 25,
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON everywhere else.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Coloured, for people.
    Pretty,
}

section! {
    /// Logs, traces and metrics.
    TelemetrySettings in telemetry {
        /// `auto`, `json` or `pretty`.
        log_format: LogFormat = LogFormat::Auto,
        /// Which log lines are written, as a tracing filter: `info,sb_bus=debug`.
        #[env("RUST_LOG")]
        log_filter: String = "info".to_owned(),
        /// Base URL of an OTLP/HTTP collector for traces and metrics; empty for none. Prometheus
        /// metrics are served in any case.
        #[env("OTEL_EXPORTER_OTLP_ENDPOINT")]
        otlp_endpoint: String = String::new(),
        /// Part of the traces that start here which is exported, 0 to 1. A caller's decision wins.
        sample_ratio: f64 = 1.0,
    }
}

section! {
    /// Master keys of the secrets in the database.
    VaultSettings in vault {
        /// `kid:base64-of-32-bytes`, several separated by `|`. The first one seals, all of them
        /// open.
        keys: Secret = Secret::default(),
    }
}

section! {
    /// Outgoing HTTP.
    EgressSettings in egress {
        /// Lets requests to tenants' addresses reach private networks. Only on a laptop.
        allow_private_addresses: bool = false,
        /// Hosts that may be private all the same, separated by commas.
        allowed_hosts: String = String::new(),
        /// How long connecting may take, DNS and TLS included, in milliseconds.
        connect_timeout_ms: u64 = 3_000,
        /// How long a whole request may take when its caller says nothing else, in milliseconds.
        request_timeout_ms: u64 = 30_000,
    }
}

impl EgressSettings {
    /// Whether the host is on the list of exceptions, whatever its letter case.
    pub fn is_allowed_host(&self, host: &str) -> bool {
        self.allowed_hosts
            .split(',')
            .map(str::trim)
            .any(|allowed| !allowed.is_empty() && allowed.eq_ignore_ascii_case(host))
    }
}

section! {
    /// Media storage.
    MediaSettings in media {
        /// Where files are kept: a folder, or `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
        root: String = ".switchboard/media".to_owned(),
        /// Base URL of the storage's API, for servers that speak S3 and for stand-ins; empty for the provider's own.
        endpoint: String = String::new(),
        /// S3: the bucket's region; empty for `AWS_REGION`, or us-east-1.
        region: String = String::new(),
        /// S3: access key id. Azure: account. Empty for the identity the platform gives the process (`AWS_*`,
        /// `GOOGLE_*` and `AZURE_*` variables, workload identity, instance roles).
        access_key_id: String = String::new(),
        /// S3: secret access key. Azure: account key. Google: service account key as JSON. Empty as above.
        secret_key: Secret = Secret::default(),
        /// Address of clamd, `host:port`, which looks at each file before it is kept; empty for none. Its
        /// `StreamMaxLength` has to be the size limit of files at least.
        clamd: String = String::new(),
        /// The program that makes voice notes of other sounds: a name on the path, or a path.
        ffmpeg: String = "ffmpeg".to_owned(),
    }
}

section! {
    /// The relay that publishes what transactions left in the outbox.
    OutboxSettings in outbox {
        /// Rows taken at once.
        batch: u32 = 500,
        /// How often the table is looked at when no notification came, in milliseconds.
        poll_interval_ms: u64 = 1_000,
    }
}
