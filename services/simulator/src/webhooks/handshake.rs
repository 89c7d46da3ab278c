//! Meta's check that a callback address belongs to who configures it.

use std::time::Duration;

use sb_egress::Egress;
use url::Url;

use super::deliver::chain;

/// Why an address was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("{0} is not an http or https address")]
    Address(String),
    #[error("{url} did not answer the verification request: {reason}")]
    Unreachable { url: String, reason: String },
    #[error(
        "{url} answered HTTP {status} to the verification request; \
         check that the verify token is the same on both sides"
    )]
    Refused { url: String, status: u16 },
    #[error("{url} did not send the challenge back unchanged")]
    WrongChallenge { url: String },
}

/// Asks the address for the challenge.
///
/// # Errors
/// When the address does not answer 200 with the bare challenge.
///
/// # Source
/// Meta, "Create a webhook endpoint", verification requests.
pub(crate) async fn verify(
    egress: &Egress,
    address: &str,
    verify_token: &str,
) -> Result<(), HandshakeError> {
    let challenge = rand::random::<u32>().to_string();
    let not_http = || HandshakeError::Address(address.to_owned());
    let mut url = Url::parse(address).map_err(|_| not_http())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(not_http());
    }
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &challenge)
        .append_pair("hub.verify_token", verify_token);
    let unreachable = |reason: String| HandshakeError::Unreachable {
        url: address.to_owned(),
        reason,
    };
    let response = egress
        .get(url.as_str())
        .timeout(Duration::from_secs(10))
        .trusted()
        .send("simulator.webhook.verify")
        .await
        .map_err(|error| unreachable(chain(&error)))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(HandshakeError::Refused {
            url: address.to_owned(),
            status,
        });
    }
    let body = response
        .bytes_limited(4 * 1024)
        .await
        .map_err(|error| unreachable(chain(&error)))?;
    if body.as_ref() != challenge.as_bytes() {
        return Err(HandshakeError::WrongChallenge {
            url: address.to_owned(),
        });
    }
    Ok(())
}
