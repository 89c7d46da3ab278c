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

/// The same with the operator's key: that of the settings, of the command line, or of a running `switchboard dev`.
pub(super) fn connect_as_operator(
    args: &GatewayArgs,
    settings: &Settings,
) -> anyhow::Result<Client> {
    let configured = &settings.gateway.operator_key;
    let (url, key) = match (&args.url, configured.is_set(), &args.api_key) {
        (Some(url), true, _) => (url.clone(), configured.expose().to_owned()),
        (Some(url), false, Some(key)) => (url.clone(), key.clone()),
        (None, ..) | (Some(_), false, None) => {
            let dev = read_dev_file(args)?;
            let url = args.url.clone();
            let url = url.map_or_else(|| field(&dev, args, "gateway_url"), Ok)?;
            (url, field(&dev, args, "operator_key")?)
        }
    };
    Ok(Client::new(&url, key, Egress::new(&settings.egress)?)?)
}

/// The gateway's address and a key: from the command line, or from a running `switchboard dev`.
fn find(args: &GatewayArgs) -> anyhow::Result<(String, String)> {
    if let (Some(url), Some(key)) = (&args.url, &args.api_key) {
        return Ok((url.clone(), key.clone()));
    }
    let dev = read_dev_file(args)?;
    let field = |name: &str| field(&dev, args, name);
    let url = args.url.clone().map_or_else(|| field("gateway_url"), Ok)?;
    let key = args.api_key.clone().map_or_else(|| field("api_key"), Ok)?;
    Ok((url, key))
}

fn read_dev_file(args: &GatewayArgs) -> anyhow::Result<Value> {
    let Ok(bytes) = std::fs::read(&args.dev_file) else {
        bail!(
            "no gateway is known: start `switchboard dev`, or give --url and --api-key \
             (SWITCHBOARD_URL, SWITCHBOARD_API_KEY)"
        );
    };
    serde_json::from_slice(&bytes).with_context(|| format!("reading {}", args.dev_file.display()))
}

fn field(dev: &Value, args: &GatewayArgs, name: &str) -> anyhow::Result<String> {
    dev.get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("{} has no {name}", args.dev_file.display()))
}
