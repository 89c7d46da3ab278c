//! Signed webhooks, made before the clock starts.

use sb_cloud_api::signature::Signer;
use sb_config::Secret;
use sb_domain::Clock;

/// Whose webhooks.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) waba_id: String,
    pub(crate) phone_number_ids: Vec<String>,
    pub(crate) app_secret: Secret,
}

/// Text messages, one a POST, as raw HTTP requests. Contacts take turns.
pub(crate) fn requests(
    account: &Account,
    run: &str,
    (messages, contacts): (usize, usize),
    (host, path): (&str, &str),
) -> Vec<Vec<u8>> {
    let signer = Signer::new(&account.app_secret);
    // Just sent: an answer to a message of yesterday would come too late for its customer service window.
    let now = Clock::system().now().timestamp();
    (0..messages)
        .map(|index| {
            let body = body(account, run, (index, now), contacts);
            let signature = signer.header(body.as_bytes());
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
                 User-Agent: facebookexternalua\r\nX-Hub-Signature-256: {signature}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .collect()
}

fn body(account: &Account, run: &str, (index, timestamp): (usize, i64), contacts: usize) -> String {
    let contact = index % contacts.max(1);
    let numbers = account.phone_number_ids.len().max(1);
    let number = account
        .phone_number_ids
        .get(contact % numbers)
        .map_or("", String::as_str);
    let wa_id = 4_915_000_000_000_u64 + u64::try_from(contact).unwrap_or(0);
    // As long as a real text message: about one kilobyte.
    let text = format!(
        "Message {index} of {run}. {}",
        "Is the blue one still available? ".repeat(14)
    );
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{waba}","changes":[{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550100001","phone_number_id":"{number}"}},"contacts":[{{"profile":{{"name":"Contact {contact}"}},"wa_id":"{wa_id}","user_id":"DE.{wa_id}"}}],"messages":[{{"from":"{wa_id}","from_user_id":"DE.{wa_id}","id":"wamid.{run}.{index:012}","timestamp":"{timestamp}","text":{{"body":"{text}"}},"type":"text"}}]}},"field":"messages"}}]}}]}}"#,
        waba = account.waba_id,
    )
}
