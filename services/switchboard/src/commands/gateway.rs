//! How commands that are the gateway's clients find it.

use anyhow::{Context, bail};
use sb_client::Client;
use sb_config::Settings;
use sb_egress::Egress;
use serde_json::Value;

use crate::cli::GatewayArgs;

/// A client of the gateway that the command line, or a running `switchboard dev`, names.
pub(super) fn connect(args: &GatewayArgs, settings: &Settings) -> anyhow::Result<Client> {
    let (url, key) = find(args)?;
    Ok(Client::new(&url, key, Egress::new(&settings.egress)?)?)
}

/// The gateway's address and a key: from the command line, or from a running `switchboard dev`.
fn find(args: &GatewayArgs) -> anyhow::Result<(String, String)> {
    if let (Some(url), Some(key)) = (&args.url, &args.api_key) {
        return Ok((url.clone(), key.clone()));
    }
    let Ok(bytes) = std::fs::read(&args.dev_file) else {
        bail!(
            "no gateway is known: start `switchboard dev`, or give --url and --api-key \
             (SWITCHBOARD_URL, SWITCHBOARD_API_KEY)"
        );
    };
    let dev: Value = serde_json::from_slice(&bytes)
        .with_context(|| format!("reading {}", args.dev_file.display()))?;
    let field = |name: &str| {
        dev.get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .with_context(|| format!("{} has no {name}", args.dev_file.display()))
    };
    let url = args.url.clone().map_or_else(|| field("gateway_url"), Ok)?;
    let key = args.api_key.clone().map_or_else(|| field("api_key"), Ok)?;
    Ok((url, key))
}
