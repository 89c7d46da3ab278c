//! The command line.

pub(crate) mod people;
pub(crate) mod updates;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Switchboard: WhatsApp for many tenants, with AI agents.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, about)]
pub(crate) struct Cli {
    /// Read settings from this YAML file.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set one setting, above every other source.
    #[arg(long = "set", global = true, value_name = "SECTION.FIELD=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: private servers, all services, the simulator, a demo tenant.
    Dev(DevArgs),
    /// Run all services in one process, with the settings of the environment.
    All,
    /// Run one service.
    Serve {
        /// Which one.
        service: ServiceName,
    },
    /// Apply pending database migrations.
    Migrate,
    /// Check settings, database, NATS, the Graph API and the webhook, and say what to do.
    Doctor,
    /// Send a text message through the API.
    Send(SendArgs),
    /// Show a tenant's events as they happen.
    Tail(TailArgs),
    /// Tell the story of one message: every hop, time, try and error.
    Why {
        /// The message's id or its wamid.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Find contacts, make two of them one person, and undo that.
    #[command(subcommand)]
    Contacts(people::ContactsCommand),
    /// Look after updates of Meta's that could not be handled.
    #[command(subcommand)]
    Quarantine(updates::QuarantineCommand),
    /// Run the updates of a time again, as far as they are kept; nothing takes effect twice.
    Replay(updates::ReplayArgs),
    /// Put every secret in the database under the first master key of vault.keys.
    RotateKeys,
    /// Make a master key for vault.keys.
    GenerateKey {
        /// The key's id: letters, digits, `-` and `_`.
        id: String,
    },
    /// Run a command with a private PostgreSQL and nats-server (`DATABASE_URL` and `NATS_URL`).
    Servers {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Print the effective settings with secrets masked.
    PrintConfig,
    /// Print the reference table of all settings (Markdown).
    Settings,
    /// Measure.
    Bench {
        #[command(subcommand)]
        what: BenchCommand,
    },
}

/// Options of `dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where data, secrets and logs live.
    #[arg(long, default_value = ".switchboard")]
    pub(crate) directory: PathBuf,
    /// Preferred port of the gateway; when taken, a free one is chosen. Likewise below.
    #[arg(long, default_value_t = 8080)]
    pub(crate) gateway_port: u16,
    /// Preferred port of the webhook.
    #[arg(long, default_value_t = 8081)]
    pub(crate) webhook_port: u16,
    /// Preferred port of the simulator.
    #[arg(long, default_value_t = 8090)]
    pub(crate) simulator_port: u16,
    /// Forget everything from earlier runs first.
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// How to reach a gateway. Without options, that of the running `switchboard dev`.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// The gateway's address.
    #[arg(long, env = "SWITCHBOARD_URL")]
    pub(crate) url: Option<String>,
    /// The API key.
    #[arg(long, env = "SWITCHBOARD_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// Where `switchboard dev` left its addresses.
    #[arg(long, default_value = ".switchboard/dev.json")]
    pub(crate) dev_file: PathBuf,
}

/// Options of `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// The recipient's phone number, in digits with the country code.
    pub(crate) to: String,
    /// The text.
    pub(crate) text: String,
    /// Send from this number (our id or Meta's); not needed when there is only one.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// The same key sends the message once, however often the command runs.
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
}

/// Options of `tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// Start after this event (the id of a line).
    #[arg(long)]
    pub(crate) after: Option<String>,
}

/// Services that can be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServiceName {
    /// Accepts Meta's webhooks and ingests them.
    WhatsappWebhook,
    /// Sends messages.
    WhatsappDispatcher,
    /// Manages numbers.
    WhatsappManager,
    /// Runs agents.
    AgentClient,
    /// Turns files into text.
    Annotator,
    /// The tenants' API.
    Gateway,
    /// Stands in for Meta and the model providers.
    Simulator,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Webhooks: accepted a second against a bare server, and stored a second.
    Ingest(BenchArgs),
    /// The whole way: webhook, agent, answer, Graph API, statuses.
    Pipeline(BenchArgs),
    /// One dispatcher against a Graph API that takes everything: messages a second against a bare loop of requests.
    Dispatch(BenchArgs),
    /// The Graph API that `dispatch` sends to.
    #[command(hide = true)]
    GraphStub,
    /// The bare server that `ingest` compares with: actix, HMAC and JetStream, nothing else.
    #[command(hide = true)]
    Ceiling,
}

/// Options of benchmarks.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Messages to send.
    #[arg(long)]
    pub(crate) messages: Option<usize>,
    /// Connections of the load generator.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Contacts that write.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) contacts: usize,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
